// How fast memory is gone through, on every backend.
#include <algorithm>

#include "memory_pass.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Made on the device, for it may have more memory than the program: one is copied, then those
/// that are there as often as it takes.
Tensor ones(Index elements) {
  Tensor tensor = Tensor::zeros(elements, 1);
  Scalar* const numbers = tensor.data();
  if (elements > 0) write_number(1, numbers);
  for (Index done = 1; done < elements; done *= 2) {
    const Index more = std::min(done, elements - done);
    copy_bytes(numbers, numbers + done, static_cast<std::size_t>(more) * sizeof(Scalar));
  }
  return tensor;
}

PassArrays start(Index elements) {
  const auto zeros = [&] { return Tensor::zeros(elements, 1); };
  return {.gradient = ones(elements), .w = zeros(), .m = zeros(), .v = zeros()};
}

bool all_are(Scalar wanted, const Tensor& tensor) {
  const OnHost host(tensor);
  return std::ranges::all_of(host.numbers(), [=](Scalar x) { return x == wanted; });
}

/// After one pass every array that it writes holds ones. Collective.
void check_pass(ProcessGroup& group, MemoryPass pass) {
  constexpr Index elements = 10'007;  // several parts of any backend's, the last one not whole
  PassArrays arrays = start(elements);
  go_through(pass, arrays);
  const Scalar moments = pass == MemoryPass::update ? 1 : 0;
  const bool right =
      all_are(1, arrays.w) && all_are(moments, arrays.m) && all_are(moments, arrays.v);
  collectively(group, [&] {
    if (!right) {
      throw Error("wrong result of " + std::string(to_string(pass)) + ", which is not timed");
    }
  });
}

}  // namespace

MemoryRates measure_memory(ProcessGroup& group, Index elements, const Patience& patience) {
  PassArrays arrays = start(elements);
  const auto rate = [&](MemoryPass pass) {
    check_pass(group, pass);
    const Times times = time_together(group, patience, [&] { go_through(pass, arrays); });
    const double bytes = numbers_moved(pass) * sizeof(Scalar) * static_cast<double>(elements);
    return bytes / times.smallest;
  };
  return {.copy = rate(MemoryPass::copy),
          .triad = rate(MemoryPass::triad),
          .update = rate(MemoryPass::update)};
}

}  // namespace colonnade::inline COLONNADE_PRECISION
