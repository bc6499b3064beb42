// Where the ranks of a communicator meet: a file in shared memory that the unique id names. Ranks
// are processes of this machine, or threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pretended_gpu {

// What a rank says that it is about to do; those of all ranks must agree.
struct Announcement {
  int kind;
  int type;
  int op;
  int root;
  std::uint64_t count;
};

// One rank's part of the shared memory. Chunks are numbered from 1 over a communicator's life.
struct alignas(64) Seat {
  std::atomic<int> device;            // + 1, once the rank is there
  std::atomic<std::uint64_t> posted;  // chunks that the rank has laid out for all
  std::atomic<std::uint64_t> taken;   // chunks that the rank has read from all
  std::atomic<bool> waits;            // for others, in the middle of a call
  Announcement announcement;          // of the collective whose first chunk was posted last
  std::atomic<std::uint64_t> split;   // the split for which color and key are
  std::atomic<std::uint64_t> split_seen;
  int color;
  int key;
};

inline constexpr std::size_t kChunkBytes = 64 << 10;

// From one rank to another.
struct alignas(64) Channel {
  std::atomic<std::uint64_t> posted;
  std::atomic<std::uint64_t> taken;
  std::uint64_t message;  // bytes of the whole message
  char data[kChunkBytes];
};

class Meeting {
 public:
  // Maps the file, and makes it if this rank is the first.
  Meeting(std::string name, int ranks, int rank, int device);
  ~Meeting();
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  bool all_are_here() const;
  // Two ranks with one device: the first such pair, by its lower rank. Else false.
  bool duplicate(int& one, int& other) const;
  // The file's name is needed no longer once all are there.
  void forget_name();

  const std::string& name() const { return name_; }
  bool rank_was_taken() const { return rank_was_taken_; }
  Seat& seat(int rank) const;
  char* chunk(int rank) const;
  Channel& channel(int from, int to) const;

 private:
  std::string name_;
  int ranks_;
  bool rank_was_taken_ = false;
  std::size_t bytes_;
  char* memory_;
};

}  // namespace pretended_gpu
