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

CheckpointInfo saved_by(const Configuration& configuration) {
  return {.mesh = {1, 2},
          .data = "d",
          .options = {configuration.begin(), configuration.end()},
          .scalar = std::string(scalar_name)};
}

const Configuration before = {
    {"widths", "5,3"}, {"batch", "8"}, {"lr", "0.1"}, {"layout", "gather"}};

std::vector<std::string> changes(const Configuration& now, MeshShape mesh, bool exact) {
  return check_resumable("f", saved_by(before), {now, "d", mesh, exact});
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
                  check_resumable("f", info, {before, data, {1, 2}, false});
                }),
                {"another data set"}) == "");
  info = saved_by(before);
  info.scalar = "quad";
  CHECK(lacking(error_of([&] {
                  check_resumable("f", info, {before, data, {1, 2}, false});
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
