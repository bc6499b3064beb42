// Memory that processes of one node have in common.
#pragma once

#include <cstdint>
#include <optional>

#include "common_memory.hpp"

namespace colonnade {

/// How another process of the same node finds memory: an open file of this process. Plain numbers,
/// to be sent.
struct BlockHandle {
  std::int64_t process = 0;
  std::int64_t descriptor = -1;
  std::uint64_t device = 0, inode = 0;  // of the file, so that no other is taken for it
  std::uint64_t bytes = 0;
};

/// Zeroed memory with no name, which goes when the last process that has it ends. It doesn't count
/// against /dev/shm, which is small in containers. Untouched pages cost nothing.
class OfferedBlock {
 public:
  /// Without one, handle() says so.
  explicit OfferedBlock(std::size_t bytes);
  ~OfferedBlock();
  OfferedBlock(const OfferedBlock&) = delete;
  OfferedBlock& operator=(const OfferedBlock&) = delete;

  /// Good as long as this object is there.
  const BlockHandle& handle() const { return handle_; }

 private:
  BlockHandle handle_;
};

/// The memory that a process of this node offers; none if it can't be reached: another machine or
/// container, another user, no memory.
std::optional<SharedBlock> attach(const BlockHandle& handle);

}  // namespace colonnade
