// What the ranks of a check found, made into one line.
#pragma once

#include <functional>
#include <string>

#include "colonnade/check.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

class CheckTally {
 public:
  /// `numbers` more were compared. What several ranks compare, one of them counts.
  void count(Index numbers) { numbers_ += numbers; }

  /// An error that this rank found; `place` is called if it is the largest so far.
  void add(double error, const std::function<std::string()>& place);

  /// The line of all ranks, the same on each. Collective.
  CheckLine line(ProcessGroup& world, std::string what, double bound) const;

 private:
  Index numbers_ = 0;
  double error_ = 0;
  std::string place_;
};

}  // namespace colonnade
