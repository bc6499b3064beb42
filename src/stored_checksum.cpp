// The checksum of a tensor as it lies in a file.
#include <algorithm>
#include <vector>

#include "colonnade/checksum.hpp"
#include "colonnade/safetensors_header.hpp"

namespace colonnade {

namespace {

template <class Stored>
std::uint64_t checksum_in_pieces(const ByteSource& source, Range bytes) {
  constexpr Index stored_bytes = sizeof(Stored);
  constexpr Index piece_size = 1 << 16;
  std::vector<Stored> piece(static_cast<std::size_t>(piece_size));
  std::uint64_t sum = 0;
  const Index count = bytes.size() / stored_bytes;
  for (Index done = 0; done < count; done += piece_size) {
    const auto part =
        std::span(piece).first(static_cast<std::size_t>(std::min(piece_size, count - done)));
    source.read(static_cast<std::uint64_t>(bytes.begin + done * stored_bytes),
                std::as_writable_bytes(part));
    sum += checksum(std::span<const Stored>(part), done);
  }
  return sum;
}

}  // namespace

std::optional<std::uint64_t> stored_checksum(const ByteSource& source, const StoredTensor& tensor) {
  if (tensor.dtype == "F32") return checksum_in_pieces<float>(source, tensor.bytes);
  if (tensor.dtype == "F64") return checksum_in_pieces<double>(source, tensor.bytes);
  return std::nullopt;
}

}  // namespace colonnade
