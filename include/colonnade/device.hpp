// Where a rank computes: which cores of its node, with how many threads, on which GPU.
#pragma once

#include <string>
#include <vector>

#include "colonnade/process_group.hpp"

namespace colonnade {

struct DeviceOptions {
  int threads = 0;   // OpenMP threads of this rank; 0 for the node's cores over the ranks on it
  bool bind = true;  // give each rank cores of its own, if the job fills those of the node
  bool share_gpus = false;  // let several ranks compute on one, where there are fewer than ranks
  bool needs_gpu = true;    // false: for what computes nothing, do without where there is none
};

struct Device {
  std::string host;
  int node_rank = 0;  // among the ranks of this node
  int node_size = 1;
  int node_cores = 1;  // that this job may use
  int threads = 1;
  std::vector<int> cores;     // that this rank may run on
  bool bound = false;         // whether these are its own
  std::string gpu = {};       // `GPU 0 (NVIDIA H100 80GB HBM3)`; empty where the backend uses none
  double gpu_memory = 0;      // bytes that this rank has of it
  std::size_t gpu_cache = 0;  // and of its last cache
};

/// Sets this rank's threads and cores. Without it each of n ranks on a node starts as many OpenMP
/// threads as the node has cores, n times too many. Ranks that fill the node get cores of their
/// own; of more ranks than cores each core gets as many, if that comes out even. A rank that
/// something else has already bound to part of the node, a batch system say, keeps its cores.
///
/// Where the backend computes on GPUs, each rank of a node takes another of those that it sees, and
/// if a batch system shows each rank other ones, the first. Throws an agreed Error where there are
/// too few. Call it before the first parallel region and the first tensor, once in each thread that
/// is a rank. Collective.
Device choose_device(ProcessGroup& world, const DeviceOptions& options);

/// `rank 0: node17, cores 0-3 (bound), 4 threads`
std::string describe(const Device& device, int rank);

/// Bytes of the last cache before memory, as the system knows it; 0 if it doesn't.
std::size_t last_level_cache();

/// The largest amount of memory that this process has held at once, in bytes.
std::size_t peak_memory();

}  // namespace colonnade
