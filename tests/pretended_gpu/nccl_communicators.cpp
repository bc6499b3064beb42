// Communicators: how ranks join, split and leave.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "devices.hpp"
#include "errors.hpp"
#include "nccl.hpp"
#include "nccl_handle.hpp"

namespace pretended_gpu {
namespace {

thread_local std::string error_without_communicator;

void rest() {
  std::this_thread::sleep_for(std::chrono::microseconds(100));
}

// Hands the communicator out and, if it blocks, waits until all ranks are there.
ncclResult_t join(ncclComm_t* handle, const std::string& name, int ranks, int rank, bool blocking) {
  auto c = std::make_shared<Communicator>();
  c->ranks = ranks;
  c->rank = rank;
  c->device = current_device();
  c->blocking = blocking;
  c->meeting = std::make_unique<Meeting>(name, ranks, rank, c->device);
  if (c->meeting->rank_was_taken()) {
    complain("NCCL: rank " + std::to_string(rank) + " joins twice");
    return ncclInvalidArgument;
  }
  *handle = new ncclComm{.communicator = c};
  if (!blocking) return ncclInProgress;
  ncclResult_t result = ncclInProgress;
  while ((result = c->try_to_join()) == ncclInProgress) rest();
  if (result == ncclSuccess) return ncclSuccess;
  error_without_communicator = c->last_error;
  delete *handle;
  *handle = nullptr;
  return result;
}

bool blocks(const ncclConfig_t* config, bool otherwise) {
  if (config == nullptr || config->blocking == NCCL_CONFIG_UNDEF_INT) return otherwise;
  return config->blocking != 0;
}

}  // namespace

Moment Communicator::last_call() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Communicator::set_last_call(Moment moment) {
  const std::lock_guard lock(mutex_);
  last_ = std::move(moment);
}

ncclResult_t Communicator::try_to_join() {
  if (joined || error != ncclSuccess) return error;
  if (!meeting->all_are_here()) return ncclInProgress;
  if (rank == 0) meeting->forget_name();
  int one = 0;
  int other = 0;
  if (meeting->duplicate(one, other)) {
    last_error = "Duplicate GPU detected : rank " + std::to_string(one) + " and rank " +
                 std::to_string(other) + " both on CUDA device " +
                 std::to_string(meeting->seat(one).device - 1);
    complain("NCCL: " + last_error);
    return error = ncclInvalidUsage;
  }
  joined = true;
  return ncclSuccess;
}

}  // namespace pretended_gpu

using namespace pretended_gpu;

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* uniqueId) {
  static std::atomic<unsigned> count = 0;
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  *uniqueId = {};
  std::snprintf(uniqueId->internal, sizeof uniqueId->internal, "/pretended_nccl.%d.%u.%llx",
                static_cast<int>(getpid()), ++count, static_cast<unsigned long long>(now));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank) {
  return ncclCommInitRankConfig(comm, nranks, commId, rank, nullptr);
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank,
                                    ncclConfig_t* config) {
  *comm = nullptr;
  if (enter() != cudaSuccess) return ncclUnhandledCudaError;
  if (nranks < 1 || rank < 0 || rank >= nranks) return ncclInvalidArgument;
  if (commId.internal[0] != '/') return ncclInvalidArgument;
  return join(comm, commId.internal, nranks, rank, blocks(config, true));
}

// All ranks tell their color and key; those of one color are the new communicator, by key and rank.
ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* newcomm,
                           ncclConfig_t* config) {
  *newcomm = nullptr;
  Communicator& c = *comm->communicator;
  if (!c.joined) return ncclInvalidUsage;
  const auto all = [&](auto counter, std::uint64_t number) {
    while (!c.aborted) {
      int rank = 0;
      while (rank < c.ranks && c.meeting->seat(rank).*counter >= number) ++rank;
      if (rank == c.ranks) return;
      rest();
    }
  };
  Seat& mine = c.meeting->seat(c.rank);
  all(&Seat::split_seen, c.splits);
  mine.color = color;
  mine.key = key;
  mine.split = ++c.splits;
  all(&Seat::split, c.splits);
  int ranks = 0;
  int before = 0;
  for (int rank = 0; rank < c.ranks; ++rank) {
    const Seat& other = c.meeting->seat(rank);
    if (other.color != color) continue;
    ++ranks;
    if (other.key < key || (other.key == key && rank < c.rank)) ++before;
  }
  mine.split_seen = c.splits;
  if (color == NCCL_SPLIT_NOCOLOR) return ncclSuccess;
  const std::string name =
      c.meeting->name() + "." + std::to_string(c.splits) + "." + std::to_string(color);
  return join(newcomm, name, ranks, before, blocks(config, c.blocking));
}

// Completes what was queued.
ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm == nullptr) return ncclInvalidArgument;
  const Moment last = comm->communicator->last_call();
  if (last.stream != nullptr) last.stream->run_until(last.position);
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  ncclCommFinalize(comm);
  delete comm;
  return ncclSuccess;
}

// Calls that wait for other ranks end, with whatever they have.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  comm->communicator->aborted = true;
  if (!comm->communicator->joined) comm->communicator->meeting->forget_name();
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* asyncError) {
  if (comm == nullptr) return ncclInvalidArgument;
  comm->communicator->launching = false;
  *asyncError = comm->communicator->try_to_join();
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  *count = comm->communicator->ranks;
  return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int* device) {
  *device = comm->communicator->device;
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  *rank = comm->communicator->rank;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t comm) {
  return comm == nullptr ? error_without_communicator.c_str()
                         : comm->communicator->last_error.c_str();
}
