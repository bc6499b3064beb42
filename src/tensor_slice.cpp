#include "colonnade/tensor_slice.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "colonnade/safetensors_header.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

bool is_empty(const TensorSlice& slice) {
  return std::any_of(slice.block.begin(), slice.block.end(),
                     [](Range range) { return range.size() == 0; });
}

Index block_size(std::span<const Range> block) {
  Index size = 1;
  for (const Range range : block) size *= range.size();
  return size;
}

// Goes through the dimensions from the outermost; a range of one whose inner dimensions are whole
// is a single run. `first` is the element at which the outer dimensions, fixed by the caller,
// begin.
void visit_runs(const TensorSlice& slice, std::size_t dimension, Index first, Index& done,
                const std::function<void(Run)>& visit) {
  bool inner_whole = true;
  Index stride = 1;
  for (std::size_t i = dimension + 1; i < slice.shape.size(); ++i) {
    inner_whole &= slice.block[i] == Range{0, slice.shape[i]};
    stride *= slice.shape[i];
  }
  const Range range = dimension < slice.shape.size() ? slice.block[dimension] : Range{0, 1};
  if (inner_whole) {
    const Index count = range.size() * stride;
    visit({first + range.begin * stride, done, count});
    done += count;
    return;
  }
  for (Index i = range.begin; i < range.end; ++i)
    visit_runs(slice, dimension + 1, first + i * stride, done, visit);
}

// Every rank's block of every tensor, tensor after tensor, as begin and end of each dimension.
// Collective.
std::vector<std::vector<std::int64_t>> gather_blocks(ProcessGroup& group,
                                                     std::span<const TensorSlice> slices) {
  std::vector<std::int64_t> own;
  std::string names;
  for (const TensorSlice& slice : slices) {
    names += in_quotes(slice.name) + shape_text(slice.shape);
    for (const Range range : slice.block) own.insert(own.end(), {range.begin, range.end});
  }
  const std::vector<std::int64_t> digests =
      group.all_gather(static_cast<std::int64_t>(std::hash<std::string>{}(names)));
  for (std::size_t rank = 0; rank < digests.size(); ++rank) {
    if (digests[rank] == digests[0]) continue;
    throw Error::agreed("ranks save different tensors: rank " + std::to_string(rank) +
                        " has other names or shapes than rank 0");
  }
  const Index length = static_cast<Index>(own.size());
  std::vector<Range> pieces;
  for (Index rank = 0; rank < group.size(); ++rank)
    pieces.push_back({rank * length, (rank + 1) * length});
  std::vector<std::int64_t> all(own.size() * static_cast<std::size_t>(group.size()));
  std::copy(own.begin(), own.end(), all.begin() + group.rank() * length);
  if (length > 0) group.all_gather(std::span(all), pieces);

  std::vector<std::vector<std::int64_t>> blocks;
  blocks.reserve(pieces.size());
  for (const Range piece : pieces)
    blocks.emplace_back(all.begin() + piece.begin, all.begin() + piece.end);
  return blocks;
}

bool overlap(std::span<const Range> a, std::span<const Range> b) {
  if (block_size(a) == 0 || block_size(b) == 0) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].end <= b[i].begin || b[i].end <= a[i].begin) return false;
  return true;
}

// An element that no rank wrote would be a zero in the file that nobody notices.
void check_covered(const TensorSlice& slice, std::span<const std::vector<Range>> blocks) {
  Index covered = 0;
  bool twice = false;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    covered += block_size(blocks[i]);
    for (std::size_t j = 0; j < i; ++j) twice |= overlap(blocks[i], blocks[j]);
  }
  const Index wanted = element_count(slice.shape, in_quotes(slice.name));
  if (!twice && covered == wanted) return;
  throw Error("cannot save " + in_quotes(slice.name),
              {.wanted = "each of its " + std::to_string(wanted) + " elements on one rank",
               .found = twice ? "some on several ranks" : std::to_string(covered) + " elements"});
}

}  // namespace

void check_slices(std::span<const TensorSlice> slices) {
  std::set<std::string_view> names;
  for (const TensorSlice& slice : slices) {
    element_count(slice.shape, in_quotes(slice.name));
    bool fits = slice.block.size() == slice.shape.size();
    for (std::size_t i = 0; fits && i < slice.block.size(); ++i) {
      const Range range = slice.block[i];
      fits = 0 <= range.begin && range.begin <= range.end && range.end <= slice.shape[i];
    }
    if (!fits || (slice.data == nullptr && !is_empty(slice))) {
      throw Error("bad slice of " + in_quotes(slice.name),
                  {.wanted = "data, and a block inside of the shape " + shape_text(slice.shape)});
    }
    if (!names.insert(slice.name).second || slice.name == "__metadata__") {
      throw Error("bad list of tensors", {.wanted = "each name once, and none '__metadata__'",
                                          .found = in_quotes(slice.name)});
    }
  }
}

void for_each_run(const TensorSlice& slice, const std::function<void(Run)>& visit) {
  if (is_empty(slice)) return;
  Index done = 0;
  visit_runs(slice, 0, 0, done, visit);
}

void check_cover(ProcessGroup& group, std::span<const TensorSlice> slices) {
  const std::vector<std::vector<std::int64_t>> gathered = gather_blocks(group, slices);
  // The tensors are dealt out to the ranks, as each takes comparing every rank with every other.
  collectively(group, [&] {
    std::size_t place = 0;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const std::size_t dimensions = slices[i].shape.size();
      if (static_cast<int>(i) % group.size() == group.rank()) {
        std::vector<std::vector<Range>> blocks;
        for (const std::vector<std::int64_t>& rank : gathered) {
          std::vector<Range>& block = blocks.emplace_back();
          for (std::size_t d = 0; d < dimensions; ++d)
            block.push_back({rank[place + 2 * d], rank[place + 2 * d + 1]});
        }
        check_covered(slices[i], blocks);
      }
      place += 2 * dimensions;
    }
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
