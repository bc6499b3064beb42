#include "app/resumable.hpp"

#include <string>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using namespace colonnade;
using app::check_resumable;
using app::Configuration;
using harness::error_of;
using harness::lacking;

namespace {

const Arithmetic machine = {"kernels", "mpi, 1 thread"};

CheckpointInfo saved_by(const Configuration& configuration) {
  return {.mesh = {1, 2},
          .data = "d",
          .options = {configuration.begin(), configuration.end()},
          .arithmetic = machine,
          .scalar = std::string(scalar_name)};
}

const Configuration before = {
    {"widths", "5,3"}, {"batch", "8"}, {"lr", "0.1"}, {"layout", "gather"}};

std::vector<std::string> changes(Configuration now, MeshShape mesh, bool exact,
                                 const Arithmetic& arithmetic = machine) {
  Configuration then = before;
  for (Configuration* options : {&now, &then})
    options->emplace_back("exact", exact ? "true" : "false");
  return check_resumable("f", saved_by(then), {now, "d", mesh, arithmetic});
}

}  // namespace

TEST_CASE("the same run goes on without a word") {
  CHECK(changes(before, {1, 2}, false).empty());
  Configuration with_mesh = before;
  with_mesh.emplace_back("mesh", "tp=2");
  CHECK(changes(with_mesh, {1, 2}, false).empty());
}

TEST_CASE("what the tensors and the position mean must be the same") {
  for (const auto& [name, value] : Configuration{{"widths", "5,4"}, {"batch", "9"}}) {
    Configuration now = before;
    for (auto& option : now)
      if (option.first == name) option.second = value;
    const std::string error = error_of([&] { changes(now, {1, 2}, true); });
    CHECK(lacking(error, {"cannot resume from f", "another --" + name, "found " + value}) == "");
  }
  CheckpointInfo info = saved_by(before);
  info.data = "e";
  const std::string data = "d";
  CHECK(lacking(error_of([&] {
                  check_resumable("f", info, {before, data, {1, 2}, machine});
                }),
                {"another data set"}) == "");
  info = saved_by(before);
  info.scalar = "quad";
  CHECK(lacking(error_of([&] {
                  check_resumable("f", info, {before, data, {1, 2}, machine});
                }),
                {"another number type", "wanted quad"}) == "");
}

TEST_CASE("whatever else has changed is told, and whether the last bits are still the same") {
  Configuration now = before;
  now[2].second = "0.2";
  now.emplace_back("clip", "1");
  CHECK(changes(now, {1, 2}, false) == std::vector<std::string>{"--clip was not given and is now 1",
                                                                "--lr was 0.1 and is now 0.2"});
  const std::string other_bits = "the last bits will differ";
  std::vector<std::string> lines = changes(before, {2, 1}, false);
  CHECK(lines.size() == 2);
  CHECK(lacking(lines.front(), {"dp=1,tp=2", "dp=2,tp=1"}) == "");
  CHECK(lacking(lines.back(), {other_bits, "--exact"}) == "");
  lines = changes(before, {2, 1}, true);
  CHECK(lines.size() == 1);
  now = before;
  now[3].second = "pair";
  CHECK(lacking(changes(now, {1, 2}, true).back(), {other_bits}) == "");
}

TEST_CASE("other kernels change the last bits, another transport those of fast mode only") {
  const Arithmetic on_threads = {"kernels", "threads, 2 threads"};
  const std::vector<std::string> lines = changes(before, {1, 2}, false, on_threads);
  CHECK(lacking(lines.front(), {"mpi, 1 thread", "threads, 2 threads"}) == "");
  CHECK(lacking(lines.back(), {"the last bits will differ"}) == "");
  CHECK(changes(before, {1, 2}, true, on_threads).empty());
  CHECK(lacking(changes(before, {1, 2}, true, {"other kernels", ""}).back(),
                {"the last bits will differ"}) == "");
}

TEST_CASE("what a stranger's file says is printed without its control characters") {
  Configuration strange = before;
  strange.emplace_back("evil\x1b[31m\nresumed", "\x07");
  const auto lines = check_resumable("f", saved_by(strange), {before, "d", {1, 2}, machine});
  CHECK(lines == std::vector<std::string>{"--evil?[31m?resumed was ? and is now not given"});
}
