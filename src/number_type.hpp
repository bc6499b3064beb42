// Elements of which only the DataType is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "colonnade/transport.hpp"

namespace colonnade {

inline const std::byte* element_at(const void* data, Index element, DataType type) {
  return static_cast<const std::byte*>(data) + static_cast<std::size_t>(element) * size_of(type);
}
inline std::byte* element_at(void* data, Index element, DataType type) {
  return static_cast<std::byte*>(data) + static_cast<std::size_t>(element) * size_of(type);
}

/// Throws if nothing can be added: bytes.
inline void check_number_type(DataType type) {
  if (type == DataType::byte)
    throw Error("bytes cannot be reduced", {.wanted = "float32, float64 or int64"});
}

/// Calls work(T{}) with the type that `type` stands for; not at all for bytes.
template <class Work>
void with_number_type(DataType type, Work&& work) {
  switch (type) {
    case DataType::float32:
      return work(float{});
    case DataType::float64:
      return work(double{});
    case DataType::int64:
      return work(std::int64_t{});
    case DataType::byte:
      return;
  }
}

}  // namespace colonnade
