#include "colonnade/safetensors.hpp"

#include <limits>
#include <string>
#include <vector>

#include "cut_model.hpp"
#include "files.hpp"
#include "harness.hpp"

using colonnade::Index;
using colonnade::load_safetensors;
using colonnade::ProcessGroup;
using colonnade::save_safetensors;
using colonnade::Scalar;
using colonnade::StoredTensor;
using colonnade::TensorSlice;
using harness::CutModel;
using harness::error_of;
using harness::files_in;
using harness::lacking;
using harness::read_file;
using harness::temporary_folder;
using harness::write_file;

namespace fs = std::filesystem;

namespace {

/// A file with one tensor `t` of floats or doubles.
template <class Stored>
void write_tensor(const fs::path& path, const std::vector<Stored>& numbers,
                  std::vector<Index> shape) {
  const Index bytes = static_cast<Index>(numbers.size() * sizeof(Stored));
  const std::pair<std::string, StoredTensor> tensor = {
      "t", {sizeof(Stored) == 4 ? "F32" : "F64", std::move(shape), {0, bytes}}};
  std::string file = format_safetensors_header(std::span(&tensor, 1), {});
  file.append(reinterpret_cast<const char*>(numbers.data()), static_cast<std::size_t>(bytes));
  write_file(path, file);
}

}  // namespace

RANKS_TEST_CASE("every rank gets back what it saved, and the file is one rank's", "1-8") {
  const fs::path folder = temporary_folder(world);
  const std::string path = (folder / "model.safetensors").string();
  CutModel model(world.size(), world.rank(), false);
  model.fill();
  save_safetensors(world, path, model.slices(), {{"format", "pt"}, {"step", "7"}});
  CHECK(files_in(folder) == 1);

  CutModel loaded(world.size(), world.rank(), true);
  load_safetensors(world, path, loaded.slices());
  CHECK(loaded.is_filled());

  // One rank alone writes the very same bytes, so any number of ranks may load what any other
  // saved.
  ProcessGroup alone = ProcessGroup::self();
  const std::string alone_path = (folder / ("alone" + std::to_string(world.rank()))).string();
  CutModel whole(1, 0, false);
  whole.fill();
  save_safetensors(alone, alone_path, whole.slices(), {{"format", "pt"}, {"step", "7"}});
  CHECK(read_file(path) == read_file(alone_path));
}

RANKS_TEST_CASE("a flipped bit is found, in whatever rank's part of whatever tensor", "1 2 3 8") {
  const std::string path = (temporary_folder(world) / "model.safetensors").string();
  CutModel model(world.size(), world.rank(), false);
  model.fill();
  save_safetensors(world, path, model.slices());
  std::string file;
  colonnade::collectively(world, [&] { file = read_file(path); });
  const auto header = colonnade::read_safetensors_header(harness::source_of(file));
  CutModel loaded(world.size(), world.rank(), true);
  // A bit of the mantissa, in the first and in the last number of each tensor.
  for (const TensorSlice& slice : model.slices()) {
    const auto [begin, end] = header.tensors.at(slice.name).bytes;
    for (const Index place : {begin, end - static_cast<Index>(sizeof(Scalar))}) {
      colonnade::collectively(world, [&] {
        if (world.rank() != 0) return;
        std::string bad = file;
        bad[static_cast<std::size_t>(place)] =
            static_cast<char>(bad[static_cast<std::size_t>(place)] ^ 1);
        write_file(path, bad);
      });
      CHECK(lacking(error_of([&] { load_safetensors(world, path, loaded.slices()); }),
                    {path + " is damaged: '" + slice.name + "'"}) == "");
      world.barrier();  // before the file is written again
    }
  }
}

TEST_CASE("tensors beyond those wanted are refused or ignored, and parts are read unverified") {
  const std::string path = (temporary_folder() / "file").string();
  ProcessGroup alone = ProcessGroup::self();
  std::vector<Scalar> numbers = {1, 2, 3, 4};
  std::vector<TensorSlice> slices = {{"a", {2}, {{0, 2}}, numbers.data()},
                                     {"b", {2}, {{0, 2}}, numbers.data() + 2}};
  save_safetensors(alone, path, slices);
  std::vector<Scalar> loaded(2);
  slices = {{"b", {2}, {{0, 2}}, loaded.data()}};
  CHECK(lacking(error_of([&] { load_safetensors(alone, path, slices); }), {"holds 'a'"}) == "");
  load_safetensors(alone, path, slices, colonnade::OtherTensors::ignore);
  CHECK(loaded == std::vector<Scalar>{3, 4});
  slices[0].block = {{1, 2}};
  load_safetensors(alone, path, slices, colonnade::OtherTensors::ignore);
  CHECK(loaded == std::vector<Scalar>{4, 4});
}

