// A training step allocates nothing once the first ones have: fetching the batch, forward, loss,
// backward and update. Every allocation of this program passes here: operator new, Eigen's
// temporaries, and the C library's own. Only those whose caller is this program count: what MPI and
// BLAS do inside is theirs. Sanitizers have allocators of their own, so there the test is left out.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COLONNADE_SANITIZED
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(COLONNADE_SANITIZED)

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "colonnade/random.hpp"
#include "colonnade/trace.hpp"
#include "colonnade/trainer.hpp"
#include "colonnade/watchdog.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;
using harness::random_matrix;

extern "C" void* __libc_malloc(std::size_t bytes);
extern "C" void* __libc_memalign(std::size_t alignment, std::size_t bytes);

namespace {

bool counting = false;
std::int64_t allocations = 0;

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

namespace {

/// Allocations of this program while it does the work.
template <class Work>
std::int64_t allocations_of(const Work& work) {
  allocations = 0;
  counting = true;
  work();
  counting = false;
  return allocations;
}

/// A step of a small network, on ranks of a group.
class SmallStep {
 public:
  explicit SmallStep(ProcessGroup& group)
      : model_(group, {.widths = {30, 20, 10}}), optimizer_(model_.parameters(), {}) {}
  void operator()() { training_step(model_, optimizer_, x_.clone(model_.memory()), t_); }

 private:
  Mlp model_;
  AdamW optimizer_;
  Tensor x_ = random_matrix(8, 30, "x"), t_ = random_matrix(8, 10, "t");
};

}  // namespace

RANKS_TEST_CASE("a training step allocates nothing after the first", "processes 1-4") {
  // Widths above Eigen's limit for temporaries on the stack; a short batch among the full ones.
  Mlp model(world, {.widths = {200, 300, 100, 10}});
  AdamW optimizer(model.parameters(), {});
  const MatrixDataset data(random_matrix(200, 128, "x"), random_matrix(10, 128, "t"), "x", "t");
  const std::vector<Index> order = shuffled_order(128, 0, 1);
  const auto step = [&](Index rows) {
    Tensor x(rows, 200, world.memory()), t(rows, 10, world.memory());
    data.fill_batch({order.data(), static_cast<std::size_t>(rows)}, x, t);
    training_step(model, optimizer, std::move(x), t);
  };
  const auto epoch = [&] {
    for (int i = 0; i < 3; ++i) step(96);
    step(32);
  };
  epoch();
  CHECK(allocations_of(epoch) == 0);
  // The counter counts: else the check above could not fail.
  CHECK(allocations_of([] { const Tensor one_more(7, 7); }) == 1);
}

RANKS_TEST_CASE("nor does a step that a watchdog watches", "processes 1-4") {
  Watchdog watchdog(1000, [](const std::string&) {});
  watchdog.watch(world);
  ProcessGroup group = world.split(0, 0);
  SmallStep step(group);
  step();
  step();
  CHECK(allocations_of([&] { step(); }) == 0);
}

RANKS_TEST_CASE("nor does a step that is recorded", "mpi 1-4") {
  // A ring that comes round within a step or two.
  const Tracer tracer(world, 40 * static_cast<std::size_t>(world.size()));
  ProcessGroup group = world.split(0, 0);
  SmallStep step(group);
  step();
  step();
  CHECK(allocations_of([&] {
          for (int i = 0; i < 10; ++i) step();
        }) == 0);
  CHECK(tracer.timeline().dropped() > 0);
}

RANKS_TEST_CASE("sums that overlap and sums along the tree allocate nothing after the first",
                "processes 1-4") {
  const Sharding cut(3000 * world.size(), world.size(), "numbers");
  std::vector<double> all(static_cast<std::size_t>(cut.total())), long_one(50'000), few(3);
  std::vector<double> piece(3000), other_piece(3000);
  const auto step = [&] {
    const AccountScope scope = world.charge(world.account("sums"));
    world.start_reduce_scatter(std::span<const double>(all), std::span(piece), cut.ranges());
    world.start_all_reduce(std::span(few));
    world.start_reduce_scatter(std::span<const double>(all), std::span(other_piece), cut.ranges());
    world.progress();
    world.finish();
    world.all_reduce(std::span(long_one), Reduction::sum, SumOrder::tree);
    world.all_reduce(std::span(few), Reduction::sum, SumOrder::tree);
    world.reduce_scatter(std::span<const double>(all), std::span(piece), cut.ranges(), 1,
                         SumOrder::tree);
  };
  step();
  CHECK(allocations_of([&] {
          step();
          step();
        }) == 0);
}

RANKS_TEST_CASE("nor does a step in any other mode", "processes 1-4") {
  const Tensor x = random_matrix(48, 200, "x"), t = Tensor::zeros(48, 40);
  for (const Layout layout : {Layout::gather, Layout::pair}) {
    for (const LossKind loss : {LossKind::mean_square, LossKind::cross_entropy}) {
      for (const bool exact : {false, true}) {
        if (exact && world.size() == 3) continue;
        for (const int dp : {1, world.size()}) {
          CAPTURE(to_string(layout));
          CAPTURE(to_string(loss));
          CAPTURE(exact);
          CAPTURE(dp);
          Mesh mesh(world, {dp, world.size() / dp});
          const Job job = {.model = {.widths = {200, 300, 100, 40},
                                     .layout = layout,
                                     .dropout = 0.1,
                                     .recompute = true,
                                     .shards = exact ? 8 : 0},
                           .loss = {.kind = loss},
                           .zero1 = true};
          TrainingJob training(mesh, job, {});
          TrainingStep step(training.model(), training.loss(), training.optimizer(),
                            training.data_parallel(), {.clip = 1});
          const auto run = [&] {
            step.begin(4 * 48, 4);
            for (Index i = 0; i < 4; ++i) {
              std::pmr::memory_resource* const memory = training.model().memory();
              step.add(x.clone(memory), t.clone(memory), 48 * i);
            }
            step.finish();
          };
          run();
          run();
          CHECK(allocations_of(run) == 0);
        }
      }
    }
  }
}

#endif
