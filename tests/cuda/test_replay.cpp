// Steps that are done again as they were recorded, beside steps that are computed one by one. Only
// where device memory is out of the program's reach is anything recorded: --out-of-reach.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "colonnade/device_array.hpp"
#include "colonnade/ops.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"
#include "cuda/gpu.hpp"
#include "harness.hpp"
#include "replay.hpp"

using namespace colonnade;

namespace {

constexpr Index inputs = 7, outputs = 5;
constexpr Index rows_of_batch = 12, rows_of_short_batch = 5;
constexpr int steps = 14, short_batch = 4, refused = 6;

struct Options {
  MeshShape mesh = {};
  UsedGradients gradients = UsedGradients::zero;
  bool zero1 = false;
  double dropout = 0;
  Index shards = 0;  // exact mode
};

/// A model with its optimizer, on the ranks of a mesh.
class Training {
 public:
  Training(ProcessGroup& world, const Options& options)
      : mesh_(world, options.mesh),
        job_(mesh_,
             {.model = {.widths = {inputs, 12, 10, outputs},
                        .seed = 3,
                        .dropout = options.dropout,
                        .shards = options.shards},
              .mesh = options.mesh,
              .zero1 = options.zero1},
             {.learning_rate = 0.01}),
        step_(job_.model(), job_.loss(), job_.optimizer(), job_.data_parallel(),
              {.clip = 0.5, .on_nonfinite = OnNonfinite::skip, .gradients = options.gradients}) {}

  enum class Way { one_by_one, at_once };

  /// The step of this number: one of them has fewer rows, and a later one is refused.
  StepResult step(int number, Way way) {
    const Index rows = number == short_batch ? rows_of_short_batch : rows_of_batch;
    const Range own = shard_range(rows, mesh_.dp().size(), mesh_.dp().rank());
    Tensor x = batch(rows, inputs, own, 2 * number), t = batch(rows, outputs, own, 2 * number + 1);
    if (number == refused && x.size() > 0) {
      write_number(std::numeric_limits<Scalar>::infinity(), x.data());
    }
    const double factor = 1.0 / (number + 1);
    if (way == Way::at_once) {
      return step_.run(std::move(x), std::move(t), {rows, own.begin}, number, factor);
    }
    step_.begin(rows, 1, number);
    step_.add(std::move(x), std::move(t), own.begin);
    return step_.finish(factor);
  }

  std::vector<double> parameters() {
    std::vector<double> numbers;
    for (const Parameter* parameter : job_.model().parameters()) {
      const OnHost value(parameter->value);
      numbers.insert(numbers.end(), value.numbers().begin(), value.numbers().end());
    }
    return numbers;
  }

  Mesh& mesh() { return mesh_; }
  std::int64_t updates() { return job_.optimizer().updates(); }
  std::int64_t replays() const { return step_.replays(); }

 private:
  static Tensor batch(Index rows, Index cols, Range own, int number) {
    const Tensor data = sample_data(rows, cols, static_cast<std::uint64_t>(number), "batch");
    const OnHost whole(data);
    Tensor part(own.size(), cols);
    write_from_host(part, [&](MatrixView to) {
      for (Index j = 0; j < cols; ++j)
        for (Index i = 0; i < to.rows; ++i) to.data[j * to.rows + i] = whole(own.begin + i, j);
    });
    return part;
  }

  Mesh mesh_;
  TrainingJob job_;
  TrainingStep step_;
};

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

/// Memory that somebody else takes between two steps and keeps, and a sum that needs more room than
/// any before: what was recorded must touch neither.
class Bystander {
 public:
  Bystander(ProcessGroup& group, Index summands) {
    for (const Index rows : {1, 8, 30, 90, 200, 1000}) {
      held_.emplace_back(rows, 1, group.memory());
      held_.emplace_back(rows, 1);
    }
    Tensor large(summands, 1);
    large.set_zero();
    sum_of_squares(large);
    for (const Index rows : {20, 30, 40, 60, 100, 600, 2400}) held_.emplace_back(rows, 1);
    for (Tensor& tensor : held_) tensor.set_zero();
  }

  bool is_untouched() const {
    return std::all_of(held_.begin(), held_.end(), [](const Tensor& tensor) {
      const OnHost here(tensor);
      return std::count(here.numbers().begin(), here.numbers().end(), Scalar{0}) == tensor.size();
    });
  }

