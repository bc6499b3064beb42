#include "colonnade/checkpoint.hpp"

#include <limits>
#include <string>
#include <vector>

#include "bits.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/random.hpp"
#include "colonnade/version.hpp"
#include "files.hpp"
#include "harness.hpp"
#include "stepping_job.hpp"

using namespace colonnade;
using harness::error_of;
using harness::JobOptions;
using harness::lacking;
using harness::same_bits;
using harness::SteppingJob;
using harness::temporary_folder;

namespace {

JobOptions job_options(MeshShape mesh, bool exact) {
  return {.model = {.widths = {13, 37, 24, 19, 10},
                    .seed = 5,
                    .layout = Layout::pair,
                    .dropout = 0.1,
                    .shards = exact ? Index{8} : Index{0}},
          .loss = {.kind = LossKind::cross_entropy, .label_smoothing = 0.1},
          .mesh = mesh,
          .clip = 0.05,
          .row_blocks = exact ? Index{8} : Index{0}};
}

constexpr Index rows = 29;

CheckpointInfo info_at(std::int64_t step) {
  return {.position = {step, 2, 1}, .data = "digest", .options = {{"lr", "0.01"}, {"empty", ""}}};
}

/// Parameters and moments of a rank.
std::vector<Tensor> state_of(SteppingJob& job) {
  std::vector<Tensor> state;
  for (const AdamW::Moments& moments : job.training().optimizer().moments()) {
    state.push_back(moments.parameter->value.clone());
    state.push_back(moments.first.clone());
    state.push_back(moments.second.clone());
  }
  return state;
}

bool same_state(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) same = same_bits(a[i], b[i]);
  return same;
}

std::vector<double> losses_of(SteppingJob& job, int steps) {
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) losses.push_back(job.step(rows).loss);
  return losses;
}

/// A small checkpoint of one rank, as bytes.
std::string small_checkpoint(const std::string& path) {
  ProcessGroup alone = ProcessGroup::self();
  SteppingJob job(alone, {.model = {.widths = {5, 7, 3}}});
  job.step(4);
  save_checkpoint(job.training(), path, info_at(1));
  return harness::read_file(path);
}

}  // namespace

RANKS_TEST_CASE("a job that goes on from a checkpoint is the one that never stopped", "1 2 4 8") {
  const std::string path = (temporary_folder(world) / "checkpoint").string();
  for (const MeshShape mesh : harness::meshes(world.size())) {
    for (const bool exact : {false, true}) {
      for (const bool zero1 : {false, true}) {
        if (harness::is_slow(world) && (exact || mesh.tp == 1)) continue;
        CAPTURE(mesh.dp);
        CAPTURE(mesh.tp);
        CAPTURE(exact);
        CAPTURE(zero1);
        JobOptions options = job_options(mesh, exact);
        options.zero1 = zero1;
        SteppingJob job(world, options);
        losses_of(job, 3);
        save_checkpoint(job.training(), path, info_at(3));
        const std::vector<double> losses = losses_of(job, 2);

        SteppingJob resumed(world, options);
        const CheckpointInfo info = load_checkpoint(resumed.training(), path);
        resumed.go_on_after(info.position.step);
        CHECK(losses_of(resumed, 2) == losses);
        CHECK(same_state(state_of(resumed), state_of(job)));
        CHECK(resumed.training().optimizer().updates() == 5);
      }
    }
  }
}

RANKS_TEST_CASE("what any mesh saves any other loads, with the same bits", "1 2 4 8") {
  const std::filesystem::path folder = temporary_folder(world);
  const std::string path = (folder / "checkpoint").string();
  const bool exact = true;
  for (const MeshShape from : harness::meshes(world.size())) {
    if (harness::is_slow(world) && from.tp != 2) continue;
    JobOptions options = job_options(from, exact);
    options.zero1 = from.tp == 2;
    SteppingJob job(world, options);
    losses_of(job, 2);
    save_checkpoint(job.training(), path, info_at(2));
    const std::vector<double> losses = losses_of(job, 2);

    for (const MeshShape to : harness::meshes(world.size())) {
      CAPTURE(from.dp);
      CAPTURE(to.dp);
      options = job_options(to, exact);
      options.zero1 = to.dp == 2;
      SteppingJob resumed(world, options);
      CHECK(load_checkpoint(resumed.training(), path).mesh == from);
      resumed.go_on_after(2);
      CHECK(losses_of(resumed, 2) == losses);
    }
    // One rank alone, each with a file of its own in the end: the tensors of all are the same.
    ProcessGroup alone = ProcessGroup::self();
    SteppingJob whole(alone, job_options({1, 1}, exact));
    load_checkpoint(whole.training(), path);
    const std::string again = (folder / ("alone" + std::to_string(world.rank()))).string();
    CheckpointInfo info = info_at(2);
    save_checkpoint(whole.training(), again, info);
    const std::string saved = harness::read_file(path), copy = harness::read_file(again);
    const auto data_of = [](const std::string& file) {
      const auto header = read_safetensors_header(harness::source_of(file));
      return file.substr(
          static_cast<std::size_t>(header.tensors.at("layers.0.weight").bytes.begin));
    };
    CHECK(data_of(saved) == data_of(copy));
    world.barrier();  // before the file is written again
  }
}