TEST_CASE("F32 and F64 are both read in both builds, in pieces") {
  const fs::path path = temporary_folder() / "t";
  ProcessGroup alone = ProcessGroup::self();
  const auto load = [&]<class Stored>(Stored /*type*/) {
    std::vector<Stored> stored(40'000);
    for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<Stored>(i) / 4;
    write_tensor(path, stored, {40'000});
    std::vector<Scalar> loaded(30'000);
    const TensorSlice slice = {"t", {40'000}, {{5'000, 35'000}}, loaded.data()};
    load_safetensors(alone, path.string(), std::span(&slice, 1));
    bool right = true;
    for (std::size_t i = 0; i < loaded.size(); ++i)
      right = right && loaded[i] == static_cast<Scalar>(i + 5'000) / 4;
    CHECK(right);
  };
  load(float{});
  load(double{});
}

RANKS_TEST_CASE("a number that isn't finite is refused by name and place, on all ranks", "1-8") {
  const fs::path path = temporary_folder(world) / "t";
  const auto mine = colonnade::shard_range(4, world.size(), world.rank());
  std::vector<Scalar> numbers(12);
  const TensorSlice slice = {"t", {4, 3}, {mine, {0, 3}}, numbers.data()};
  const auto error_with = [&]<class Stored>(Stored bad) {
    std::vector<Stored> stored(12, 1);
    stored[11] = bad;
    colonnade::collectively(world, [&] {
      if (world.rank() == 0) write_tensor(path, stored, {4, 3});
    });
    return error_of([&] { load_safetensors(world, path.string(), std::span(&slice, 1)); });
  };
  CHECK(error_with(1.5f) == "");
  CHECK(lacking(error_with(std::numeric_limits<double>::infinity()),
                {"bad number in " + path.string() + ", 't' at [3, 2]", "wanted a finite",
                 "found inf"}) == "");
  CHECK(lacking(error_with(std::numeric_limits<float>::quiet_NaN()), {"[3, 2]", "nan"}) == "");
  const bool fits = std::is_same_v<Scalar, double>;
  CHECK(error_with(1e300).empty() == fits);
}

RANKS_TEST_CASE("a file of another model is refused before any data is touched", "1-8") {
  const fs::path folder = temporary_folder(world);
  const std::string path = (folder / "t").string();
  colonnade::collectively(world, [&] {
    if (world.rank() == 0) write_tensor(path, std::vector<float>(12, 1), {4, 3});
  });
  CutModel model(world.size(), world.rank(), true);
  model.set_all(42);
  const auto load = [&](const std::string& from, const std::vector<TensorSlice>& slices) {
    std::string error = error_of([&] { load_safetensors(world, from, slices); });
    CHECK(model.holds_only(42));
    return error;
  };
  TensorSlice t = {"t", {4, 3}, {{0, 4}, {0, 3}}, model.slices()[0].data};

  CHECK(lacking(load(path, model.slices()),
                {path + " lacks 'layers.0.weight'", "shape [7, 3]", "other layers"}) == "");
  CHECK(lacking(load(path, {}), {path + " holds 't', which this model lacks", "wanted 0 tensors",
                                 "found 1", "other layers"}) == "");
  t.shape = {3, 4};
  t.block = {{0, 3}, {0, 4}};
  CHECK(lacking(load(path, {t}), {"cannot load 't' from " + path, "wanted F32 or F64 [3, 4]",
                                  "found 'F32' [4, 3]"}) == "");
  CHECK(lacking(load((folder / "none").string(), {t}), {"cannot open", "none", "No such file"}) ==
        "");
  colonnade::collectively(world, [&] {
    const std::pair<std::string, StoredTensor> half = {"t", {"F16", {3, 4}, {0, 24}}};
    if (world.rank() == 0)
      write_file(path, format_safetensors_header(std::span(&half, 1), {}) + std::string(24, '\0'));
  });
  CHECK(lacking(load(path, {t}), {"wanted F32 or F64 [3, 4]", "found 'F16' [3, 4]"}) == "");
  colonnade::collectively(world, [&] {
    if (world.rank() == 0) write_file(path, read_file(path).substr(0, 70));
  });
  CHECK(load(path, {t}) != "");
}

TEST_CASE("of the tensors that a model lacks, the first in the file is named") {
  const std::string path = (temporary_folder() / "file").string();
  ProcessGroup alone = ProcessGroup::self();
  std::vector<Scalar> numbers(1);
  std::vector<TensorSlice> slices;
  for (const char* const name : {"layers.0", "layers.9", "layers.10"})
    slices.push_back({name, {1}, {{0, 1}}, numbers.data()});
  save_safetensors(alone, path, slices);
  slices.resize(1);
  CHECK(lacking(error_of([&] { load_safetensors(alone, path, slices); }), {"'layers.9'"}) == "");
}
