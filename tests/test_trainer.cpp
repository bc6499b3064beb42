// The loop around a step: which rows it visits, when it ends, what it reports, and that a step
// allocates nothing once the first ones have.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "colonnade/random.hpp"
#include "colonnade/trainer.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

namespace {

/// Sample i has the input i in every column and remembers in which order it was asked for.
class NumberedDataset final : public Dataset {
 public:
  explicit NumberedDataset(Index samples) : samples_(samples) {}
  Index samples() const override { return samples_; }
  Index inputs() const override { return 3; }
  Index targets() const override { return 4; }
  bool has_classes() const override { return true; }
  Index class_of(Index sample) const override { return sample % 4; }
  std::size_t bytes() const override { return 0; }
  void fill_batch(std::span<const Index> rows, MatrixView x, MatrixView t) const override {
    for (Index i = 0; i < x.rows; ++i) {
      const Index sample = rows[static_cast<std::size_t>(i)];
      if (visited.size() < visited.capacity()) visited.push_back(sample);
      for (Index j = 0; j < x.cols; ++j) x.data[j * x.rows + i] = static_cast<Scalar>(sample) / 50;
      for (Index j = 0; j < t.cols; ++j) t.data[j * t.rows + i] = sample % 4 == j ? 1 : 0;
    }
  }
  mutable std::vector<Index> visited;

 private:
  Index samples_;
};

struct Run {
  explicit Run(ProcessGroup& group, const TrainerOptions& options, Index samples = 10)
      : data(samples), model(group, {.widths = {3, 5, 4}}), optimizer(model.parameters(), {}) {
    data.visited.reserve(1000);
    Trainer trainer(group, model, optimizer, data, nullptr, options);
    trainer.on_step = [&](const StepReport& report) { steps.push_back(report); };
    trainer.on_epoch = [&](const EpochReport& report) { epochs.push_back(report.epoch); };
    trainer.run();
  }
  NumberedDataset data;
  Mlp model;
  AdamW optimizer;
  std::vector<StepReport> steps;
  std::vector<std::int64_t> epochs;
};

std::vector<Index> sorted(std::vector<Index> values) {
  std::sort(values.begin(), values.end());
  return values;
}

const std::vector<Index> zero_to_nine = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

}  // namespace

TEST_CASE("an epoch visits every sample once, the last short batch included") {
  ProcessGroup alone = ProcessGroup::self();
  const Run run(alone, {.batch = 4, .epochs = 1});
  CHECK(run.steps.size() == 3);
  CHECK(run.steps.back().rows == 2);
  CHECK(sorted(run.data.visited) == zero_to_nine);
  CHECK(run.data.visited == shuffled_order(10, 0, 1));
}

TEST_CASE("without shuffling rows come in file order, with it in another one each epoch") {
  ProcessGroup alone = ProcessGroup::self();
  const Run in_order(alone, {.batch = 10, .epochs = 1, .shuffle = false});
  CHECK(in_order.data.visited == zero_to_nine);
  const Run shuffled(alone, {.batch = 10, .epochs = 2, .seed = 3});
  const std::vector<Index>& visited = shuffled.data.visited;
  REQUIRE(visited.size() == 20);
  CHECK(!std::equal(visited.begin(), visited.begin() + 10, visited.begin() + 10));
}

TEST_CASE("a run ends after its steps or its epochs, whichever comes first") {
  ProcessGroup alone = ProcessGroup::self();
  CHECK(Run(alone, {.batch = 4, .epochs = 0, .steps = 7}).steps.size() == 7);
  CHECK(Run(alone, {.batch = 4, .epochs = 2, .steps = 7}).steps.size() == 6);
  CHECK(Run(alone, {.batch = 4, .epochs = 3, .steps = 7}).steps.size() == 7);
  const Run run(alone, {.batch = 4, .epochs = 0, .steps = 4});
  CHECK(run.epochs == std::vector<std::int64_t>{1, 2});
  CHECK(run.steps.back().step == 4);
  CHECK(run.steps.back().epoch == 2);
  CHECK(run.steps.back().total_steps == 4);
}

TEST_CASE("reports carry the schedule's learning rate") {
  ProcessGroup alone = ProcessGroup::self();
  const Run run(alone, {.batch = 5, .epochs = 5, .schedule = ScheduleKind::cosine, .warmup = 2});
  REQUIRE(run.steps.size() == 10);
  const Schedule schedule{ScheduleKind::cosine, 2, 10};
  for (const StepReport& report : run.steps) {
    CHECK(report.learning_rate == 1e-3 * schedule.factor(report.step - 1));
    CHECK(report.seconds > 0);
  }
}

