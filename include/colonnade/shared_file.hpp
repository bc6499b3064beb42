// A file that all ranks of a group write together, each its own bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace colonnade {

/// Bytes and where in the file they belong.
struct FilePart {
  std::uint64_t offset;
  std::span<const std::byte> bytes;
};

/// Every rank makes the same calls in the same order. An error of a rank is kept until close(), so
/// that no rank leaves while others still write with it.
class SharedFile {
 public:
  virtual ~SharedFile() = default;

  /// This rank's parts, by ascending offset; there may be none. Parts of different ranks don't
  /// overlap. Their memory must stay as it is until the call returns. Collective.
  virtual void write(std::span<const FilePart> parts) = 0;

  /// Returns once the device has what this rank wrote, or throws the first error that it met.
  /// Nothing can be written after it. Collective.
  virtual void close() = 0;
};

/// Writes through a descriptor of this rank's own; nothing in it waits for another rank.
std::unique_ptr<SharedFile> make_own_file(const std::string& path);

}  // namespace colonnade
