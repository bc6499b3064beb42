// Collectives of buffers in a GPU's memory, for DeviceTransport. There are two ways: through the
// computer's memory and the transport that ranks have without GPUs, or by NCCL.
#pragma once

#include <memory>

#include "colonnade/transport.hpp"

namespace colonnade {

/// Of buffers that gpu::is_out_of_reach() and have at least one element. They take effect where
/// they stand among the ops of this thread; the host need not wait for them.
class DeviceCollectives : public Collectives {
 public:
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
