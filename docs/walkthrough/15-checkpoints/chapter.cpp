// A run that is saved, goes on, and is compared with others that begin from its file: on the same
// ranks, and on another mesh. Then one bit of the file is changed.

#include <algorithm>
#include <fstream>

#include "colonnade/checkpoint.hpp"
#include "colonnade/file.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/training_step.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 4;
const Job network = {.model = {.widths = {3, 4, 2}, .seed = 15}};
const char* const file = "run.safetensors";

// The steps from `first` to `last`, last not included. Which samples a step sees is keyed by its
// number, so that nothing of that needs saving but the number.
void train(TrainingJob& job, std::int64_t first, std::int64_t last) {
  TrainingStep step(job.model(), job.loss(), job.optimizer(), job.data_parallel());
  const ProcessGroup& copies = job.mesh().dp();
  const Range own = shard_range(batch, copies.size(), copies.rank());
  for (std::int64_t i = first; i < last; ++i) {
    const auto key = static_cast<std::uint64_t>(i);
    const Tensor x = sample_data(batch, 3, key, "x"), t = sample_data(batch, 2, key, "t");
    step.begin(batch, 1, i);
    step.add(rows_of(x, own, job.model().memory()), rows_of(t, own, job.model().memory()),
             own.begin);
    step.finish();
  }
}

// A new job that goes on from the file to step 6; this rank's blocks of the parameters.
std::vector<Tensor> resume(ProcessGroup& world, MeshShape shape) {
  Mesh mesh(world, shape);
  TrainingJob resumed(mesh, network, {});
  const CheckpointInfo info = load_checkpoint(resumed, file);
  train(resumed, info.position.step, 6);

  std::vector<Tensor> values;
  for (const Parameter* p : resumed.model().parameters()) values.push_back(p->value.clone());
  return values;
}

// What is in the file, by name: parameters under PyTorch's names, and AdamW's moments.
void print_file() {
  const SafetensorsHeader header = read_safetensors_header(File::open(file));
  for (const auto& [name, tensor] : header.tensors)
    std::printf("  %-28s %s %s\n", name.c_str(), tensor.dtype.c_str(),
                shape_text(tensor.shape).c_str());
  std::printf("  and as text: step %s, %s updates, saved by mesh %s\n\n",
              header.metadata.at("colonnade.step").c_str(),
              header.metadata.at("colonnade.updates").c_str(),
              header.metadata.at("colonnade.mesh").c_str());
}

// One bit of the last number in the file.
void flip_a_bit() {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(-1, std::ios::end);
  const int last = bytes.get();
  bytes.seekp(-1, std::ios::end);
  bytes.put(static_cast<char>(last ^ 1));
}

bool run(ProcessGroup& world) {
  Mesh mesh(world, {.dp = 1, .tp = 2});
  TrainingJob job(mesh, network, {});
  train(job, 0, 3);
  save_checkpoint(job, file, {.position = {.step = 3}});
  train(job, 3, 6);
  if (world.rank() == 0) print_file();

  const std::vector<Tensor> same_mesh = resume(world, {.dp = 1, .tp = 2});
  const std::vector<Tensor> two_copies = resume(world, {.dp = 2, .tp = 1});  // whole parameters
  double first = 0, second = 0;
  for (std::size_t i = 0; i < same_mesh.size(); ++i) {
    const Parameter& own = *job.model().parameters()[i];
    first = std::max(first, distance(own.value, same_mesh[i]));
    second = std::max(second, distance(own.value, block_of(two_copies[i], own)));
  }
  const bool bits = check(world, "resumed on the same mesh: the same bits", first == 0);
  const bool close = check(world, "resumed on another mesh: the same up to 1e-12", second < 1e-12);

  if (world.rank() == 0) flip_a_bit();
  world.barrier();
  std::string said;
  try {
    resume(world, {.dp = 1, .tp = 2});
  } catch (const Error& error) {
    said = error.what();
  }
  const bool told = said.find("checksum") != said.npos || said.find("damaged") != said.npos;
  const bool refused = check(world, "one bit changed: refused, on every rank", told);
  if (world.rank() == 0) std::printf("  %s\n", said.substr(0, said.find(',')).c_str());
  return bits && close && refused;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& world) {
    const bool right = run(world);
    if (world.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
