// A story for a terminal.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "app/explain.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

constexpr std::size_t line_width = 100;

/// Seven columns, three of them decimals where that says something.
std::string cell(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= 0.0005 && size < 1000);
  std::snprintf(text.data(), text.size(), plain ? "%8.3f" : "%8.0e", value);
  return text.data();
}

/// Columns of a terminal, not bytes.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char letter) { return (letter & '\xC0') != '\x80'; }));
}

std::string padded(std::string text, std::size_t width) {
  text.append(width - std::min(width, width_of(text)), ' ');
  return text;
}

std::string range_words(const std::string& what, Range range) {
  if (range.size() == 1) return what + " " + std::to_string(range.begin);
  return what + "s " + std::to_string(range.begin) + "-" + std::to_string(range.end - 1);
}

/// What a rank has, and its numbers row by row; of a run of elements those that are in it.
std::vector<std::string> block_of(const StoryMatrix& matrix, std::size_t rank) {
  const Holding& own = matrix.ranks[rank];
  std::string title = "rank " + std::to_string(rank);
  if (own.rows.size() < matrix.rows) title += ", " + range_words("row", own.rows);
  if (own.cols.size() < matrix.cols) title += ", " + range_words("column", own.cols);
  std::vector<std::string> lines = {title};
  for (Index i = 0; i < own.rows.size(); ++i) {
    std::string line;
    for (Index j = 0; j < own.cols.size(); ++j) {
      const Index element = j * own.rows.size() + i;
      const bool there = own.run.begin <= element && element < own.run.end;
      line += there ? cell(own.values[static_cast<std::size_t>(element - own.run.begin)])
                    : padded("       .", 8);
    }
    lines.push_back(line);
  }
  return lines;
}

/// The ranks' blocks side by side, as many as fit a line.
void add_matrix(const StoryMatrix& matrix, const std::string& indent, std::string& text) {
  text += indent + matrix.name + " [" + std::to_string(matrix.rows) + ", " +
          std::to_string(matrix.cols) + "], " + describe_spread(matrix) + "\n";
  std::vector<std::string> rows;
  const auto flush = [&] {
    for (const std::string& row : rows)
      text += indent + row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
    rows.clear();
  };
  for (std::size_t rank = 0; rank < matrix.ranks.size(); ++rank) {
    const std::vector<std::string> block = block_of(matrix, rank);
    std::size_t width = 0, before = 0;
    for (const std::string& line : block) width = std::max(width, width_of(line));
    for (const std::string& row : rows) before = std::max(before, width_of(row));
    if (!rows.empty() && indent.size() + before + width + 2 > line_width) {
      flush();
      before = 0;
    }
    rows.resize(std::max(rows.size(), block.size()));
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] = padded(rows[i], before) + "  " + padded(i < block.size() ? block[i] : "", width);
  }
  flush();
}

std::string bytes_line(const StoryCall& call) {
  std::string line = "bytes sent, by rank:";
  for (const Index bytes : call.bytes_sent) line += " " + render_count(bytes);
  return line;
}

}  // namespace

std::string explain_as_text(const Story& story) {
  std::string text;
  std::string section;
  int number = 0;
  for (const StoryStep& step : story.steps) {
    if (step.section != section) text += "\n--- " + step.section + "\n";
    section = step.section;
    text += "\n" + padded(std::to_string(++number), 4) + padded(step.site, 10) + " " +
            step.equation + "\n";
    if (const std::string why = reason(story, step); !why.empty()) text += "    " + why + "\n";
    for (const StoryMatrix& matrix : step.matrices) add_matrix(matrix, "    ", text);
    if (!step.call) continue;
    const StoryCall& call = *step.call;
    if (call.overlaps) text += "    It goes on while the ranks compute.\n";
    for (const std::string& line : sentences(call)) text += "    " + line + "\n";
    text += "    " + bytes_line(call) + "\n";
    text += "    before\n";
    add_matrix(*call.before, "    ", text);
    text += "    after\n";
    add_matrix(*call.after, "    ", text);
  }
  return text;
}

}  // namespace colonnade::app
