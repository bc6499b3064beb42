// Ranks that were started differently: which, and in what, is said by all of them.
#include "colonnade/agreement.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/dataset.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

namespace {

const std::vector<Fact> common = {{"build", "version", "1.0"},
                                  {"configuration", "--batch", "128"},
                                  {"configuration", "--lr", "0.001"}};

std::vector<Fact> with(Fact fact) {
  std::vector<Fact> facts = common;
  for (Fact& known : facts) {
    if (known.name == fact.name) {
      known = fact;
      return facts;
    }
  }
  facts.push_back(fact);
  return facts;
}

/// What the error says, which must be the same agreed one on all ranks; "" without an error.
std::string difference(ProcessGroup& world, const std::vector<Fact>& facts) {
  std::string said;
  bool agreed = true;
  try {
    check_agreement(world, facts);
  } catch (const Error& error) {
    said = error.what();
    agreed = error.is_agreed();
  }
  CHECK(agreed);
  for (const std::string& text : gather_text(world, said)) CHECK(text == said);
  return said;
}

}  // namespace

RANKS_TEST_CASE("ranks that agree send one number each", "1-8") {
  check_agreement(world, common);
  CHECK(world.total_traffic().calls == 1);
  CHECK(world.total_traffic().bytes_sent == 8 * (world.size() - 1));
}

RANKS_TEST_CASE("the rank that differs is named, with what it has", "3-8") {
  for (int other = 0; other < world.size(); ++other) {
    const bool differs = world.rank() == other;
    CHECK(difference(world, differs ? with({"configuration", "--lr", "0.002"}) : common) ==
          "the ranks don't have the same configuration: rank " + std::to_string(other) +
              " has --lr 0.002, the others 0.001; start all ranks alike");
  }
}

RANKS_TEST_CASE("of two ranks the lower one is right", "2") {
  const std::string lr = world.rank() == 0 ? "0.1" : "0.2";
  CHECK(difference(world, with({"configuration", "--lr", lr}))
            .find("rank 1 has --lr 0.2, the others 0.1;") != std::string::npos);
}

RANKS_TEST_CASE("several ranks that differ are all named, by what they have", "7") {
  const std::vector<std::string> batches = {"1", "2", "1", "3", "2", "2", "2"};
  CHECK(difference(world, with({"configuration", "--batch",
                                batches[static_cast<std::size_t>(world.rank())]}))
            .find("ranks 0 and 2 have --batch 1, rank 3 has --batch 3, the others 2;") !=
        std::string::npos);
}

RANKS_TEST_CASE("a fact that only some ranks have is a difference too", "3-8") {
  const Fact clip = {"configuration", "--clip", "0.5"};
  const bool last = world.rank() == world.size() - 1;
  const std::string rank = "rank " + std::to_string(world.size() - 1);
  CHECK(difference(world, last ? with(clip) : common)
            .find(rank + " has --clip 0.5, the others "
                         "have none;") != std::string::npos);
  CHECK(difference(world, last ? common : with(clip))
            .find(rank + " has no --clip, the others "
                         "0.5;") != std::string::npos);
  CHECK(difference(world, last ? std::vector<Fact>{} : common).find("the same build: " + rank) !=
        std::string::npos);
}

RANKS_TEST_CASE("the first difference speaks", "2-4") {
  std::vector<Fact> facts = common;
  if (world.rank() == 1) {
    for (Fact& fact : facts) fact.value += "0";
  }
  CHECK(difference(world, facts).find("the same build: rank 1 has version 1.00") !=
        std::string::npos);
}

TEST_CASE("a data set's digest is that of its numbers, in their order") {
  const auto digest = [](auto&& change) {
    Tensor x = harness::random_matrix(3, 40, "x"), t = harness::random_matrix(2, 40, "t");
    change(x, t);
    return MatrixDataset(std::move(x), std::move(t), "x", "t").digest();
  };
  const auto same = digest([](Tensor&, Tensor&) {});
  CHECK(digest([](Tensor&, Tensor&) {}) == same);
  CHECK(digest([](Tensor& x, Tensor&) { x(2, 39) = -x(2, 39); }) != same);
  CHECK(digest([](Tensor&, Tensor& t) { t(0, 0) = 5; }) != same);
  CHECK(digest([](Tensor& x, Tensor&) { std::swap(x(0, 1), x(0, 2)); }) != same);
  CHECK(digest([](Tensor& x, Tensor& t) { std::swap(x, t); }) != same);
  // The same numbers in another shape.
  const auto zeros = [](Index inputs, Index targets, Index n) {
    return MatrixDataset(Tensor::zeros(inputs, n), Tensor::zeros(targets, n), "x", "t").digest();
  };
  CHECK(zeros(2, 1, 6) != zeros(4, 2, 3));
  CHECK(zeros(2, 1, 6) != zeros(1, 2, 6));
}

TEST_CASE("so is that of images and labels, to the last byte") {
  const auto digest = [](Index rows, Index cols, auto&& change) {
    std::vector<std::uint8_t> pixels(5 * 3 * 3), labels(5);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(7 * i);
    change(pixels, labels);
    return IdxDataset({5, rows, cols, pixels}, labels, 10, "images", "labels").digest();
  };
  using Bytes = std::vector<std::uint8_t>;
  const auto same = digest(3, 3, [](Bytes&, Bytes&) {});
  CHECK(digest(3, 3, [](Bytes&, Bytes&) {}) == same);
  CHECK(digest(9, 1, [](Bytes&, Bytes&) {}) != same);
  for (std::size_t i = 0; i < 45; ++i) {
    CHECK(digest(3, 3, [=](Bytes& pixels, Bytes&) { pixels[i] ^= 64; }) != same);
  }
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(digest(3, 3, [=](Bytes&, Bytes& labels) { labels[i] ^= 1; }) != same);
  }
}
