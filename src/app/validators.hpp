// What an option's value must be. A refusal says what was wanted and what was found, in the words
// of all other errors.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace colonnade::app {

inline constexpr double largest_real = std::numeric_limits<double>::max();
inline constexpr double smallest_real = std::numeric_limits<double>::min();
inline constexpr double below_one = 1 - std::numeric_limits<double>::epsilon();

inline std::string refusal(const std::string& wanted, const std::string& found) {
  return "wanted " + wanted + ", found '" + found + "'";
}

template <class Number>
bool parses_within(const std::string& text, Number low, Number high) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  // Written so that NaN is outside.
  return error == std::errc{} && stop == end && low <= value && value <= high;
}

/// A whole number from `low` to `high`.
inline CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  const std::string wanted =
      high == std::numeric_limits<std::int64_t>::max()
          ? "a whole number from " + std::to_string(low) + " on"
          : "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  return CLI::Validator(
      [=](std::string& text) {
        return parses_within(text, low, high) ? "" : refusal(wanted, text);
      },
      "");
}

/// A finite number from `low` to `high`; below_one stands for "less than 1", smallest_real for
/// "more than 0".
inline CLI::Validator real_number(double low, double high) {
  std::string wanted = low > 0 ? "a number above 0" : "a number of 0 or more";
  if (high == below_one) wanted += " and below 1";
  return CLI::Validator(
      [=](std::string& text) {
        return parses_within(text, low, high) ? "" : refusal(wanted, text);
      },
      "");
}

/// `a, b or c`
inline std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

inline CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [=](std::string& text) {
        for (const std::string& name : names)
          if (text == name) return std::string();
        return refusal(alternatives(names), text);
      },
      "");
}

}  // namespace colonnade::app
