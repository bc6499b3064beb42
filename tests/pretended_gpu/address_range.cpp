// The reserved range, its protection, and the handler that says who touched it.
#include "address_range.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "errors.hpp"

namespace pretended_gpu {
namespace {

constexpr std::size_t kRangeBytes = std::size_t{4} << 40;
// Rooms from two pieces on are mapped to a file of one piece that is full of 0xff: pages are copied
// when they are written to.
constexpr std::size_t kPieceBytes = std::size_t{16} << 20;

struct Range {
  std::mutex mutex;
  char* begin = nullptr;
  char* end = nullptr;  // of what was given out so far
  int open = 0;
  int piece = -1;
  struct sigaction before = {};
};

// Never destroyed: streams may still run while the program ends.
Range& range() {
  static Range& the = *new Range;
  return the;
}

void protect(Range& r, int protection) {
  const auto size = static_cast<std::size_t>(r.end - r.begin);
  if (size > 0 && mprotect(r.begin, size, protection) != 0)
    fail("mprotect of device memory failed");
}

// Says what happened and leaves the rest to the handler that was there before: the instruction is
// run again and faults again.
void on_fault(int, siginfo_t* info, void*) {
  const Range& r = range();
  const char* address = static_cast<char*>(info->si_addr);
  if (address >= r.begin && address < r.begin + kRangeBytes) {
    static const char message[] = "pretended GPU: host code touched device memory\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
  }
  sigaction(SIGSEGV, &r.before, nullptr);
}

void reserve(Range& r) {
  if (r.begin != nullptr) return;
  void* memory =
      mmap(nullptr, kRangeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no addresses for device memory");
  // Not given to children that are forked to be examined: a core file of it would be enormous.
  madvise(memory, kRangeBytes, MADV_DONTDUMP);
  // Opening and closing takes time for each page.
  madvise(memory, kRangeBytes, MADV_HUGEPAGE);
  r.begin = r.end = static_cast<char*>(memory);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &r.before);
}

int piece_of_ones(Range& r) {
  if (r.piece >= 0) return r.piece;
  r.piece = memfd_create("pretended_gpu_ones", MFD_CLOEXEC);
  if (r.piece < 0 || ftruncate(r.piece, kPieceBytes) != 0) fail("memfd_create failed");
  void* memory = mmap(nullptr, kPieceBytes, PROT_READ | PROT_WRITE, MAP_SHARED, r.piece, 0);
  if (memory == MAP_FAILED) fail("no memory for a pattern");
  std::memset(memory, 0xff, kPieceBytes);
  munmap(memory, kPieceBytes);
  return r.piece;
}

void fill(Range& r, char* begin, std::size_t bytes) {
  const int protection = PROT_READ | PROT_WRITE;
  if (bytes < 2 * kPieceBytes) {
    if (mprotect(begin, bytes, protection) != 0) fail("mprotect of device memory failed");
    std::memset(begin, 0xff, bytes);
  } else {
    for (std::size_t at = 0; at < bytes; at += kPieceBytes) {
      if (mmap(begin + at, std::min(kPieceBytes, bytes - at), protection,
               MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED, piece_of_ones(r), 0) == MAP_FAILED) {
        fail("device memory cannot be mapped");
      }
    }
  }
  if (r.open == 0 && mprotect(begin, bytes, PROT_NONE) != 0) {
    fail("mprotect of device memory failed");
  }
}

}  // namespace

char* take_addresses(std::size_t bytes) {
  Range& r = range();
  const std::lock_guard lock(r.mutex);
  reserve(r);
  if (bytes > kRangeBytes - static_cast<std::size_t>(r.end - r.begin)) return nullptr;
  char* begin = r.end;
  r.end += bytes;
  fill(r, begin, bytes);
  return begin;
}

void give_back_memory(char* begin, std::size_t bytes) {
  Range& r = range();
  const std::lock_guard lock(r.mutex);
  if (mmap(begin, bytes, r.open > 0 ? PROT_READ | PROT_WRITE : PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    fail("device memory cannot be given back");
  }
}

void open_range() {
  Range& r = range();
  const std::lock_guard lock(r.mutex);
  if (r.open++ == 0) protect(r, PROT_READ | PROT_WRITE);
}

void close_range() {
  Range& r = range();
  const std::lock_guard lock(r.mutex);
  if (--r.open == 0) protect(r, PROT_NONE);
}

}  // namespace pretended_gpu
