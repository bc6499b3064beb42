// libFuzzer's way into the properties of idx.hpp. It takes an exception for a crash.
#include <cstdint>

#include "idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::read_as_idx(std::as_bytes(std::span(bytes, size)));
  return 0;
}
