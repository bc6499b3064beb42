#include "colonnade/checkpoint_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "files.hpp"
#include "harness.hpp"

using colonnade::CheckpointFolder;
using harness::error_of;
using harness::lacking;
using harness::temporary_folder;
using harness::write_file;

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds at_once{0};

std::vector<std::string> names(const CheckpointFolder& folder) {
  std::vector<std::string> names;
  for (const std::string& path : folder.newest_first())
    names.push_back(fs::path(path).filename().string());
  return names;
}

}  // namespace

TEST_CASE("a folder is made, and lists its checkpoints by their steps") {
  const fs::path path = temporary_folder() / "a" / "b";
  const CheckpointFolder folder(path.string());
  CHECK(folder.newest_first().empty());
  CHECK(folder.path_of(120) == (path / "step-000000000120.safetensors").string());
  for (const std::int64_t step :
       std::vector<std::int64_t>{5, 120, 999'999'999'999, 1'000'000'000'000}) {
    write_file(folder.path_of(step), "");
  }
  for (const char* const other :
       {"step-.safetensors", "step-1x.safetensors", "step--1.safetensors", "other.safetensors",
        "step-1", "step-000000000007.safetensors.damaged",
        "step-99999999999999999999.safetensors"}) {
    write_file(path / other, "");
  }
  CHECK(names(folder) ==
        std::vector<std::string>{"step-1000000000000.safetensors", "step-999999999999.safetensors",
                                 "step-000000000120.safetensors", "step-000000000005.safetensors"});
}

TEST_CASE("the newest stay, and those beyond the present step go") {
  const fs::path path = temporary_folder();
  CheckpointFolder folder(path.string());
  for (const std::int64_t step : {10, 20, 30, 40, 50}) write_file(folder.path_of(step), "");
  write_file(path / "notes", "");
  folder.keep(40, 2);
  CHECK(names(folder) ==
        std::vector<std::string>{"step-000000000040.safetensors", "step-000000000030.safetensors"});
  CHECK(fs::exists(path / "notes"));
}

TEST_CASE("what a killed save left is removed, and nothing else") {
  const fs::path path = temporary_folder();
  const std::string name = "step-000000000007.safetensors";
  write_file(path / (name + ".partial-123-0"), "");
  write_file(path / ("model.safetensors.partial-123-0"), "");
  write_file(path / name, "");
  const CheckpointFolder folder(path.string());
  CHECK(fs::exists(path / name));
  CHECK(fs::exists(path / "model.safetensors.partial-123-0"));
  CHECK(!fs::exists(path / (name + ".partial-123-0")));
}

TEST_CASE("a damaged checkpoint is set aside") {
  CheckpointFolder folder(temporary_folder().string());
  write_file(folder.path_of(7), "x");
  folder.set_aside(folder.path_of(7));
  CHECK(folder.newest_first().empty());
  CHECK(harness::read_file(folder.path_of(7) + ".damaged") == "x");
}

TEST_CASE("of two runs in one folder the second is refused, until the first has ended") {
  const std::string path = temporary_folder().string();
  {
    const CheckpointFolder first(path);
    CHECK(lacking(error_of([&] { const CheckpointFolder second(path, at_once); }),
                  {"another run keeps its checkpoints in " + path}) == "");
  }
  CHECK(error_of([&] { const CheckpointFolder second(path, at_once); }) == "");
}

TEST_CASE("a folder that can't be is refused") {
  const fs::path path = temporary_folder();
  write_file(path / "file", "");
  CHECK(lacking(error_of([&] { CheckpointFolder((path / "file").string()); }),
                {"cannot make the folder", "file"}) == "");
  CHECK(lacking(error_of([&] { CheckpointFolder((path / "file" / "in").string()); }),
                {"cannot make the folder", "Not a directory"}) == "");
}
