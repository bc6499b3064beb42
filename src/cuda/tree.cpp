#include "cuda/tree.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <vector>

#include "colonnade/tree_sum.hpp"
#include "cuda/scratch.hpp"

namespace colonnade::gpu {

namespace {

struct Before {
  using is_transparent = void;
  bool operator()(std::span<const Range> a, std::span<const Range> b) const {
    return std::lexicographical_compare(
        a.begin(), a.end(), b.begin(), b.end(), [](const Range& x, const Range& y) {
          return x.begin != y.begin ? x.begin < y.begin : x.end < y.end;
        });
  }
};

struct Kept {
  std::unique_ptr<Scratch> memory;
  Tree tree;
};

struct Trees {
  Scratch first;  // see there: what is given back at the thread's end needs somewhere to go
  std::map<std::vector<Range>, Kept, Before> of;
};

Kept make(std::span<const Range> leaves) {
  std::vector<TreeStep> steps;
  Index longest = 0;
  sum_along_tree(
      static_cast<Index>(leaves.size()),
      [&](Index leaf) {
        const Range range = leaves[static_cast<std::size_t>(leaf)];
        longest = std::max(longest, range.size());
        steps.push_back({range.begin, range.end, 0});
      },
      [&] { ++steps.back().joins; });
  const std::size_t bytes = steps.size() * sizeof(TreeStep);
  auto memory = std::make_unique<Scratch>(bytes);
  TreeStep* const to = memory->reserve<TreeStep>(static_cast<Index>(steps.size()));
  copy_bytes(steps.data(), to, bytes);
  return {std::move(memory), {to, static_cast<Index>(leaves.size()), longest}};
}

}  // namespace

int Tree::height() const {
  return std::bit_width(static_cast<std::size_t>(leaves - 1));
}

Tree tree_of(std::span<const Range> leaves) {
  static thread_local Trees trees;
  auto found = trees.of.find(leaves);
  if (found == trees.of.end()) {
    found = trees.of.emplace(std::vector<Range>(leaves.begin(), leaves.end()), make(leaves)).first;
  }
  return found->second.tree;
}

}  // namespace colonnade::gpu
