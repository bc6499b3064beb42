#include "colonnade/render.hpp"

#include <cmath>
#include <cstdio>

namespace colonnade {

namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[64];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

}  // namespace

std::string render_duration(double seconds) {
  if (seconds < 1e-3) return formatted("%.2fus", seconds * 1e6);
  if (seconds < 1) return formatted("%.2fms", seconds * 1e3);
  if (seconds < 120) return formatted("%.2fs", seconds);
  return render_whole_seconds(seconds);
}

std::string render_whole_seconds(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 120) return formatted("%llds", whole);
  if (whole < 3600) return formatted("%lldm%02llds", whole / 60, whole % 60);
  return formatted("%lldh%02lldm", whole / 3600, whole % 3600 / 60);
}

std::string render_bytes(double bytes) {
  if (bytes < 1024) return formatted("%.0f B", bytes);
  if (bytes < 1024.0 * 1024) return formatted("%.1f KiB", bytes / 1024);
  if (bytes < 1024.0 * 1024 * 1024) return formatted("%.1f MiB", bytes / (1024.0 * 1024));
  return formatted("%.2f GiB", bytes / (1024.0 * 1024 * 1024));
}

std::string render_fixed(double value, int decimals) {
  return formatted("%.*f", decimals, value);
}

std::string render_count(std::int64_t value) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  if (value < 0) digits.insert(digits.begin(), '-');
  return digits;
}

std::string render_ranks(std::span<const std::int64_t> ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

}  // namespace colonnade
