// Calls of NCCL that are queued, alone or as a group.
#include <algorithm>
#include <string>
#include <vector>

#include "device_memory.hpp"
#include "errors.hpp"
#include "nccl.hpp"
#include "nccl_handle.hpp"

using namespace pretended_gpu;

namespace {

struct GroupedCall {
  std::shared_ptr<Communicator> communicator;
  Call call;
  std::shared_ptr<CUstream_st> stream;
};

thread_local int group_depth = 0;
thread_local ncclResult_t group_error = ncclSuccess;
thread_local std::vector<GroupedCall> group;

ncclResult_t refuse(Communicator& c, ncclResult_t result, const std::string& why) {
  complain("NCCL: " + why);
  c.last_error = why;
  return result;
}

bool buffers_reachable(const Communicator& c, const Call& call) {
  const bool reads =
      call.kind != Kind::receive && (call.kind != Kind::broadcast || c.rank == call.root);
  const bool writes = call.kind != Kind::send;
  return (!reads ||
          (call.send != nullptr && reachable(call.send, bytes_sent(call, c.ranks), c.device))) &&
         (!writes || (call.receive != nullptr &&
                      reachable(call.receive, bytes_received(call, c.ranks), c.device)));
}

// Several transfers as one operation: those that do not go the same way go on side by side, so that
// a send and a receive of one group cannot wait for each other.
struct TogetherNow {
  std::vector<GroupedCall> calls;
  std::vector<Transfer> transfers;

  bool advance() {
    if (transfers.empty()) {
      for (const GroupedCall& c : calls) {
        if (!buffers_reachable(*c.communicator, c.call)) {
          complain("memory of a collective was freed before it ran");
          make_sticky(c.communicator->device, cudaErrorIllegalAddress);
          return true;
        }
        transfers.emplace_back(c.communicator, c.call);
      }
    }
    bool complete = true;
    for (auto transfer = transfers.begin(); transfer != transfers.end(); ++transfer) {
      const bool behind = std::any_of(transfers.begin(), transfer, [&](const Transfer& earlier) {
        return !earlier.complete() && earlier.same_way(*transfer);
      });
      if (behind || !transfer->advance()) complete = false;
    }
    for (const GroupedCall& c : calls) {
      c.communicator->meeting->seat(c.communicator->rank).waits = !complete;
    }
    return complete;
  }
};

ncclResult_t queue_together(std::vector<GroupedCall> calls) {
  CUstream_st& stream = *calls.front().stream;
  std::vector<std::shared_ptr<Communicator>> communicators;
  for (const GroupedCall& c : calls) communicators.push_back(c.communicator);
  // Calls of one communicator keep their order, in whatever streams they are.
  for (const auto& c : communicators) {
    const Moment last = c->last_call();
    const bool elsewhere = last.stream != nullptr && last.stream.get() != &stream;
    if (elsewhere && stream.capture == nullptr && !last.reached()) queue(stream, wait_for(last));
  }
  const std::shared_ptr<CUstream_st> kept = calls.front().stream;
  const cudaError_t error = queue(stream, [together = TogetherNow{std::move(calls), {}}]() mutable {
    return together.advance();
  });
  if (error != cudaSuccess) return ncclUnhandledCudaError;
  ncclResult_t result = ncclSuccess;
  for (const auto& c : communicators) {
    if (stream.capture == nullptr) c->set_last_call(now_of(kept));
    if (c->blocking) continue;
    c->launching = true;
    result = ncclInProgress;
  }
  return result;
}

ncclResult_t queue_group() {
  std::vector<GroupedCall> calls = std::move(group);
  group.clear();
  ncclResult_t result = ncclSuccess;
  while (!calls.empty()) {
    const auto rest = std::stable_partition(calls.begin(), calls.end(), [&](const auto& c) {
      return c.stream == calls.front().stream;
    });
    std::vector<GroupedCall> of_stream(calls.begin(), rest);
    calls.erase(calls.begin(), rest);
    const ncclResult_t one = queue_together(std::move(of_stream));
    if (one != ncclSuccess) result = one;
  }
  return result;
}

ncclResult_t judge(Communicator& c, const Call& call, const CUstream_st* stream) {
  if (!c.joined || c.launching) {
    return refuse(c, ncclInvalidUsage,
                  "the communicator is in progress; ncclCommGetAsyncError was not asked until it "
                  "said ncclSuccess");
  }
  if (stream == nullptr || stream->device != c.device) {
    return refuse(c, ncclInvalidArgument, "the stream is not one of the communicator's device");
  }
  if (size_of(call.type) == 0 || (reduces(call.kind) && call.op >= ncclNumOps)) {
    return refuse(c, ncclInvalidArgument, "a type or an operation that is not pretended");
  }
  if (call.root < 0 || call.root >= c.ranks) {
    return refuse(c, ncclInvalidArgument, "a root or a peer that is no rank");
  }
  if (call.count > 0 && !buffers_reachable(c, call)) {
    return refuse(c, ncclInvalidArgument, "a buffer is not memory of the device, or too short");
  }
  return ncclSuccess;
}

ncclResult_t add(ncclComm_t handle, const Call& call, cudaStream_t stream) {
  if (handle == nullptr) return ncclInvalidArgument;
  const std::shared_ptr<Communicator>& c = handle->communicator;
  const std::shared_ptr<CUstream_st> found = find_stream(stream);
  const ncclResult_t result = judge(*c, call, found.get());
  if (result != ncclSuccess) {
    if (group_depth > 0) group_error = result;
    return result;
  }
  if (call.count == 0) return ncclSuccess;
  group.push_back({c, call, found});
  return group_depth > 0 ? ncclSuccess : queue_group();
}

}  // namespace

ncclResult_t ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                           cudaStream_t stream) {
  return add(comm, {Kind::all_reduce, sendbuff, recvbuff, count, datatype, op, 0}, stream);
}

ncclResult_t ncclReduceScatter(const void* sendbuff, void* recvbuff, size_t recvcount,
                               ncclDataType_t datatype, ncclRedOp_t op, ncclComm_t comm,
                               cudaStream_t stream) {
  return add(comm, {Kind::reduce_scatter, sendbuff, recvbuff, recvcount, datatype, op, 0}, stream);
}

ncclResult_t ncclAllGather(const void* sendbuff, void* recvbuff, size_t sendcount,
                           ncclDataType_t datatype, ncclComm_t comm, cudaStream_t stream) {
  return add(comm, {Kind::all_gather, sendbuff, recvbuff, sendcount, datatype, ncclSum, 0}, stream);
}

ncclResult_t ncclBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                           ncclDataType_t datatype, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  return add(comm, {Kind::broadcast, sendbuff, recvbuff, count, datatype, ncclSum, root}, stream);
}

ncclResult_t ncclSend(const void* sendbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return add(comm, {Kind::send, sendbuff, nullptr, count, datatype, ncclSum, peer}, stream);
}

ncclResult_t ncclRecv(void* recvbuff, size_t count, ncclDataType_t datatype, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return add(comm, {Kind::receive, nullptr, recvbuff, count, datatype, ncclSum, peer}, stream);
}

ncclResult_t ncclGroupStart() {
  ++group_depth;
  return ncclSuccess;
}

// A group with a call that was refused does nothing at all.
ncclResult_t ncclGroupEnd() {
  if (group_depth == 0) return ncclInvalidUsage;
  if (--group_depth > 0) return ncclSuccess;
  const ncclResult_t error = group_error;
  group_error = ncclSuccess;
  if (error == ncclSuccess) return queue_group();
  group.clear();
  return error;
}
