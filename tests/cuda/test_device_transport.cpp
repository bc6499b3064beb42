// By which way device memory goes. Nothing of it shows where the host reaches that memory, so that
// these tests have something to say in a run with --out-of-reach only.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/spawn.hpp"
#include "cuda/gpu.hpp"
#include "device_array.hpp"
#include "harness.hpp"
#include "place.hpp"

using namespace colonnade;
using harness::DeviceArray;
using harness::error_of;

namespace {

/// The harness gives each rank another GPU, as far as there are others.
std::string way_of(const ProcessGroup& group) {
  if (host_reaches_device_memory()) return "";
  const bool threads = group.transport_name().starts_with("threads");
  return gpu::count() >= group.size() && !threads ? "+nccl" : "+staged";
}

}  // namespace

RANKS_TEST_CASE("GPUs of their own talk by NCCL, others through the computer's memory", "2-8") {
  const std::string way = way_of(world);
  CAPTURE(world.transport_name());
  if (way.empty()) {
    CHECK(world.transport_name().find("nccl") == std::string_view::npos);
    CHECK(world.transport_name().find("staged") == std::string_view::npos);
    return;
  }
  CHECK(world.transport_name().ends_with(way));
  CHECK((way == "+staged" || world.overlaps()));
  ProcessGroup all = world.split(0, -world.rank());
  CHECK(all.transport_name() == world.transport_name());
  ProcessGroup alone = world.split(world.rank(), 0);
  CHECK(alone.transport_name() == "self");
}

RANKS_TEST_CASE("no memory is common to ranks that compute on GPUs", "2-4") {
  CHECK(world.common_memory() == world.memory());
  CHECK(world.visible_memory() == world.memory());
}

RANKS_TEST_CASE("a sum from one kind of memory into another is refused", "2-4") {
  if (host_reaches_device_memory()) return;
  const Sharding cut(world.size(), world.size(), "ranks");
  const DeviceArray<double> on_gpu(std::vector<double>(cut.ranges().size(), 1.0));
  std::vector<double> on_host(1);
  const std::string refusal =
      "a reduce-scatter is asked to sum from one kind of memory into another";
  CHECK(error_of([&] {
          world.reduce_scatter(on_gpu.span(), std::span(on_host), cut.ranges());
        }).starts_with(refusal));
  CHECK(error_of([&] {
          world.start_reduce_scatter(on_gpu.span(), std::span(on_host), cut.ranges());
        }).starts_with(refusal));
  CHECK_FALSE(world.is_under_way());
}

// By NCCL alone this would hang, or bring something.
RANKS_TEST_CASE("ranks in different collectives of device memory are told so if watched", "2-4") {
  world.watch(std::make_shared<Place>());
  const bool odd = world.rank() == world.size() - 1;
  DeviceArray<double> buffer(std::vector<double>(4, 1.0));
  world.all_reduce(buffer.span());  // hosts meet for the first anyway
  const std::string error =
      error_of([&] { world.all_reduce(buffer.span(), odd ? Reduction::max : Reduction::sum); });
  CHECK(error.starts_with("ranks that must meet are in different collectives: "));
}

// No mpiexec ends the others, and a GPU that waits for another's can't be woken.
TEST_CASE("a thread that fails alone leaves no other waiting for its GPU") {
  if (host_reaches_device_memory()) return;
  const std::string error = error_of([] {
    spawn(3, [](ProcessGroup& world) {
      choose_backend_device(world.rank(), world.size(), true);
      world.device_chosen();
      DeviceArray<double> buffer(std::vector<double>(4, 1.0));
      world.all_reduce(buffer.span());
      CHECK(buffer.values() == std::vector<double>(4, 3.0));
      if (world.rank() == 1) throw Error("no memory left");
      world.all_reduce(buffer.span());
      buffer.values();
    });
  });
  CHECK(error.starts_with("no memory left"));
}

TEST_CASE("ranks get a GPU each, or share those that there are if told to") {
  const int gpus = gpu::count();
  REQUIRE(gpus > 0);
  // In threads of their own: one that has used its GPU keeps it.
  const auto choice = [&](int rank, int ranks, bool share) {
    std::string gpu;
    std::thread([&] { gpu = choose_backend_device(rank, ranks, share).name; }).join();
    return gpu;
  };
  const std::string last = "GPU " + std::to_string(gpus - 1) + " (";
  CHECK(choice(gpus - 1, gpus, false).starts_with(last));
  CHECK(choice(gpus - 1, gpus, true).ends_with(")"));
  CHECK_FALSE(choice(gpus - 1, gpus, true).ends_with(", shared)"));
  CHECK(choice(2 * gpus - 1, 2 * gpus, true).starts_with(last));
  CHECK(choice(2 * gpus - 1, 2 * gpus, true).ends_with(", shared)"));
  CHECK(choice(0, gpus + 1, true).ends_with(", shared)"));
  CHECK((gpus == 1 || !choice(gpus - 1, gpus + 1, true).ends_with(", shared)")));
  const std::string error = error_of([&] { choose_backend_device(0, gpus + 1, false); });
  CHECK(
      error.starts_with("there are fewer GPUs than ranks on this node: wanted a GPU for each of " +
                        std::to_string(gpus + 1) + " ranks, found " + std::to_string(gpus)));
  CHECK(error.find("--share-gpus") != std::string::npos);
}

TEST_CASE("each GPU is told from the others") {
  const std::string devices = backend_devices();
  CHECK(std::count(devices.begin(), devices.end(), ' ') == gpu::count());
}
