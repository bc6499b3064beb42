// The shared memory of a communicator: seats, then a chunk for each rank, then the channels. Pages
// that nobody touches take no memory.
#include "nccl_meeting.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "errors.hpp"

namespace pretended_gpu {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

Meeting::Meeting(std::string name, int ranks, int rank, int device)
    : name_(std::move(name)), ranks_(ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  bytes_ = n * (sizeof(Seat) + kChunkBytes) + n * n * sizeof(Channel);
  const int file = shm_open(name_.c_str(), O_CREAT | O_RDWR, 0600);
  // A new file is full of zeros, which is what seats and channels begin with.
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes_)) != 0) {
    fail("no shared memory for the ranks of a communicator");
  }
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) fail("the shared memory of a communicator cannot be mapped");
  memory_ = static_cast<char*>(memory);
  rank_was_taken_ = seat(rank).device.exchange(device + 1) != 0;
}

Meeting::~Meeting() {
  munmap(memory_, bytes_);
}

bool Meeting::all_are_here() const {
  for (int rank = 0; rank < ranks_; ++rank) {
    if (seat(rank).device == 0) return false;
  }
  return true;
}

bool Meeting::duplicate(int& one, int& other) const {
  for (one = 0; one < ranks_; ++one) {
    for (other = one + 1; other < ranks_; ++other) {
      if (seat(one).device == seat(other).device) return true;
    }
  }
  return false;
}

void Meeting::forget_name() {
  shm_unlink(name_.c_str());
}

Seat& Meeting::seat(int rank) const {
  return reinterpret_cast<Seat*>(memory_)[rank];
}

char* Meeting::chunk(int rank) const {
  return memory_ + static_cast<std::size_t>(ranks_) * sizeof(Seat) +
         static_cast<std::size_t>(rank) * kChunkBytes;
}

Channel& Meeting::channel(int from, int to) const {
  const auto channels = reinterpret_cast<Channel*>(chunk(ranks_));
  return channels[static_cast<std::size_t>(from) * static_cast<std::size_t>(ranks_) +
                  static_cast<std::size_t>(to)];
}

}  // namespace pretended_gpu
