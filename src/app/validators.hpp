// What an option's value must be. A refusal says what was wanted and what was found, in the words
// of all other errors.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "colonnade/scalar.hpp"

namespace colonnade::app {

// What the build's numbers can hold: a rate of 1e39 would be infinite in float, and 1 - 1e-12 be 1.
inline constexpr double largest_real = 1e6;
inline constexpr double smallest_real = std::numeric_limits<Scalar>::min();
inline constexpr double below_one = 1 - static_cast<double>(std::numeric_limits<Scalar>::epsilon());

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

/// A whole number from `low` to `high`, in decimal.
inline CLI::Validator whole_number(std::int64_t low, std::int64_t high) {
  std::string wanted = "a whole number from " + std::to_string(low);
  wanted +=
      high == std::numeric_limits<std::int64_t>::max() ? " on" : " to " + std::to_string(high);
  return CLI::Validator(
      [=](std::string& text) {
        if (!parses_within(text, low, high)) return refusal(wanted, text);
        // CLI11 would read 010 as octal.
        text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
        return std::string();
      },
      "");
}

/// The numbers of a list that list_of_whole_numbers has let pass.
inline std::vector<std::int64_t> whole_numbers(const std::string& text) {
  std::vector<std::int64_t> numbers;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) numbers.push_back(std::stoll(item));
  return numbers;
}

/// Whole numbers from `low` to `high` with commas between them.
inline CLI::Validator list_of_whole_numbers(std::int64_t low, std::int64_t high) {
  const std::string wanted = "whole numbers from " + std::to_string(low) + " to " +
                             std::to_string(high) + ", with commas between them";
  return CLI::Validator(
      [=](std::string& text) {
        bool fits = !text.empty() && text.back() != ',';
        std::istringstream items(text);
        for (std::string item; std::getline(items, item, ',');) {
          fits = fits && parses_within(item, low, high);
        }
        return fits ? std::string() : refusal(wanted, text);
      },
      "");
}

/// A number from `low` to `high`; below_one stands for "less than 1", smallest_real for "more than
/// 0".
inline CLI::Validator real_number(double low, double high) {
  std::string wanted = low > 0 ? "a number above 0" : "a number of 0 or more";
  wanted += high == below_one ? " and below 1" : " and at most 1e6";
  return CLI::Validator(
      [=](std::string& text) {
        return parses_within(text, low, high) ? std::string() : refusal(wanted, text);
      },
      "");
}

/// `1h30m`, `55m`, `90s` or `90` as seconds; 0 for anything else.
inline double seconds_of(const std::string& text) {
  double sum = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (const auto& [unit, seconds] :
       {std::pair{'h', 3600}, std::pair{'m', 60}, std::pair{'s', 1}}) {
    std::int64_t count = 0;
    const auto [stop, error] = std::from_chars(at, end, count);
    const bool fits = error == std::errc{} && count >= 0 && count <= 1'000'000'000;
    const bool is_unit = fits && (stop == end ? unit == 's' && at == text.data() : *stop == unit);
    if (!is_unit) continue;
    sum += static_cast<double>(count) * seconds;
    at = stop == end ? stop : stop + 1;
  }
  return at == end ? sum : 0;
}

/// What seconds_of can read, and more than nothing.
inline CLI::Validator duration() {
  return CLI::Validator(
      [](std::string& text) {
        return seconds_of(text) > 0 ? std::string()
                                    : refusal("a time as in 55m, 1h30m or 90s", text);
      },
      "");
}

/// What is not given must be left out: an empty text is a shell's variable that was not set.
inline CLI::Validator not_empty(const std::string& wanted) {
  return CLI::Validator(
      [=](std::string& text) { return text.empty() ? refusal(wanted, text) : std::string(); }, "");
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
