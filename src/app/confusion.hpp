// How often samples of each class were taken for which: counts, and what is printed of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace colonnade::app {

class Confusion {
 public:
  explicit Confusion(std::int64_t classes)
      : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {}

  /// Classes are numbers from 0.
  void add(std::int64_t truth, std::int64_t predicted) { ++counts_[index(truth, predicted)]; }

  std::int64_t count(std::int64_t truth, std::int64_t predicted) const {
    return counts_[index(truth, predicted)];
  }
  std::int64_t samples() const;
  std::int64_t right() const;

  /// A line for each true class that has samples, a column for each prediction, and at the end of a
  /// line how many of it are right.
  std::string table() const;

  struct Pair {
    std::int64_t truth = 0;
    std::int64_t predicted = 0;
    std::int64_t count = 0;
    bool operator==(const Pair&) const = default;
  };
  /// At most so many pairs of unlike classes, most often confused first, of equals the lowest true
  /// class.
  std::vector<Pair> most_confused(std::size_t most) const;

 private:
  std::size_t index(std::int64_t truth, std::int64_t predicted) const {
    return static_cast<std::size_t>(truth * classes_ + predicted);
  }

  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

}  // namespace colonnade::app
