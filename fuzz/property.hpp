// What the properties of all parsers are made of. They hold for any bytes whatsoever: libFuzzer
// looks for bytes that disprove them, and the tests try those that are kept in fuzz/corpus.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>

#include "colonnade/error.hpp"
#include "memory_watch.hpp"

namespace fuzz {

using Bytes = std::span<const std::byte>;

/// Some bytes disprove a property. Deliberately no Error, which would pass for a refusal.
class Disproved : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* property) {
  if (!holds) throw Disproved(property);
}

/// What a parser may hold: a multiple of the file, as many small things are stored as nodes of a
/// map, and the pieces in which numbers are converted.
inline std::ptrdiff_t most_memory(Bytes file) {
  return 24 * static_cast<std::ptrdiff_t>(file.size()) + (std::ptrdiff_t{512} << 10);
}

/// Whether `work`, which reads `file`, is done. It may be refused, by an Error in one short line
/// and by nothing else, and holds no more than most_memory either way.
template <class Work>
bool accepts(Bytes file, Work&& work) {
  const MemoryWatch watch;
  bool accepted = true;
  try {
    work();
  } catch (const colonnade::Error& error) {
    accepted = false;
    const std::string_view text = error.what();
    require(text.size() < 1000, "an error is short, whatever the file");
    for (const char c : text) require(c >= ' ' && c <= '~', "an error is one line of plain text");
  }
  require(watch.peak() <= most_memory(file), "memory is bounded by the size of the file");
  return accepted;
}

/// The number that lies at a place of the file, aligned or not.
template <class Number>
Number number_at(Bytes file, std::size_t place) {
  require(place <= file.size() && sizeof(Number) <= file.size() - place,
          "numbers lie inside of the file");
  Number number;
  std::memcpy(&number, file.data() + place, sizeof number);
  return number;
}

}  // namespace fuzz
