// The ranks of a group as NCCL knows them, and its return codes as errors.
#pragma once

#ifdef COLONNADE_NCCL

#include <nccl.h>

#include "colonnade/transport.hpp"

namespace colonnade {

class NcclCommunicator {
 public:
  /// Each rank with the GPU of its thread, which none has in common with another. NCCL takes a
  /// second or so for it. Collective.
  explicit NcclCommunicator(Transport& ranks);

  /// Ends what is under way, or gives it up if an exception passes: the other ranks may never take
  /// their part.
  ~NcclCommunicator();

  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  ncclComm_t get() const { return communicator_; }

  /// Throws Error with NCCL's own words unless `code` is ncclSuccess. `call` is what was called.
  void check(ncclResult_t code, const char* call, SourceLine where = SourceLine::here()) const;

  /// Throws what has gone wrong since with collectives that had begun well.
  void check_under_way(SourceLine where = SourceLine::here()) const;

 private:
  ncclComm_t communicator_ = nullptr;
  int exceptions_;  // of this thread, when it was made
};

}  // namespace colonnade

#endif
