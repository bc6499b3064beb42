#include "common_memory.hpp"

#include <algorithm>
#include <iterator>

#include "colonnade/memory.hpp"

namespace colonnade {

namespace {

// A place is the number of the block and the offset in it.
constexpr int offset_bits = 48;

std::uint64_t place_in(std::size_t block, std::size_t offset) {
  return (static_cast<std::uint64_t>(block) << offset_bits) + offset;
}

/// Memory that nobody has touched costs nothing, so that a block may be larger than what is asked
/// for.
constexpr std::size_t smallest_block = std::size_t{64} << 20;

/// From this size on a tensor begins a page, so that the first rank that writes to a page is the
/// one whose columns it holds.
constexpr std::size_t page = 4096;

std::size_t rounded(std::size_t bytes, std::size_t unit) {
  return (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
}

std::size_t space_of(std::size_t bytes) {
  return rounded(bytes, bytes < page ? tensor_alignment : page);
}

}  // namespace

std::optional<std::uint64_t> CommonMemory::place_of(const void* address) const {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto* const begin = blocks_[i].data.get();
    const auto* const byte = static_cast<const std::byte*>(address);
    if (byte >= begin && byte < begin + blocks_[i].bytes)
      return place_in(i, static_cast<std::size_t>(byte - begin));
  }
  return std::nullopt;
}

std::byte* CommonMemory::at(std::uint64_t place) const {
  const std::uint64_t offset = place & ((std::uint64_t{1} << offset_bits) - 1);
  return blocks_[place >> offset_bits].data.get() + offset;
}

void* CommonMemory::do_allocate(std::size_t bytes, std::size_t /*alignment*/) {
  const std::size_t space = space_of(bytes);
  // What was given back last is most likely in a cache.
  const auto found = std::find_if(free_.rbegin(), free_.rend(), [&](const Free& free) {
    return free.bytes == space && free.since < meetings_;
  });
  std::uint64_t place = 0;
  if (found != free_.rend()) {
    place = found->place;
    free_.erase(std::next(found).base());
  } else {
    place = take_new(space);
  }
  remember(2 * space);
  return at(place);
}

void CommonMemory::do_deallocate(void* address, std::size_t bytes, std::size_t /*alignment*/) {
  const std::uint64_t place = *place_of(address);
  free_.push_back({place, space_of(bytes), meetings_});
  remember(2 * place + 1);
}

std::uint64_t CommonMemory::take_new(std::size_t space) {
  used_ = rounded(used_, space < page ? tensor_alignment : page);
  if (blocks_.empty() || blocks_.back().bytes < used_ + space) {
    blocks_.push_back(grow_(std::max(rounded(space, page), smallest_block)));
    used_ = 0;
  }
  const std::uint64_t place = place_in(blocks_.size() - 1, used_);
  used_ += space;
  // Giving back must not fail: there is room for everything that was ever taken.
  if (free_.capacity() < ++taken_) free_.reserve(2 * taken_);
  return place;
}

void* VisibleMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t space = space_of(bytes);
  auto* const all = static_cast<std::byte*>(common_.allocate(space * ranks_, alignment));
  return all + rank_ * space;
}

void VisibleMemory::do_deallocate(void* address, std::size_t bytes, std::size_t alignment) {
  const std::size_t space = space_of(bytes);
  common_.deallocate(static_cast<std::byte*>(address) - rank_ * space, space * ranks_, alignment);
}

}  // namespace colonnade
