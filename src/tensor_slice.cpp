#include "colonnade/tensor_slice.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "colonnade/checksum.hpp"
#include "colonnade/safetensors_header.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Box = std::vector<Range>;

// Of an empty box 0, also where its other sizes are too large to be multiplied.
Index volume(std::span<const Range> box) {
  Index size = 1;
  for (const Range range : box)
    if (range.size() == 0) return 0;
  for (const Range range : box) size *= range.size();
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

// A run of a block's elements: of two dimensions a part of a row, whole rows, a part of a row.
constexpr std::size_t most_boxes = 3;

/// What the rank has, as exactly that many boxes, of which some may be empty.
std::vector<Box> boxes_of(const TensorSlice& slice) {
  Box none(slice.block.size());
  std::vector<Box> boxes(most_boxes, none);
  if (!slice.elements) {
    boxes[0] = slice.block;
    return boxes;
  }
  const Index row = slice.block.size() == 2 ? slice.block[1].size() : 1;
  if (row == 0) return boxes;
  const auto [begin, end] = *slice.elements;
  // The elements from `from` to `to`, which are whole rows or lie in one.
  const auto box = [&](Index from, Index to) {
    if (from >= to) return none;
    const Index first = slice.block[0].begin;
    Box part = {{first + from / row, first + (to + row - 1) / row}};
    if (slice.block.size() == 1) return part;
    const Index column = slice.block[1].begin;
    const bool whole = from % row == 0 && to % row == 0;
    part.push_back(whole ? slice.block[1]
                         : Range{column + from % row, column + from % row + to - from});
    return part;
  };
  const Index first_whole = std::min((begin + row - 1) / row * row, end);
  const Index last_whole = std::max(end / row * row, first_whole);
  boxes[0] = box(begin, first_whole);
  boxes[1] = box(first_whole, last_whole);
  boxes[2] = box(last_whole, end);
  return boxes;
}

// Every rank's boxes of every tensor, tensor after tensor, as begin and end of each dimension.
// Collective.
std::vector<std::vector<std::int64_t>> gather_boxes(ProcessGroup& group,
                                                    std::span<const TensorSlice> slices) {
  std::vector<std::int64_t> own;
  std::string names;
  for (const TensorSlice& slice : slices) {
    names += slice.name + '\0';
    for (const Index size : slice.shape) names += std::to_string(size) + ' ';
    for (const Box& box : boxes_of(slice)) {
      for (const Range range : box) own.insert(own.end(), {range.begin, range.end});
    }
  }
  const std::vector<std::int64_t> digests =
      group.all_gather(static_cast<std::int64_t>(checksum(names)));
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

  std::vector<std::vector<std::int64_t>> boxes;
  boxes.reserve(pieces.size());
  for (const Range piece : pieces)
    boxes.emplace_back(all.begin() + piece.begin, all.begin() + piece.end);
  return boxes;
}

bool overlap(std::span<const Range> a, std::span<const Range> b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].end <= b[i].begin || b[i].end <= a[i].begin) return false;
  return true;
}

Index elements_in(std::span<const Box> boxes) {
  Index count = 0;
  for (const Box& box : boxes) count += volume(box);
  return count;
}

bool any_overlap(std::span<const Box> boxes) {
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (overlap(boxes[i], boxes[j])) return true;
  return false;
}

bool is_covered(const TensorSlice& slice, std::span<const Box> boxes) {
  return elements_in(boxes) == element_count(slice.shape, in_quotes(slice.name)) &&
         !any_overlap(boxes);
}

// An element that no rank wrote would be a zero in the file that nobody notices.
void check_covered(const TensorSlice& slice, std::span<const Box> boxes) {
  if (is_covered(slice, boxes)) return;
  const Index wanted = element_count(slice.shape, in_quotes(slice.name));
  throw Error("cannot save " + in_quotes(slice.name),
              {.wanted = "each of its " + std::to_string(wanted) + " elements on one rank",
               .found = any_overlap(boxes) ? "some on several ranks"
                                           : std::to_string(elements_in(boxes)) + " elements"});
}

