#include "cuda/nccl_communicator.hpp"

#ifdef COLONNADE_NCCL

#include <exception>
#include <string>

#include "cuda/gpu.hpp"

namespace colonnade {

namespace {

/// NCCL says a code in general words, and then what it was about.
Error error_of(ncclResult_t code, ncclComm_t communicator, const char* call, SourceLine where) {
  std::string found = ncclGetErrorString(code);
  const char* last = ncclGetLastError(communicator);
  if (last != nullptr && *last != '\0') found += std::string(": ") + last;
  for (char& c : found)
    if (c == '\n') c = ' ';
  return Error(std::string(call) + " failed",
               {.found = found, .hint = "NCCL_DEBUG=INFO in the environment shows what it does"},
               where);
}

}  // namespace

NcclCommunicator::NcclCommunicator(Transport& ranks) : exceptions_(std::uncaught_exceptions()) {
  // Rank 0 invites the others, or says why it can't: nobody waits for it in vain.
  struct Invitation {
    ncclUniqueId id;
    ncclResult_t code;
  };
  Invitation invitation = {};
  if (ranks.rank() == 0) invitation.code = ncclGetUniqueId(&invitation.id);
  ranks.broadcast(&invitation, sizeof(Invitation), DataType::byte, 0);
  if (invitation.code != ncclSuccess) {
    throw Error::of_group(
        error_of(invitation.code, nullptr, "ncclGetUniqueId", SourceLine::here()).what(),
        ranks.rank() == 0);
  }
  gpu::stream();  // the thread's GPU is the current one from here on
  check(ncclCommInitRank(&communicator_, ranks.size(), invitation.id, ranks.rank()),
        "ncclCommInitRank");
}

NcclCommunicator::~NcclCommunicator() {
  if (std::uncaught_exceptions() > exceptions_) {
    ncclCommAbort(communicator_);
  } else {
    ncclCommDestroy(communicator_);
  }
}

void NcclCommunicator::check(ncclResult_t code, const char* call, SourceLine where) const {
  if (code != ncclSuccess) throw error_of(code, communicator_, call, where);
}

void NcclCommunicator::check_under_way(SourceLine where) const {
  ncclResult_t code = ncclSuccess;
  check(ncclCommGetAsyncError(communicator_, &code), "ncclCommGetAsyncError", where);
  if (code != ncclInProgress) check(code, "a collective of NCCL", where);
}

}  // namespace colonnade

#endif
