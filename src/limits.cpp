#include "colonnade/limits.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "colonnade/device_memory.hpp"

namespace colonnade {

namespace {

/// Seconds of so many calls on the slowest rank, the same number on every rank.
double time_block(ProcessGroup& group, Index calls, const std::function<void()>& work) {
  finish_device_work();
  group.barrier();
  const auto begin = std::chrono::steady_clock::now();
  for (Index i = 0; i < calls; ++i) work();
  finish_device_work();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return group.all_reduce(elapsed.count(), Reduction::max);
}

}  // namespace

Times summarize(std::vector<double> seconds) {
  if (seconds.empty()) throw Error("no times to summarize");
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

Times time_together(ProcessGroup& group, const Patience& patience,
                    const std::function<void()>& work) {
  work();  // first touches, and whatever else happens once
  Index calls = 1;
  double seconds = time_block(group, calls, work);
  while (seconds < patience.block_seconds) {
    // One block may have been lucky or disturbed: approach the aim in bounded steps.
    const double factor = 1.1 * patience.block_seconds / std::max(seconds, 1e-9);
    calls =
        static_cast<Index>(std::ceil(static_cast<double>(calls) * std::clamp(factor, 1.5, 100.0)));
    seconds = time_block(group, calls, work);
  }
  std::vector<double> blocks = {seconds / static_cast<double>(calls)};
  for (int i = 1; i < patience.blocks; ++i) {
    blocks.push_back(time_block(group, calls, work) / static_cast<double>(calls));
  }
  return summarize(std::move(blocks));
}

std::string_view to_string(MemoryPass pass) {
  switch (pass) {
    case MemoryPass::copy:
      return "copy";
    case MemoryPass::triad:
      return "triad";
    case MemoryPass::update:
      return "update";
  }
  return "";
}

double numbers_moved(MemoryPass pass) {
  switch (pass) {
    case MemoryPass::copy:
      return 2;
    case MemoryPass::triad:
      return 3;
    case MemoryPass::update:
      return 7;
  }
  return 0;
}

std::string_view to_string(Product product) {
  switch (product) {
    case Product::forward:
      return "forward";
    case Product::backward_input:
      return "backward input";
    case Product::backward_weight:
      return "backward weight";
  }
  return "";
}

}  // namespace colonnade
