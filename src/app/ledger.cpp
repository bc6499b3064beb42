#include "app/ledger.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

/// `tp layers.0 all-gather`
std::string name_of(const LedgerLine& line) {
  return line.group + " " + (line.account.empty() ? "other" : line.account) + " " +
         std::string(to_string(line.kind));
}

std::string amounts(const LedgerLine* line) {
  if (line == nullptr) return "nothing";
  return render_count(line->calls) + " x, " + render_count(line->bytes_sent) + " bytes";
}

void print_heading(bool counted) {
  std::printf("what rank 0 sends in a step%s\n  %-3s %-12s %-15s %6s %16s",
              counted ? ", predicted and counted" : "", "", "", "collective", "calls", "bytes");
  if (counted) std::printf(" %6s %16s", "calls", "bytes");
  std::printf("\n");
}

void print_line(const LedgerLine& line) {
  std::printf("  %-3s %-12s %-15s %6s %16s", line.group.c_str(), line.account.c_str(),
              std::string(to_string(line.kind)).c_str(), render_count(line.calls).c_str(),
              render_count(line.bytes_sent).c_str());
}

/// Throws at the first line in which the two differ.
void check_same(const std::vector<LedgerLine>& predicted, const std::vector<LedgerLine>& counted) {
  if (same_traffic(predicted, counted)) return;
  for (const auto* lines : {&predicted, &counted}) {
    for (const LedgerLine& line : *lines) {
      const LedgerLine* want = find_line(predicted, line);
      const LedgerLine* got = find_line(counted, line);
      if (want != nullptr && got != nullptr && *want == *got) continue;
      throw Error("a step sent something else than the ledger predicts: " + name_of(line),
                  {.wanted = amounts(want), .found = amounts(got)});
    }
  }
}

}  // namespace

void LedgerCheck::before(std::span<const Range> micro_batches) {
  predicted_ = predict_traffic(job_, mesh_->tp().rank(), mesh_->dp().rank(), micro_batches);
  before_ = counted_traffic(*mesh_);
}

void LedgerCheck::after(bool updated) {
  if (!updated) {
    std::erase_if(predicted_, [](const LedgerLine& line) { return line.account == "update"; });
  }
  const std::vector<LedgerLine> counted = traffic_between(before_, counted_traffic(*mesh_));
  if (!printed_ && mesh_->world().rank() == 0) {
    print_heading(true);
    for (const LedgerLine& line : predicted_) {
      print_line(line);
      const LedgerLine* got = find_line(counted, line);
      std::printf(" %6s %16s\n", got == nullptr ? "-" : render_count(got->calls).c_str(),
                  got == nullptr ? "-" : render_count(got->bytes_sent).c_str());
    }
    std::fflush(stdout);
  }
  printed_ = true;
  collectively(mesh_->world(), [&] { check_same(predicted_, counted); });
}

void print_plan(const Job& job, std::span<const Range> micro_batches) {
  const MemoryPlan memory = predict_memory(job, 0, 0, micro_batches);
  std::printf("memory of rank 0, which has the most, at the least\n");
  for (const auto& [name, bytes] :
       {std::pair("parameters", memory.parameters), std::pair("gradients", memory.gradients),
        std::pair("moments", memory.moments), std::pair("activations", memory.activations),
        std::pair("all", memory.total())}) {
    std::printf("  %-12s %12s\n", name, render_bytes(bytes).c_str());
  }
  print_heading(false);
  for (const LedgerLine& line : predict_traffic(job, 0, 0, micro_batches)) {
    print_line(line);
    std::printf("\n");
  }
}

}  // namespace colonnade::app