RANKS_TEST_CASE("evaluation does not depend on the batch size or the ranks", "1 2 3 4") {
  ProcessGroup alone = ProcessGroup::self();
  const NumberedDataset data(11);
  const Mlp sharded(world, {.widths = {3, 5, 4}}), whole(alone, {.widths = {3, 5, 4}});
  const Evaluation want = evaluate(whole, data, 11);
  for (const Index batch : {1, 4, 100}) {
    const Evaluation got = evaluate(sharded, data, batch);
    CHECK(std::abs(got.loss - want.loss) <= 16 * harness::rounding * want.loss);
    CHECK(got.accuracy == want.accuracy);
  }
  // By hand, from the outputs themselves.
  Tensor x(11, 3), t(11, 4);
  data.fill_batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, x, t);
  const Tensor y = whole.forward(std::move(x)).y;
  Index right = 0;
  for (Index i = 0; i < 11; ++i) {
    bool largest = true;
    for (Index j = 0; j < 4; ++j) largest = largest && y(i, j) <= y(i, i % 4);
    right += largest ? 1 : 0;
  }
  CHECK(want.accuracy == static_cast<double>(right) / 11);
}

RANKS_TEST_CASE("a loss that is not finite is an agreed error and updates nothing", "1 2") {
  Mlp model(world, {.widths = {3, 4}});
  AdamW optimizer(model.parameters(), {});
  Tensor x = random_matrix(2, 3, "x");
  const Tensor t = random_matrix(2, 4, "t");
  x(1, 1) = std::numeric_limits<Scalar>::infinity();
  const Tensor before = model.parameters()[0]->value.clone();
  bool agreed = false;
  try {
    training_step(model, optimizer, x.clone(), t);
  } catch (const Error& error) {
    agreed = error.is_agreed();
    CHECK(std::string(error.what()).find("no longer finite") != std::string::npos);
  }
  CHECK(agreed);
  CHECK(harness::distance(model.parameters()[0]->value, before) == 0);
}

// --- Allocations -------------------------------------------------------------------------------

namespace {

bool counting = false;
std::int64_t allocations = 0;

}  // namespace

// Every allocation of this program passes here: operator new, Eigen's temporaries, and the C
// library's own. Only those whose caller is this program count: what MPI and BLAS do inside is
// theirs.
extern "C" void* __libc_malloc(std::size_t bytes);
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t bytes);

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

bool is_this_program(void* caller) {
  Dl_info info, self;
  return dladdr(caller, &info) != 0 &&
         dladdr(reinterpret_cast<void*>(&is_this_program), &self) != 0 &&
         info.dli_fbase == self.dli_fbase;
}

void count(void* caller) {
  if (counting && is_this_program(caller)) ++allocations;
}

}  // namespace

extern "C" void* malloc(std::size_t bytes) {
  count(__builtin_return_address(0));
  return __libc_malloc(bytes);
}

void* operator new(std::size_t bytes) {
  if (counting) ++allocations;
  if (void* address = __libc_malloc(std::max<std::size_t>(bytes, 1))) return address;
  throw std::bad_alloc();
}
void operator delete(void* address) noexcept {
  std::free(address);
}
void operator delete(void* address, std::size_t) noexcept {
  std::free(address);
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  if (counting) ++allocations;
  if (void* address = __libc_memalign(static_cast<std::size_t>(alignment), bytes)) return address;
  throw std::bad_alloc();
}
void operator delete(void* address, std::align_val_t) noexcept {
  std::free(address);
}
void operator delete(void* address, std::size_t, std::align_val_t) noexcept {
  std::free(address);
}

RANKS_TEST_CASE("a training step allocates nothing after the first", "1 2 3 4") {
  // Widths above Eigen's limit for temporaries on the stack; a short batch among the full ones.
  Mlp model(world, {.widths = {200, 300, 100, 10}});
  AdamW optimizer(model.parameters(), {});
  const Tensor x = random_matrix(96, 200, "x"), t = random_matrix(96, 10, "t");
  const Tensor short_x = random_matrix(32, 200, "x"), short_t = random_matrix(32, 10, "t");
  const auto epoch = [&] {
    for (int i = 0; i < 3; ++i) {
      training_step(model, optimizer, x.clone(world.memory()), t);
    }
    training_step(model, optimizer, short_x.clone(world.memory()), short_t);
  };
  epoch();
  allocations = 0;
  counting = true;
  epoch();
  counting = false;
  CHECK(allocations == 0);
  // The counter counts: else the check above could not fail.
  counting = true;
  const Tensor one_more(7, 7);
  counting = false;
  CHECK(allocations == 1);
}

#endif
