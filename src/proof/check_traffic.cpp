#include <cstdlib>

#include "proof/checks.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

TrafficCheck::TrafficCheck(Mesh& mesh, const Job& job) : mesh_(&mesh), job_(job) {
  job_.scalar_bytes = sizeof(Scalar);
}

void TrafficCheck::before(std::span<const Range> micro_batches) {
  predicted_ = predict_traffic(job_, mesh_->tp().rank(), mesh_->dp().rank(), micro_batches);
  before_ = counted_traffic(*mesh_);
}

void TrafficCheck::after() {
  const std::vector<LedgerLine> counted = traffic_between(before_, counted_traffic(*mesh_));
  hold(predicted_, counted);
  hold(counted, predicted_);
  tally_.count(static_cast<Index>(predicted_.size()));
}

CheckLine TrafficCheck::line() const {
  return tally_.line(mesh_->world(), "traffic against the ledger", 0);
}

// The error is by how many calls and bytes a line is off.
void TrafficCheck::hold(const std::vector<LedgerLine>& lines,
                        const std::vector<LedgerLine>& others) {
  for (const LedgerLine& line : lines) {
    const LedgerLine* found = find_line(others, line);
    const LedgerLine other = found == nullptr ? LedgerLine{} : *found;
    const std::int64_t off =
        std::abs(line.calls - other.calls) + std::abs(line.bytes_sent - other.bytes_sent);
    tally_.add(static_cast<double>(off), [&] {
      return line.group + " " + line.account + " " + std::string(to_string(line.kind));
    });
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
