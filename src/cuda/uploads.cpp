#include "cuda/uploads.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace colonnade::gpu {

namespace {

/// More copies than this are not under way at once. A step has five: inputs, targets, and what it
/// is told.
constexpr std::size_t most_blocks = 16;

constexpr std::size_t smallest_block = 4096;

void refuse_recording() {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream(), &status), "cudaStreamIsCapturing");
  if (status != cudaStreamCaptureStatusNone) {
    throw Error("a copy from the program's memory can't be a part of what is recorded");
  }
}

}  // namespace

// Nobody promises that cudaFreeHost waits for what the GPU still reads.
Uploads::~Uploads() {
  for (const Block& block : blocks_) {
    block.read.wait_quietly();
    cudaFreeHost(block.address);
  }
}

void Uploads::copy(const void* from, void* to, std::size_t bytes) {
  refuse_recording();
  Block& block = block_for(bytes);
  std::memcpy(block.address, from, bytes);
  check(cudaMemcpyAsync(to, block.address, bytes, cudaMemcpyHostToDevice, stream()),
        "cudaMemcpyAsync");
  block.read.record(stream());
}

/// One that the GPU has read, a new one, or the oldest once it is read. It becomes the last.
Uploads::Block& Uploads::block_for(std::size_t bytes) {
  auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& block) {
    return block.bytes >= bytes && block.bytes / 4 <= std::max(bytes, smallest_block) &&
           block.read.is_there();
  });
  if (found == blocks_.end() && blocks_.size() < most_blocks) {
    found = blocks_.emplace(blocks_.end());
  } else if (found == blocks_.end()) {
    found = blocks_.begin();
    found->read.wait();
  }
  blocks_.splice(blocks_.end(), blocks_, found);
  if (found->bytes < bytes) {
    void* const outgrown = std::exchange(found->address, nullptr);
    if (outgrown != nullptr) check(cudaFreeHost(outgrown), "cudaFreeHost");
    found->bytes = 0;
    const std::size_t wanted = std::max(std::bit_ceil(bytes), smallest_block);
    check(cudaHostAlloc(&found->address, wanted, cudaHostAllocDefault), "cudaHostAlloc");
    found->bytes = wanted;
  }
  return *found;
}

}  // namespace colonnade::gpu