// Of one tensor, those of all ranks that aren't empty.
std::vector<Box> boxes_at(std::span<const std::vector<std::int64_t>> gathered, std::size_t place,
                          std::size_t dimensions) {
  // A number without dimensions is one box, which is never empty.
  const std::size_t count = dimensions == 0 ? 1 : most_boxes;
  std::vector<Box> boxes;
  for (const std::vector<std::int64_t>& rank : gathered) {
    for (std::size_t b = 0; b < count; ++b) {
      Box box;
      for (std::size_t d = 0; d < dimensions; ++d) {
        const std::size_t at = place + 2 * (b * dimensions + d);
        box.push_back({rank[at], rank[at + 1]});
      }
      if (volume(box) > 0) boxes.push_back(box);
    }
  }
  return boxes;
}

// Comparing every rank with every other takes long, so the tensors are dealt out to the ranks.
template <class Visit>
void for_each_dealt(const ProcessGroup& group, std::span<const TensorSlice> slices,
                    std::span<const std::vector<std::int64_t>> gathered, Visit&& visit) {
  std::size_t place = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const std::size_t dimensions = slices[i].shape.size();
    if (static_cast<int>(i) % group.size() == group.rank()) {
      visit(i, boxes_at(gathered, place, dimensions));
    }
    place += 2 * most_boxes * dimensions;
  }
}

// Copies have the same boxes: these are counted, and must together be the tensor.
std::int64_t holders_of(const TensorSlice& slice, std::vector<Box> boxes) {
  if (boxes.empty()) return 0;
  const auto in_order = [](const Box& a, const Box& b) {
    return std::lexicographical_compare(
        a.begin(), a.end(), b.begin(), b.end(),
        [](Range x, Range y) { return std::pair(x.begin, x.end) < std::pair(y.begin, y.end); });
  };
  std::sort(boxes.begin(), boxes.end(), in_order);
  const auto copies =
      std::upper_bound(boxes.begin(), boxes.end(), boxes.front(), in_order) - boxes.begin();
  std::vector<Box> each;
  for (auto at = boxes.begin(); at != boxes.end();) {
    const auto next = std::upper_bound(at, boxes.end(), *at, in_order);
    if (next - at != copies) return 0;
    each.push_back(*at);
    at = next;
  }
  return is_covered(slice, each) ? copies : 0;
}

bool block_fits(const TensorSlice& slice) {
  if (slice.block.size() != slice.shape.size()) return false;
  for (std::size_t i = 0; i < slice.block.size(); ++i) {
    const Range range = slice.block[i];
    if (range.begin < 0 || range.end < range.begin || range.end > slice.shape[i]) return false;
  }
  if (!slice.elements) return true;
  const auto [begin, end] = *slice.elements;
  const bool one_or_two = slice.block.size() == 1 || slice.block.size() == 2;
  return one_or_two && begin >= 0 && begin <= end && end <= volume(slice.block);
}

}  // namespace

bool is_empty(const TensorSlice& slice) {
  return slice.elements ? slice.elements->size() == 0 : volume(slice.block) == 0;
}

void check_slices(std::span<const TensorSlice> slices) {
  std::set<std::string_view> names;
  for (const TensorSlice& slice : slices) {
    element_count(slice.shape, in_quotes(slice.name));
    if (!block_fits(slice) || (slice.data == nullptr && !is_empty(slice))) {
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
  if (!slice.elements) return visit_runs(slice, 0, 0, done, visit);
  const Index begin = slice.elements->begin;
  const Index end = slice.elements->end;
  visit_runs(slice, 0, 0, done, [&](Run run) {
    const Index from = std::max(begin, run.in_data);
    const Index to = std::min(end, run.in_data + run.count);
    if (from < to) visit({run.in_tensor + from - run.in_data, from - begin, to - from});
  });
}

void check_cover(ProcessGroup& group, std::span<const TensorSlice> slices) {
  const auto gathered = gather_boxes(group, slices);
  collectively(group, [&] {
    for_each_dealt(group, slices, gathered, [&](std::size_t i, const std::vector<Box>& boxes) {
      check_covered(slices[i], boxes);
    });
  });
}

std::vector<std::int64_t> count_holders(ProcessGroup& group, std::span<const TensorSlice> slices) {
  const auto gathered = gather_boxes(group, slices);
  std::vector<std::int64_t> holders(slices.size());
  collectively(group, [&] {
    for_each_dealt(group, slices, gathered, [&](std::size_t i, std::vector<Box> boxes) {
      holders[i] = holders_of(slices[i], std::move(boxes));
    });
  });
  group.all_reduce(std::span(holders));
  return holders;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
