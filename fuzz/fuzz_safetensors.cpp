// libFuzzer's way into the properties of safetensors.hpp. It takes an exception for a crash.
#include <cstdint>

#include "safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::read_as_safetensors(std::as_bytes(std::span(bytes, size)));
  return 0;
}
