// A transport whose collectives take device memory too. Buffers that the host reaches go to the
// transport it wraps, as everything does where the host reaches device memory. Buffers in a GPU's
// memory go by NCCL if ranks are processes with a GPU of their own, and through the computer's
// memory if not.
//
// It has no common memory: what the wrapped one lends is not the GPU's.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string>
#include <vector>

#include "backend_transport.hpp"
#include "cuda/device_collectives.hpp"
#include "cuda/gpu.hpp"

namespace colonnade {

namespace {

#ifdef COLONNADE_NCCL
constexpr bool has_nccl = true;
#else
constexpr bool has_nccl = false;
#endif

/// What NCCL tells GPUs apart by: host and place on its bus. Empty where there is none.
using GpuAddress = std::array<char, HOST_NAME_MAX + 1 + 32>;

GpuAddress own_gpu() {
  GpuAddress address = {};
  std::array<char, HOST_NAME_MAX + 1> host = {};
  std::array<char, 32> place = {};
  if (gpu::count() == 0 || gethostname(host.data(), host.size() - 1) != 0 ||
      cudaDeviceGetPCIBusId(place.data(), static_cast<int>(place.size()), gpu::index()) !=
          cudaSuccess)
    return address;
  const std::string text = std::string(host.data()) + " " + place.data();
  text.copy(address.data(), address.size() - 1);
  return address;
}

bool each_has_its_own_gpu(Transport& ranks) {
  const auto size = static_cast<std::size_t>(ranks.size());
  std::vector<GpuAddress> all(size);
  all[static_cast<std::size_t>(ranks.rank())] = own_gpu();
  ranks.all_gather(all.data(), Sharding(ranks.size(), ranks.size(), "ranks").ranges(),
                   sizeof(GpuAddress), DataType::byte);
  std::sort(all.begin(), all.end());
  return all.front()[0] != '\0' && std::adjacent_find(all.begin(), all.end()) == all.end();
}

bool is_on_gpu(const void* buffer, Index count) {
  // A thread that has not used its GPU yet has nothing there, and is not to wake it by asking.
  return count > 0 && !host_reaches_device_memory() && gpu::is_in_use() &&
         gpu::is_out_of_reach(buffer);
}

class DeviceTransport final : public Transport {
 public:
  explicit DeviceTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {
    choose_way();
  }

  std::string_view name() const override { return name_; }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }

  void announce(const Fingerprint& next) override { host_transport().announce(next); }
  void compare_announcements() override { host_transport().compare_announcements(); }
  void watch(std::shared_ptr<Place> place) override {
    watched_ = place != nullptr;
    inner_->watch(std::move(place));
  }
  void device_chosen() override { choose_way(); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    if (is_on_gpu(buffer, pieces.back().end * unit))
      return on_gpu([&](auto& gpus) { gpus.all_gather(buffer, pieces, unit, type); });
    host_transport().all_gather(buffer, pieces, unit, type);
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override {
    if (scatters_on_gpu(send, receive, pieces, unit))
      return on_gpu(
          [&](auto& gpus) { gpus.reduce_scatter(send, receive, pieces, unit, type, order); });
    host_transport().reduce_scatter(send, receive, pieces, unit, type, order);
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override {
    if (is_on_gpu(buffer, count))
      return on_gpu([&](auto& gpus) { gpus.all_reduce(buffer, count, type, reduction, order); });
    host_transport().all_reduce(buffer, count, type, reduction, order);
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    if (is_on_gpu(buffer, count))
      return on_gpu([&](auto& gpus) { gpus.broadcast(buffer, count, type, root); });
    host_transport().broadcast(buffer, count, type, root);
  }

  void barrier() override { host_transport().barrier(); }

  bool overlaps() const override {
    return (by_nccl_ && !host_reaches_device_memory()) || inner_->overlaps();
  }

  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override {
    const bool there = is_on_gpu(buffer, pieces.back().end * unit);
    if (there) {
      next_on_gpu().start_all_gather(buffer, pieces, unit, type);
    } else {
      host_transport().start_all_gather(buffer, pieces, unit, type);
    }
    under_way_on_gpu_.push_back(there);
  }

  void start_all_reduce(void* buffer, Index count, DataType type) override {
    const bool there = is_on_gpu(buffer, count);
    if (there) {
      next_on_gpu().start_all_reduce(buffer, count, type);
    } else {
      host_transport().start_all_reduce(buffer, count, type);
    }
    under_way_on_gpu_.push_back(there);
  }

  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    const bool there = scatters_on_gpu(send, receive, pieces, unit);
    if (there) {
      next_on_gpu().start_reduce_scatter(send, receive, pieces, unit, type);
    } else {
      host_transport().start_reduce_scatter(send, receive, pieces, unit, type);
    }
    under_way_on_gpu_.push_back(there);
  }

  void progress() override {
    if (device_collectives_) device_collectives_->progress();
    inner_->progress();
  }

  void finish_first() override {
    const bool was_on_gpu = under_way_on_gpu_.front();
    under_way_on_gpu_.erase(under_way_on_gpu_.begin());
    if (was_on_gpu) {
      device_collectives_->finish_first();
      return wait_if_watched();
    }
    host_transport().finish_first();
  }

  bool is_replayable() const override {
    return by_nccl_ && !host_reaches_device_memory() && !watched_;
  }

  std::unique_ptr<Transport> split(int color, int key) override {
    return host_transport().split(color, key);
  }
  std::unique_ptr<Transport> split_by_node() override { return host_transport().split_by_node(); }
  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    return host_transport().open_shared(path);
  }