TEST_CASE("a checkpoint holds PyTorch's names and shapes, moments beside them") {
  const std::string path = (temporary_folder() / "checkpoint").string();
  const std::string file = small_checkpoint(path);
  const SafetensorsHeader header = read_safetensors_header(harness::source_of(file));
  CHECK(header.tensors.size() == 12);
  for (const std::string suffix : {"", ".exp_avg", ".exp_avg_sq"}) {
    CHECK(header.tensors.at("layers.0.weight" + suffix).shape == std::vector<Index>{7, 5});
    CHECK(header.tensors.at("layers.1.bias" + suffix).shape == std::vector<Index>{3});
  }
  CHECK(header.metadata.at("format") == "pt");
  ProcessGroup alone = ProcessGroup::self();
  const CheckpointInfo info = read_checkpoint_info(alone, path);
  CHECK(info.position == Position{1, 2, 1});
  CHECK(info.updates == 1);
  CHECK(info.mesh == MeshShape{1, 1});
  CHECK(info.data == "digest");
  CHECK(info.options == info_at(1).options);
  CHECK(info.scalar == scalar_name);
  CHECK(info.version == version);
}

TEST_CASE("metadata that no checkpoint has are refused by key") {
  const Metadata good =
      metadata_of({.position = {7, 2, 3}, .updates = 6, .mesh = {2, 4}, .data = "d"});
  CHECK(checkpoint_info("f", good).position == Position{7, 2, 3});
  CHECK(checkpoint_info("f", good).mesh == MeshShape{2, 4});
  CHECK(lacking(error_of([] {
                  checkpoint_info("f", {{"format", "pt"}});
                }),
                {"f is no checkpoint", "--load"}) == "");
  for (const auto& [key, value] : good) {
    if (key == "format" || key == "colonnade.checkpoint") continue;
    Metadata without = good;
    without.erase(key);
    CHECK(lacking(error_of([&] { checkpoint_info("f", without); }), {"f ", key}) == "");
  }
  const std::vector<std::pair<std::string, std::string>> bad = {{"checkpoint", "2"},
                                                                {"step", "-1"},
                                                                {"step", "007"},
                                                                {"step", "1x"},
                                                                {"step", ""},
                                                                {"epoch", "0"},
                                                                {"batch", "99999999999999999999"},
                                                                {"mesh", "tp=2"},
                                                                {"mesh", ""},
                                                                {"mesh", "dp=2,tp="},
                                                                {"mesh", "dp=0,tp=1"},
                                                                {"mesh", "dp=01,tp=1"},
                                                                {"mesh", "dp=,"},
                                                                {"mesh", "dp=1,tp=2000000000000"},
                                                                {"mesh", "dp=1,tp=2,tp=3"},
                                                                {"updates", "8"}};
  for (const auto& [key, value] : bad) {
    Metadata with = good;
    with["colonnade." + key] = value;
    const std::string changed = key + " " + value;
    CHECK_MESSAGE(error_of([&] { checkpoint_info("f", with); }) != "", changed);
  }
}

