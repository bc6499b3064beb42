// Collectives of buffers in a GPU's memory, for DeviceTransport. There are two ways: through the
// computer's memory and the transport that ranks have without GPUs, or by NCCL.
#pragma once

#include <memory>
#include <span>

#include "colonnade/transport.hpp"

namespace colonnade {

/// As Transport has them, with buffers that gpu::is_out_of_reach() and have at least one element.
/// They take effect where they stand among the ops of this thread; the host need not wait for them.
class DeviceCollectives {
 public:
  virtual ~DeviceCollectives() = default;

  virtual void all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                          DataType type) = 0;
  virtual void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                              Index unit, DataType type, SumOrder order) = 0;
  virtual void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                          SumOrder order) = 0;
  virtual void broadcast(void* buffer, Index count, DataType type, int root) = 0;

  virtual void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                DataType type) = 0;
  virtual void start_all_reduce(void* buffer, Index count, DataType type) = 0;
  virtual void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                                    Index unit, DataType type) = 0;
  virtual void progress() = 0;
  virtual void finish_first() = 0;

  /// Makes all calls of the inner transport that were put off. To be called before any other: so
  /// its calls have the order of ours, which is the same on all ranks.
  virtual void catch_up() {}
};

/// `inner` must outlive them.
std::unique_ptr<DeviceCollectives> make_staged_collectives(Transport& inner);

#ifdef COLONNADE_NCCL
/// For ranks that have a GPU each. Collective.
std::unique_ptr<DeviceCollectives> make_nccl_collectives(Transport& inner);
#endif

}  // namespace colonnade
