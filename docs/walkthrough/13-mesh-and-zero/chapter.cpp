// Four ranks as a mesh: two copies of a network, each cut between two ranks. Every copy sees other
// rows of the batch, and with ZeRO-1 the optimizer's state is held once for both.

#include <algorithm>

#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 5;
const Job without_zero = {.model = {.widths = {4, 6, 2}, .seed = 13}};
const Job with_zero = {.model = without_zero.model, .zero1 = true};

std::string text(Range range) {
  return std::to_string(range.begin) + " to " + std::to_string(range.end - 1);
}

// Three optimizer steps on one batch, of which each copy takes its rows. Returns the gradients of
// the first step, summed over the copies: this rank's block of each parameter.
std::vector<Tensor> train(TrainingJob& job) {
  const Tensor x = sample_data(batch, 4, 1, "x"), t = sample_data(batch, 2, 1, "t");
  const ProcessGroup& copies = job.mesh().dp();
  const Range own = shard_range(batch, copies.size(), copies.rank());
  TrainingStep step(job.model(), job.loss(), job.optimizer(), job.data_parallel());

  std::vector<Tensor> gradients;
  for (int i = 0; i < 3; ++i) {
    step.begin(batch, 1);  // the loss is a mean over the rows of the whole batch
    step.add(rows_of(x, own, job.model().memory()), rows_of(t, own, job.model().memory()),
             own.begin);
    step.finish();
    if (i > 0) continue;
    job.gather_gradients();
    for (const Parameter* p : job.model().parameters()) gradients.push_back(p->grad.clone());
  }
  return gradients;
}

// What this rank has sent to the other copy for gradients and updates.
std::int64_t bytes_between_copies(Mesh& mesh) {
  std::int64_t bytes = 0;
  for (const LedgerLine& line : counted_traffic(mesh))
    if (line.group == "dp" && (line.account.starts_with("layers") || line.account == "update"))
      bytes += line.bytes_sent;
  return bytes;
}

std::string place_of(Mesh& mesh, TrainingJob& job) {
  const AdamW::Moments& moments = job.optimizer().moments()[0];
  const Parameter& weight = *moments.parameter;
  return "is rank " + std::to_string(mesh.tp().rank()) + " of copy " +
         std::to_string(mesh.dp().rank()) + ": rows " +
         text(shard_range(batch, mesh.dp().size(), mesh.dp().rank())) + ", columns " +
         text(weight.owned_cols) + " of " + weight.name + ",\n         " +
         std::to_string(weight.value.size()) + " numbers, and AdamW's moments of numbers " +
         text(moments.own) + " of these\n";
}

std::string cost_of(Mesh& mesh, TrainingJob& job) {
  Index numbers = 0;
  for (const AdamW::Moments& m : job.optimizer().moments())
    numbers += m.first.size() + m.second.size();
  return std::to_string(numbers) + " moments on rank 0, which sent the other copy " +
         std::to_string(bytes_between_copies(mesh)) + " bytes in three steps\n";
}

bool compare(ProcessGroup& world) {
  Mesh mesh(world, {.dp = 2, .tp = 2}), other_mesh(world, {.dp = 2, .tp = 2});
  TrainingJob job(mesh, with_zero, {}), plain(other_mesh, without_zero, {});
  say_all(world, place_of(mesh, job));
  const std::vector<Tensor> gradients = train(job);
  train(plain);
  if (world.rank() == 0)
    std::printf("\nwithout ZeRO-1  %swith ZeRO-1     %s\n", cost_of(other_mesh, plain).c_str(),
                cost_of(mesh, job).c_str());

  ProcessGroup self = ProcessGroup::self();
  Mesh alone(self, {.dp = 1, .tp = 1});
  TrainingJob whole(alone, without_zero, {});
  const std::vector<Tensor> whole_gradients = train(whole);

  double in_gradients = 0, in_parameters = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Parameter& own = *job.model().parameters()[i];
    const Tensor& value = whole.model().parameters()[i]->value;
    in_gradients =
        std::max(in_gradients, distance(gradients[i], block_of(whole_gradients[i], own)));
    in_parameters = std::max(in_parameters, distance(own.value, block_of(value, own)));
  }
  const bool same_gradients =
      check(world, "the gradients are those of one rank, up to 1e-12", in_gradients < 1e-12);
  const bool same_parameters =
      check(world, "and so are the parameters after three steps", in_parameters < 1e-10);
  return same_gradients && same_parameters;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(4, [&](ProcessGroup& world) {
    const bool right = compare(world);
    if (world.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
