#include "shared_block.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace colonnade {

OfferedBlock::OfferedBlock(std::size_t bytes) {
  const int descriptor = memfd_create("colonnade", MFD_CLOEXEC);
  if (descriptor < 0) return;
  struct stat status {};
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0 || fstat(descriptor, &status) != 0) {
    close(descriptor);
    return;
  }
  handle_ = {getpid(), descriptor, status.st_dev, status.st_ino, bytes};
}

OfferedBlock::~OfferedBlock() {
  if (handle_.descriptor >= 0) close(static_cast<int>(handle_.descriptor));
}

std::optional<SharedBlock> attach(const BlockHandle& handle) {
  if (handle.descriptor < 0) return std::nullopt;
  const std::string path =
      "/proc/" + std::to_string(handle.process) + "/fd/" + std::to_string(handle.descriptor);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  struct stat status {};
  void* memory = MAP_FAILED;
  if (fstat(descriptor, &status) == 0 && status.st_dev == handle.device &&
      status.st_ino == handle.inode) {
    memory = mmap(nullptr, handle.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  }
  close(descriptor);
  if (memory == MAP_FAILED) return std::nullopt;
  const auto unmap = [bytes = handle.bytes](std::byte* begin) { munmap(begin, bytes); };
  return SharedBlock{{static_cast<std::byte*>(memory), unmap}, handle.bytes};
}

}  // namespace colonnade