 private:
  std::vector<Tensor> held_;
};

void check_replays(ProcessGroup& world, const Options& options) {
  CAPTURE(to_string(options.mesh));
  CAPTURE(options.zero1);
  CAPTURE(options.dropout);
  CAPTURE(options.shards);
  Training plain(world, options), repeated(world, options);
  std::vector<Bystander> bystanders;
  for (int number = 0; number < steps; ++number) {
    CAPTURE(number);
    const StepResult want = plain.step(number, Training::Way::one_by_one);
    const StepResult got = repeated.step(number, Training::Way::at_once);
    CHECK(same(got.loss, want.loss));
    CHECK(same(*got.gradient_norm, *want.gradient_norm));
    CHECK(got.skipped == want.skipped);
    CHECK(got.skipped.empty() == (number != refused));
    bystanders.emplace_back(repeated.mesh().tp(), 50'000 * number + 1);
    bystanders.emplace_back(repeated.mesh().dp(), 1);
  }
  CHECK(repeated.parameters() == plain.parameters());
  CHECK(repeated.updates() == plain.updates());
  CHECK(same_traffic(counted_traffic(repeated.mesh()), counted_traffic(plain.mesh())));
  for (const Bystander& bystander : bystanders) CHECK(bystander.is_untouched());

  CHECK(plain.replays() == 0);
  const Mesh& mesh = repeated.mesh();
  const bool may = !host_reaches_device_memory() && repeated.mesh().tp().is_replayable() &&
                   repeated.mesh().dp().is_replayable() &&
                   (mesh.shape().tp == 1 || mesh.shape().dp == 1);
  // Two before the third is recorded; one has fewer rows; the one after that which was refused may
  // begin with gradients to zero.
  if (may) {
    CHECK(repeated.replays() >= steps - 5);
  } else {
    CHECK(repeated.replays() == 0);
  }
}

}  // namespace

RANKS_TEST_CASE("steps that are done again have the bits of those that are not", "processes 1-4") {
  const int ranks = world.size();
  // First, for it takes memory for sums, of which a thread has little before it needed more.
  if (ranks != 3) check_replays(world, {.mesh = {1, ranks}, .shards = 4});
  check_replays(world, {.mesh = {1, ranks}});
  check_replays(world, {.mesh = {1, ranks}, .gradients = UsedGradients::keep, .dropout = 0.3});
  if (ranks == 1) return;
  check_replays(world, {.mesh = {ranks, 1}});
  check_replays(world, {.mesh = {ranks, 1}, .zero1 = true, .dropout = 0.3});
  if (ranks == 4) check_replays(world, {.mesh = {2, 2}});
}

RANKS_TEST_CASE("ranks of an own GPU each may record their collectives", "2-4") {
  const std::string way(world.transport_name());
  const bool by_nccl = way.ends_with("+nccl") && !way.starts_with("threads");
  CHECK(world.is_replayable() == by_nccl);
}

TEST_CASE("a copy from the program's memory is not recorded") {
  const std::unique_ptr<Replay> replay = make_replay();
  if (replay == nullptr) return;  // the host reaches device memory, and nothing is recorded
  DeviceArray<double> there(1);
  const double here = 1;
  const std::string error = harness::error_of([&] {
    replay->record([&] { there.set({&here, 1}); });
  });
  CHECK(error.find("from the program's memory") != std::string::npos);
  there.set({&here, 1});
  CHECK(there.on_host().front() == 1);
}

// Another rank on the same GPU would be seen too.
TEST_CASE("steps like those before take no more of the GPU's memory") {
  if (host_reaches_device_memory()) return;
  const auto free_memory = [] {
    std::size_t free = 0, total = 0;
    gpu::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return free;
  };
  ProcessGroup alone = ProcessGroup::self();
  for (const Training::Way way : {Training::Way::one_by_one, Training::Way::at_once}) {
    Training training(alone, {.dropout = 0.3});
    for (int number = 8; number < 12; ++number) training.step(number, way);
    const std::size_t free = free_memory();
    for (int number = 12; number < 18; ++number) training.step(number, way);
    CHECK(free_memory() == free);
  }
}
