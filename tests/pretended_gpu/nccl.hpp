// What the parts of the pretended NCCL share: communicators, and calls that are queued.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "include/nccl.h"
#include "nccl_meeting.hpp"
#include "streams.hpp"

namespace pretended_gpu {

struct Communicator {
  int ranks;
  int rank;
  int device;
  bool blocking;
  std::unique_ptr<Meeting> meeting;
  bool joined = false;
  bool launching = false;  // a call answered ncclInProgress, and nobody has asked since
  std::atomic<bool> aborted = false;
  ncclResult_t error = ncclSuccess;
  std::string last_error;
  std::uint64_t chunks = 0;  // of collectives, done or begun
  std::uint64_t splits = 0;

  // Its last call: calls in several streams keep their order.
  Moment last_call() const;
  void set_last_call(Moment moment);

  // Whether another rank has begun what this one has yet to do.
  bool is_waited_for() const;

  // One look whether all ranks are there: ncclInProgress until they are.
  ncclResult_t try_to_join();

 private:
  mutable std::mutex mutex_;
  Moment last_;
};

// Goes on with the calls of a communicator whenever a peer waits for them, until it is to stop.
void help(const std::stop_token& stop, const std::shared_ptr<Communicator>& communicator);

enum class Kind { all_reduce, reduce_scatter, all_gather, broadcast, send, receive };

// One call of NCCL on one rank.
struct Call {
  Kind kind;
  const void* send;
  void* receive;
  std::size_t count;
  ncclDataType_t type;
  ncclRedOp_t op;
  int root;  // or the peer
};

std::size_t size_of(ncclDataType_t type);  // 0: a type that is not pretended
bool reduces(Kind kind);

// Bytes of the two buffers.
std::size_t bytes_sent(const Call& call, int ranks);
std::size_t bytes_received(const Call& call, int ranks);

// A call on its way: does what can be done now, and answers whether that was all.
class Transfer {
 public:
  Transfer(std::shared_ptr<Communicator> communicator, const Call& call)
      : communicator_(std::move(communicator)), call_(call) {}

  bool advance();
  bool complete() const { return complete_; }
  // Whether the two have to go one after the other.
  bool same_way(const Transfer& other) const;

 private:
  bool advance_collective();
  bool advance_send();
  bool advance_receive();
  void compare_announcements() const;
  void take_chunk(std::size_t offset, std::size_t bytes) const;

  std::shared_ptr<Communicator> communicator_;
  Call call_;
  bool complete_ = false;
  bool posted_ = false;     // the chunk at offset_, and not yet taken
  std::size_t offset_ = 0;  // bytes that are done
};

// Combines the values of all ranks, `count` of them at each of `from`, into `to`.
void reduce(const std::vector<const char*>& from, char* to, std::size_t count, ncclDataType_t type,
            ncclRedOp_t op);

}  // namespace pretended_gpu
