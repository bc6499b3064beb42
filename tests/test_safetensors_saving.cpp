// Saves that fail, on one rank or in their last moment: all ranks learn of it, and the old file
// stays.
#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "colonnade/safetensors.hpp"
#include "cut_model.hpp"
#include "files.hpp"
#include "harness.hpp"

namespace {
bool renaming_fails = false;
}

/// Stands before the C library's in the test program: the last moment of a save can fail at will.
extern "C" int rename(const char* from, const char* to) noexcept {
  if (!renaming_fails) return renameat(AT_FDCWD, from, AT_FDCWD, to);
  errno = EIO;
  return -1;
}

using colonnade::save_safetensors;
using colonnade::Scalar;
using colonnade::TensorSlice;
using harness::CutModel;
using harness::error_of;
using harness::files_in;
using harness::lacking;
using harness::read_file;
using harness::temporary_folder;

namespace fs = std::filesystem;

RANKS_TEST_CASE("a save that fails on any rank throws on all and leaves the old file",
                "processes 1-4") {
  const fs::path folder = temporary_folder(world);
  const std::string path = (folder / "model.safetensors").string();
  CutModel model(world.size(), world.rank(), false);
  model.fill();
  save_safetensors(world, path, model.slices());
  const std::string old = read_file(path);
  model.set_all(0);
  const auto save = [&](const std::string& to, const std::vector<TensorSlice>& slices) {
    std::string error = error_of([&] { save_safetensors(world, to, slices); });
    world.barrier();  // before the files are looked at, and before the next attempt
    CHECK(read_file(path) == old);
    CHECK(files_in(folder) == 1);
    world.barrier();
    return error;
  };
  CHECK(lacking(save(folder.string(), model.slices()), {"cannot write", "found a folder"}) == "");
  CHECK(lacking(save((folder / "none" / "m").string(), model.slices()),
                {"cannot write", "none/m"}) == "");
  std::vector<TensorSlice> slices = model.slices();
  if (world.rank() == world.size() - 1) slices[0].data = nullptr;
  CHECK(lacking(save(path, slices), {"bad slice of 'layers.0.weight'"}) == "");
  slices = model.slices();
  slices[1].block[0] = {0, 0};
  CHECK(lacking(save(path, slices), {"cannot save 'layers.0.bias'"}) == "");

  // The last rank alone may not write as far as its part of the file lies.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit = {static_cast<rlim_t>(old.size() - 30 * sizeof(Scalar)), before.rlim_max};
  if (world.rank() == world.size() - 1) setrlimit(RLIMIT_FSIZE, &limit);
  const std::string error = save(path, model.slices());
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(lacking(error, {"cannot write", "found a file-size limit", "ulimit -f"}) == "");
}

RANKS_TEST_CASE("a save that fails in its last moment throws on all ranks too", "processes 1-4") {
  const fs::path folder = temporary_folder(world);
  const std::string path = (folder / "model.safetensors").string();
  CutModel model(world.size(), world.rank(), false);
  model.fill();
  save_safetensors(world, path, model.slices());
  const std::string old = read_file(path);
  model.set_all(0);
  // One rank renames for all; the others learn of it only by being told.
  renaming_fails = true;
  const std::string error = error_of([&] { save_safetensors(world, path, model.slices()); });
  renaming_fails = false;
  world.barrier();  // before the files are looked at
  CHECK(lacking(error, {"cannot rename", "model.safetensors", "Input/output error"}) == "");
  CHECK(read_file(path) == old);
  CHECK(files_in(folder) == 1);
  world.barrier();
  save_safetensors(world, path, model.slices());
  CHECK(read_file(path) != old);
}
