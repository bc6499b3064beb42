#include "app/curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace colonnade::app {

namespace {

constexpr std::array<const char*, 8> blocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string block_of(double value, CurveScale scale) {
  if (!std::isfinite(value)) return "!";
  if (value <= 0) return " ";
  const double span = std::log(scale.high / scale.low);
  const double height = span > 0 ? std::log(value / scale.low) / span : 0;
  const auto level = static_cast<std::size_t>(std::lround(std::clamp(height, 0.0, 1.0) * 7));
  return blocks[level];
}

}  // namespace

CurveScale widened(CurveScale scale, std::span<const double> values) {
  for (const double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    scale.low = scale.low > 0 ? std::min(scale.low, value) : value;
    scale.high = std::max(scale.high, value);
  }
  return scale;
}

std::string render_curve(std::span<const double> values, CurveScale scale, int width) {
  const std::size_t columns = std::min(values.size(), static_cast<std::size_t>(width));
  std::string text;
  for (std::size_t i = 0; i < columns; ++i) {
    // The first and the last value are always shown.
    const std::size_t at = columns == 1 ? 0 : i * (values.size() - 1) / (columns - 1);
    text += block_of(values[at], scale);
  }
  return text;
}

}  // namespace colonnade::app