TEST_CASE("any changed byte of a header and of the data is found before the job goes on") {
  const std::string path = (temporary_folder() / "checkpoint").string();
  const std::string file = small_checkpoint(path);
  const SafetensorsHeader header = read_safetensors_header(harness::source_of(file));
  const auto header_size =
      static_cast<std::size_t>(header.tensors.at("layers.0.weight").bytes.begin);
  ProcessGroup alone = ProcessGroup::self();
  SteppingJob job(alone, {.model = {.widths = {5, 7, 3}}});
  const auto error_with = [&](std::size_t place, int flip) {
    std::string bad = file;
    bad[place] = static_cast<char>(bad[place] ^ flip);
    harness::write_file(path, bad);
    return error_of([&] { load_checkpoint(job.training(), path); });
  };
  const KeyedRandom random(1, "flips");
  int unnoticed = 0;
  for (std::size_t place = 0; place < header_size; ++place) {
    const int flip = 1 + static_cast<int>(random.uniform(place) * 255);
    if (error_with(place, flip) == "") ++unnoticed;
  }
  CHECK(unnoticed == 0);
  const auto data_size = static_cast<double>(file.size() - header_size);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto place =
        header_size + static_cast<std::size_t>(random.uniform(1'000'000 + 2 * i) * data_size);
    const int flip = 1 + static_cast<int>(random.uniform(1'000'001 + 2 * i) * 255);
    if (error_with(place, flip) == "") ++unnoticed;
  }
  CHECK(unnoticed == 0);
  harness::write_file(path, file);
  CHECK(error_of([&] { load_checkpoint(job.training(), path); }) == "");
}

TEST_CASE("a checkpoint that is cut short or too long is refused") {
  const std::string path = (temporary_folder() / "checkpoint").string();
  const std::string file = small_checkpoint(path);
  ProcessGroup alone = ProcessGroup::self();
  SteppingJob job(alone, {.model = {.widths = {5, 7, 3}}});
  for (std::size_t size = 0; size < file.size(); size += size < 64 ? 1 : 61) {
    harness::write_file(path, file.substr(0, size));
    CAPTURE(size);
    CHECK(error_of([&] { load_checkpoint(job.training(), path); }) != "");
  }
  harness::write_file(path, file + "x");
  CHECK(lacking(error_of([&] { load_checkpoint(job.training(), path); }), {"too long"}) == "");
}

RANKS_TEST_CASE("a checkpoint of another model, or of none, is refused on all ranks", "1 2") {
  const std::filesystem::path folder = temporary_folder(world);
  const std::string path = (folder / "checkpoint").string();
  SteppingJob job(world, {.model = {.widths = {5, 7, 3}}, .mesh = {1, world.size()}});
  SteppingJob other(world, {.model = {.widths = {5, 8, 3}}, .mesh = {1, world.size()}});
  save_checkpoint(job.training(), path, info_at(0));
  CHECK(lacking(error_of([&] { load_checkpoint(other.training(), path); }),
                {"cannot load 'layers.0.weight'", "[8, 5]", "[7, 5]"}) == "");
  const std::string parameters = (folder / "parameters").string();
  save_parameters(job.mesh(), job.model(), parameters);
  CHECK(lacking(error_of([&] { load_checkpoint(job.training(), parameters); }),
                {"is no checkpoint"}) == "");
}

RANKS_TEST_CASE("parameters are loaded from a checkpoint too", "1 2 3") {
  const std::string path = (temporary_folder(world) / "checkpoint").string();
  const JobOptions options = {.model = {.widths = {5, 7, 3}}, .mesh = {1, world.size()}};
  SteppingJob job(world, options), fresh(world, options);
  job.step(6);
  save_checkpoint(job.training(), path, info_at(1));
  load_parameters(fresh.mesh(), fresh.model(), path);
  for (std::size_t i = 0; i < job.model().parameters().size(); ++i) {
    CHECK(same_bits(job.model().parameters()[i]->value, fresh.model().parameters()[i]->value));
  }
  CHECK(fresh.training().optimizer().updates() == 0);
}

RANKS_TEST_CASE("numbers that are not finite are not saved, and name their tensor", "1 2") {
  const std::filesystem::path folder = temporary_folder(world);
  SteppingJob job(world, {.model = {.widths = {5, 7, 3}}, .mesh = {1, world.size()}});
  const std::span<AdamW::Moments> moments = job.training().optimizer().moments();
  if (world.rank() == world.size() - 1)
    moments[2].second(0, 0) = -std::numeric_limits<Scalar>::infinity();
  CHECK(lacking(error_of([&] { save_checkpoint(job.training(), (folder / "c").string(), {}); }),
                {"layers.1.weight.exp_avg_sq has numbers that are not finite"}) == "");
  world.barrier();  // rank 0 removes what was begun
  CHECK(harness::files_in(folder) == 0);
}
