#include "colonnade/device.hpp"

#include <omp.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <string>

#include "colonnade/backend.hpp"

namespace colonnade {

namespace {

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

bool bind_to(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

/// True if every rank of the node may run on the same cores: nobody has bound them yet.
bool share_cores(ProcessGroup& node, const std::vector<int>& cores) {
  std::uint64_t digest = cores.size();
  for (const int core : cores) digest = digest * 1000003 + static_cast<std::uint64_t>(core);
  const std::vector<std::int64_t> all = node.all_gather(static_cast<std::int64_t>(digest));
  return std::all_of(all.begin(), all.end(), [&](std::int64_t other) { return other == all[0]; });
}

/// `0-3,8` for consecutive runs.
std::string render_cores(const std::vector<int>& cores) {
  std::string text;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t last = i;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cores[i]);
    if (last > i) text += '-' + std::to_string(cores[last]);
    i = last + 1;
  }
  return text;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

/// Ranks that see the same GPUs share them out. Those that see others may be in a world of their
/// own, made by a batch system.
BackendDevice choose_gpu(ProcessGroup& world, ProcessGroup& node, bool share) {
  const std::vector<std::string> seen = gather_text(node, backend_devices());
  const auto own = seen.begin() + node.rank();
  const auto before = std::count(seen.begin(), own, *own);
  const auto all = std::count(seen.begin(), seen.end(), *own);
  BackendDevice gpu;
  collectively(world, [&] {
    gpu = choose_backend_device(static_cast<int>(before), static_cast<int>(all), share);
  });
  world.device_chosen();
  return gpu;
}

}  // namespace

Device choose_device(ProcessGroup& world, const DeviceOptions& options) {
  ProcessGroup node = world.split_by_node();
  Device device;
  device.host = host_name();
  device.node_rank = node.rank();
  device.node_size = node.size();
  device.cores = allowed_cores();
  const bool shared = share_cores(node, device.cores);
  const int cores = static_cast<int>(device.cores.size());
  device.node_cores = shared ? cores : cores * device.node_size;

  const int fair_share = std::max(1, device.node_cores / device.node_size);
  device.threads = options.threads > 0 ? options.threads : fair_share;
  if (!shared) {
    device.bound = true;
  } else if (options.bind && device.node_size * device.threads == cores) {
    const auto first = device.cores.begin() + device.node_rank * device.threads;
    const std::vector<int> own(first, first + device.threads);
    device.bound = bind_to(own);
    if (device.bound) device.cores = own;
  } else if (options.bind && device.threads == 1 && device.node_size % cores == 0) {
    // More ranks than cores, as many on each: the system would move them about, and in each phase
    // of a step wait for the core that happens to have the most.
    const std::vector<int> core = {
        device.cores[static_cast<std::size_t>(device.node_rank * cores / device.node_size)]};
    if (bind_to(core)) device.cores = core;
  }
  omp_set_num_threads(device.threads);
  const std::int64_t missing = why_no_device().empty() ? 0 : 1;
  if (!options.needs_gpu && world.all_reduce(missing, Reduction::max) > 0) return device;
  const BackendDevice gpu = choose_gpu(world, node, options.share_gpus);
  device.gpu = gpu.name;
  device.gpu_memory = gpu.memory;
  device.gpu_cache = gpu.cache;
  return device;
}

std::string describe(const Device& device, int rank) {
  return "rank " + std::to_string(rank) + ": " + device.host + ", " +
         (device.cores.size() == 1 ? "core " : "cores ") + render_cores(device.cores) +
         (device.bound ? " (bound), " : " (shared), ") + std::to_string(device.threads) +
         (device.threads == 1 ? " thread" : " threads") +
         (device.gpu.empty() ? "" : ", " + device.gpu);
}

std::size_t last_level_cache() {
  for (const int name : {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE}) {
    const long bytes = sysconf(name);
    if (bytes > 0) return static_cast<std::size_t>(bytes);
  }
  return 0;
}

std::size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;  // Linux counts it in KiB
}

}  // namespace colonnade
