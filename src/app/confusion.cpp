#include "app/confusion.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace colonnade::app {

namespace {

std::string right_aligned(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace

std::int64_t Confusion::samples() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

std::int64_t Confusion::right() const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < classes_; ++i) sum += count(i, i);
  return sum;
}

std::string Confusion::table() const {
  const std::int64_t largest = *std::max_element(counts_.begin(), counts_.end());
  const std::size_t width =
      2 + std::max(std::to_string(largest).size(), std::to_string(classes_ - 1).size());
  std::string text = "true";
  for (std::int64_t j = 0; j < classes_; ++j) text += right_aligned(std::to_string(j), width);
  text += "    right\n";
  for (std::int64_t i = 0; i < classes_; ++i) {
    const auto row = counts_.begin() + i * classes_;
    const std::int64_t sum = std::accumulate(row, row + classes_, std::int64_t{0});
    if (sum == 0) continue;
    text += right_aligned(std::to_string(i), 4);
    for (std::int64_t j = 0; j < classes_; ++j) {
      text += right_aligned(count(i, j) == 0 ? "." : std::to_string(count(i, j)), width);
    }
    char share[32];
    std::snprintf(share, sizeof share, "%8.2f%%\n",
                  100 * static_cast<double>(count(i, i)) / static_cast<double>(sum));
    text += share;
  }
  return text;
}

std::vector<Confusion::Pair> Confusion::most_confused(std::size_t most) const {
  std::vector<Pair> pairs;
  for (std::int64_t i = 0; i < classes_; ++i) {
    for (std::int64_t j = 0; j < classes_; ++j) {
      if (i != j && count(i, j) > 0) pairs.push_back({i, j, count(i, j)});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.count > b.count; });
  if (pairs.size() > most) pairs.resize(most);
  return pairs;
}

}  // namespace colonnade::app
