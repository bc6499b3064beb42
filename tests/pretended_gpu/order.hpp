// In which order threads of a block run, and blocks of a kernel: a GPU promises none. Where a
// barrier is missing, one order gives another result than the other.
#pragma once

#include <random>
#include <vector>

namespace pretended_gpu {

// The numbers 0..n-1 from the first to the last, from the last to the first, or shuffled, as
// PRETENDED_GPU_ORDER says: forward (the default), reverse, or a number, which chooses the shuffle.
class Order {
 public:
  Order();

  // Of so many from now on; shuffled anew each time.
  void begin(unsigned count);
  unsigned operator[](unsigned i) const { return numbers_[i]; }

 private:
  enum class Kind { forward, reverse, shuffled };

  Kind kind_ = Kind::forward;
  std::minstd_rand random_;
  std::vector<unsigned> numbers_;
};

}  // namespace pretended_gpu
