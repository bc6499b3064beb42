#include "common_memory.hpp"

#include <algorithm>

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

/// What a meeting must save to be worth its microsecond, and that ranks wait for one another:
/// to write so much takes many times as long.
constexpr std::size_t worth_a_meeting = std::size_t{1} << 20;

constexpr std::uint64_t after_the_next_meeting = ~std::uint64_t{0};

std::uint64_t rounded(std::uint64_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// Of a tensor, and of the place where it begins.
std::size_t unit_for(std::size_t bytes) {
  return bytes < page ? tensor_alignment : page;
}

std::size_t space_of(std::size_t bytes) {
  return rounded(std::max<std::size_t>(bytes, 1), unit_for(bytes));
}

/// Where in a run tensors would begin; past its end if they don't fit.
std::uint64_t begin_in(std::uint64_t run_begin, std::size_t space) {
  return rounded(run_begin, unit_for(space));
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

// --- Taking --------------------------------------------------------------------------------------

std::byte* CommonMemory::take(Room room) {
  const std::size_t space = space_of(room.bytes) * room.tensors;
  // To give back must not fail. Each tensor may come to be a run of its own, and leave one on
  // either side when it is taken.
  const std::size_t runs = runs_.size() + ++tensors_ + 2;
  if (runs_.capacity() < runs) runs_.reserve(2 * runs);
  remember(4 * space + 2 * room.tensors);
  std::optional<std::uint64_t> place = take_again(room);
  if (!place) place = take_free(space);
  if (!place) place = take_new(space);
  return at(*place);
}

std::optional<std::uint64_t> CommonMemory::take_again(Room room) {
  if (room.tensors == 1) return std::nullopt;
  const auto found = std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) {
    return run.room == room && !run.is_free(meetings_);
  });
  if (found == runs_.end()) return std::nullopt;
  const std::uint64_t place = found->begin;
  runs_.erase(found);
  return place;
}

std::optional<std::uint64_t> CommonMemory::take_free(std::size_t space) {
  join_free();
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    if (!run.is_free(meetings_) || begin_in(run.begin, space) + space > run.end) continue;
    if (!best || run.end - run.begin < runs_[*best].end - runs_[*best].begin) best = i;
  }
  if (!best) return std::nullopt;
  const std::uint64_t place = begin_in(runs_[*best].begin, space);
  take_out(*best, place, place + space);
  return place;
}

/// Memory that was not used yet, or what a meeting frees if that saves much.
std::uint64_t CommonMemory::take_new(std::size_t space) {
  if (growth_for(space, meetings_) >= growth_for(space, after_the_next_meeting) + worth_a_meeting) {
    together_.meet(space);
    if (const auto place = take_free(space)) return *place;
  }
  // The last run, if it is free, and behind it what it lacks.
  const bool extends =
      !runs_.empty() && runs_.back().end == used_to_ && runs_.back().is_free(meetings_);
  std::uint64_t place = begin_in(extends ? runs_.back().begin : used_to_, space);
  if (place + space > end_) {
    const SharedBlock block =
        together_.grow(std::max<std::size_t>(rounded(space, page), smallest_block));
    blocks_.push_back(block);
    if (used_to_ < end_) runs_.push_back({used_to_, end_, 0, {}});
    place = used_to_ = place_in(blocks_.size() - 1, 0);
    end_ = used_to_ + block.bytes;
  } else if (extends) {
    take_out(runs_.size() - 1, place, used_to_);
  } else if (place > used_to_) {
    runs_.push_back({used_to_, place, 0, {}});
  }
  used_to_ = place + space;
  return place;
}

/// By how much the memory in use grows if so much is taken, all that was given back before
/// `meetings` being free.
std::size_t CommonMemory::growth_for(std::size_t space, std::uint64_t meetings) const {
  std::uint64_t begin = 0, end = 0;  // of a run and its free neighbours
  for (const Run& run : runs_) {
    if (!run.is_free(meetings)) continue;
    if (run.begin != end) begin = run.begin;
    end = run.end;
    if (begin_in(begin, space) + space <= end) return 0;
  }
  const std::uint64_t place = begin_in(end == used_to_ ? begin : used_to_, space);
  return place + space <= end_ ? place + space - used_to_ : space;
}

/// Takes [begin, end) out of a run.
void CommonMemory::take_out(std::size_t run, std::uint64_t begin, std::uint64_t end) {
  const Run all = runs_[run];
  const auto place = runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(run));
  const auto behind = end < all.end ? runs_.insert(place, {end, all.end, all.since, {}}) : place;
  if (all.begin < begin) runs_.insert(behind, {all.begin, begin, all.since, {}});
}

// --- Giving back ---------------------------------------------------------------------------------

void CommonMemory::give_back(const std::byte* begin, Room room) {
  const std::uint64_t place = *place_of(begin);
  const auto next =
      std::find_if(runs_.begin(), runs_.end(), [&](const Run& run) { return run.begin > place; });
  runs_.insert(next, {place, place + space_of(room.bytes) * room.tensors, meetings_, room});
  --tensors_;
  remember(2 * place + 1);
}

/// Makes one of free neighbours.
void CommonMemory::join_free() {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < runs_.size(); ++i) {
    Run& last = runs_[kept];
    const bool both_free = last.is_free(meetings_) && runs_[i].is_free(meetings_);
    if (both_free && last.end == runs_[i].begin) {
      last.end = runs_[i].end;
    } else {
      runs_[++kept] = runs_[i];
    }
  }
  if (!runs_.empty())
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(kept) + 1, runs_.end());
}

void* CommonMemory::do_allocate(std::size_t bytes, std::size_t /*alignment*/) {
  return take({bytes, 1});
}

void CommonMemory::do_deallocate(void* address, std::size_t bytes, std::size_t /*alignment*/) {
  give_back(static_cast<const std::byte*>(address), {bytes, 1});
}

// --- A tensor for each rank ----------------------------------------------------------------------

void* VisibleMemory::do_allocate(std::size_t bytes, std::size_t /*alignment*/) {
  return common_.take({bytes, ranks_}) + rank_ * space_of(bytes);
}

void VisibleMemory::do_deallocate(void* address, std::size_t bytes, std::size_t /*alignment*/) {
  common_.give_back(static_cast<const std::byte*>(address) - rank_ * space_of(bytes),
                    {bytes, ranks_});
}

}  // namespace colonnade
