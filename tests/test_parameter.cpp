#include "colonnade/parameter.hpp"

#include "colonnade/random.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

TEST_CASE("every shard of every cut is a slice of the same keyed tensor") {
  const KeyedRandom random(3, "layers.0.weight");
  for (Index parts = 1; parts <= 4; ++parts) {
    for (Index part = 0; part < parts; ++part) {
      Parameter parameter = make_parameter({.name = "layers.0.weight",
                                            .rows = 5,
                                            .cols = 7,
                                            .owned_rows = shard_range(5, parts, part),
                                            .owned_cols = shard_range(7, parts, part)});
      fill_normal(parameter, 3, 0.5);
      for (Index j = 0; j < parameter.value.cols(); ++j) {
        for (Index i = 0; i < parameter.value.rows(); ++i) {
          const auto index = static_cast<std::uint64_t>((parameter.owned_cols.begin + j) * 5 +
                                                        parameter.owned_rows.begin + i);
          CHECK(parameter.value(i, j) == static_cast<Scalar>(0.5 * random.normal(index)));
        }
      }
    }
  }
}

TEST_CASE("a new parameter is zero and so is its gradient") {
  const Parameter parameter = make_parameter({.name = "b",
                                              .rows = 1,
                                              .cols = 9,
                                              .owned_rows = {0, 1},
                                              .owned_cols = {3, 6},
                                              .is_bias = true});
  CHECK(parameter.global_size() == 9);
  CHECK(parameter.global_index(0, 2) == 5);
  for (Index i = 0; i < 3; ++i) {
    CHECK(parameter.value.data()[i] == 0);
    CHECK(parameter.grad.data()[i] == 0);
  }
}

TEST_CASE("the block of a whole tensor is what its part holds") {
  const Tensor whole = harness::random_matrix(5, 7, "whole");
  const Parameter part = {.rows = 5, .cols = 7, .owned_rows = {1, 4}, .owned_cols = {2, 7}};
  const Tensor block = block_of(whole, part);
  CHECK(block.rows() == 3);
  CHECK(block.cols() == 5);
  for (Index j = 0; j < 5; ++j)
    for (Index i = 0; i < 3; ++i) CHECK(block(i, j) == whole(1 + i, 2 + j));
  CHECK(harness::error_of([&] { block_of(harness::random_matrix(7, 5, "w"), part); }) != "");
}