 private:
  // As long as nothing has gone either way. Groups that are made before ranks choose their GPUs
  // find out what they are when they have.
  void choose_way() {
    name_ = inner_->name();
    by_nccl_ = false;
    if (host_reaches_device_memory()) return;
    by_nccl_ = has_nccl && !are_threads() && each_has_its_own_gpu(*inner_);
    name_ += by_nccl_ ? "+nccl" : "+staged";
  }

  /// The wrapped one, for its next call.
  Transport& host_transport() {
    if (device_collectives_) device_collectives_->catch_up();
    return *inner_;
  }

  template <class Work>
  void on_gpu(const Work& work) {
    work(next_on_gpu());
    wait_if_watched();
  }

  // Whoever waits for another rank shall do so inside of a collective, where a watchdog sees it,
  // and not when it next asks for a number.
  void wait_if_watched() const {
    if (watched_) finish_device_work();
  }

  DeviceCollectives& next_on_gpu() {
    // NCCL doesn't tell one collective from another: if anybody watches, the hosts meet first.
    if (by_nccl_ && watched_) inner_->barrier();
    if (device_collectives_) return *device_collectives_;
#ifdef COLONNADE_NCCL
    if (by_nccl_) device_collectives_ = make_nccl_collectives(*inner_);
#endif
    if (!device_collectives_) device_collectives_ = make_staged_collectives(*inner_);
    return *device_collectives_;
  }

  // Threads of a process share CUDA's locks: one that holds a lock while its GPU waits for
  // another's rank may keep that rank from coming. And a rank that waits for one that has failed
  // does so in its GPU, where nobody can tell it; no mpiexec ends threads.
  bool are_threads() const {
    return inner_->name() == "threads";
  }

  bool scatters_on_gpu(const void* send, const void* receive, std::span<const Range> pieces,
                       Index unit) const {
    const bool sends = is_on_gpu(send, pieces.back().end * unit);
    const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
    if (own > 0 && is_on_gpu(receive, own) != sends) {
      throw Error("a reduce-scatter is asked to sum from one kind of memory into another",
                  {.wanted = "both buffers in device memory, or none"});
    }
    return sends;
  }

  std::unique_ptr<Transport> inner_;
  std::unique_ptr<DeviceCollectives> device_collectives_;  // null until something is on a GPU
  std::string name_;
  bool by_nccl_ = false;
  bool watched_ = false;
  std::vector<bool> under_way_on_gpu_;  // of each that was started and not finished
};

}  // namespace

std::unique_ptr<Transport> backend_transport(std::unique_ptr<Transport> transport) {
  // Of all transports of one rank this one knows device memory.
  if (transport->size() == 1) return make_self_transport();
  return std::make_unique<DeviceTransport>(std::move(transport));
}

}  // namespace colonnade
