#include "colonnade/sentinel.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/checksum.hpp"
#include "colonnade/render.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// What a rank compares with its peers in one group.
struct Checksums {
  std::vector<std::string> names;
  std::vector<std::int64_t> sums;

  void add(const std::string& name, const Tensor& tensor) {
    names.push_back(name);
    sums.push_back(static_cast<std::int64_t>(checksum(OnHost(tensor).numbers())));
  }
  void add(const AdamW::Moments& moments) {
    add("the first moment of " + moments.parameter->name, moments.first);
    add("the second moment of " + moments.parameter->name, moments.second);
  }
};

/// The checksums of every rank of the group, [names, ranks], after their ranks in the world.
std::vector<std::vector<std::int64_t>> gather(ProcessGroup& group, int world_rank,
                                              const Checksums& own) {
  const AccountScope charge = group.charge(group.account("sentinel"));
  const std::size_t ranks = static_cast<std::size_t>(group.size()), length = own.sums.size() + 1;
  std::vector<std::int64_t> all(ranks * length);
  const auto begin = all.begin() + static_cast<Index>(length) * group.rank();
  *begin = world_rank;
  std::copy(own.sums.begin(), own.sums.end(), begin + 1);
  const Sharding one_each(group.size(), group.size(), "ranks");
  group.all_gather(std::span(all), one_each.ranges(), static_cast<Index>(length));
  std::vector<std::vector<std::int64_t>> of_names(length);
  for (std::size_t i = 0; i < all.size(); ++i) of_names[i % length].push_back(all[i]);
  return of_names;
}

/// `the copy of layers.1.bias on rank 3 is not that of ranks 0, 1 and 2`, or "".
std::string difference(const std::string& name, const std::vector<std::int64_t>& sums,
                       const std::vector<std::int64_t>& world_ranks) {
  if (std::count(sums.begin(), sums.end(), sums[0]) == static_cast<Index>(sums.size())) return "";
  const auto count = [&](std::int64_t sum) { return std::count(sums.begin(), sums.end(), sum); };
  const std::int64_t most =
      *std::max_element(sums.begin(), sums.end(),
                        [&](std::int64_t a, std::int64_t b) { return count(a) < count(b); });
  std::vector<std::int64_t> same, others;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    (sums[i] == most ? same : others).push_back(world_ranks[i]);
  }
  return "the copy of " + name + " on " + render_ranks(others) + " is not that of " +
         render_ranks(same);
}

void compare(ProcessGroup& group, int world_rank, const Checksums& own, const std::string& kind,
             std::string& first_difference) {
  if (group.size() == 1) return;
  const auto all = gather(group, world_rank, own);
  for (std::size_t i = 0; i < own.names.size() && first_difference.empty(); ++i) {
    const std::string text = difference(own.names[i], all[i + 1], all[0]);
    if (!text.empty()) first_difference = text + ", in a " + kind + " group";
  }
}

}  // namespace

Sentinel::Sentinel(TrainingJob& job) : job_(&job) {}

void Sentinel::check(std::int64_t step) {
  const bool moments_are_cut = job_->optimizer().moments_over() != nullptr;
  Checksums over_dp, over_tp;
  for (const AdamW::Moments& moments : job_->optimizer().moments()) {
    const Parameter& parameter = *moments.parameter;
    over_dp.add(parameter.name, parameter.value);
    if (!moments_are_cut) over_dp.add(moments);
    if (!parameter.replicated) continue;
    over_tp.add(parameter.name, parameter.value);
    over_tp.add(moments);  // cut or not: the ranks of a row have the same piece
  }
  Mesh& mesh = job_->mesh();
  std::string text;
  compare(mesh.dp(), mesh.world().rank(), over_dp, "data-parallel", text);
  compare(mesh.tp(), mesh.world().rank(), over_tp, "tensor-parallel", text);
  collectively(mesh.world(), [&] {
    if (text.empty()) return;
    throw Error("after step " + std::to_string(step) + " " + text,
                {.hint = "its memory can't be trusted: go on from the last checkpoint"});
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
