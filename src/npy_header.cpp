#include "colonnade/npy_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace colonnade {

namespace {

// NumPy's own headers are 128 bytes long, and it refuses to read more than 10,000.
constexpr std::uint64_t longest_header = 65536;

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and nothing else that Python
// would evaluate: keys in any order, each once.
class HeaderParser {
 public:
  HeaderParser(const std::string& file, std::string_view text) : file_(file), rest_(text) {}

  NpyHeader parse() {
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !std::exchange(has_descr, true)) {
        descr();
      } else if (key == "fortran_order" && !std::exchange(has_order, true)) {
        header_.fortran_order = boolean();
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        shape();
      } else {
        fail("descr, fortran_order and shape, each once", in_quotes(key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (!rest_.empty()) fail("nothing after the dictionary", in_quotes(rest_));
    if (!has_descr || !has_order || !has_shape)
      fail("descr, fortran_order and shape, each once", "not all of them");
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& wanted, const std::string& found,
                         const std::string& hint = {}) const {
    throw Error("cannot read the NPY header of " + file_,
                {.wanted = wanted, .found = found, .hint = hint});
  }

  void skip_spaces() {
    const std::size_t spaces = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(spaces, rest_.size()));
  }

  bool accept(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(in_quotes(std::string_view(&c, 1)), in_quotes(rest_));
  }

  std::string_view string() {
    skip_spaces();
    const char quote = rest_.empty() ? ' ' : rest_.front();
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : rest_.npos;
    if (end == rest_.npos) fail("a string", in_quotes(rest_));
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"}) {
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return word == "True";
    }
    fail("True or False", in_quotes(rest_));
  }

  void descr() {
    skip_spaces();
    const char* const hint = "convert it with .astype('<f4')";
    if (rest_.starts_with('[')) fail("'<f4' or '<f8'", "a structured type", hint);
    const std::string_view type = string();
    if (type != "<f4" && type != "<f8") {
      const bool swapped = type == ">f4" || type == ">f8";
      fail("'<f4' or '<f8'", in_quotes(type) + (swapped ? ", big-endian" : ""), hint);
    }
    header_.element_bytes = type == "<f4" ? 4 : 8;
  }

  Index number() {
    Index value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, rest_[digits] - '0', &value))
        fail("sizes below 2^63", in_quotes(rest_));
    }
    if (digits == 0) fail("a size", in_quotes(rest_));
    rest_.remove_prefix(digits);
    return value;
  }

  void shape() {
    std::vector<Index> sizes;
    const std::string_view start = rest_;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      sizes.push_back(number());
      if (accept(',')) continue;
      // (3) is a number to Python, not a shape.
      if (sizes.size() == 1) fail("a shape", in_quotes(start));
      expect(')');
      break;
    }
    if (sizes.empty() || sizes.size() > 2) {
      fail("a shape [n, columns] or [n]", std::to_string(sizes.size()) + " dimensions",
           "reshape it with .reshape(len(a), -1)");
    }
    header_.rows = sizes[0];
    if (sizes.size() == 2) header_.cols = sizes[1];
  }

  const std::string& file_;
  std::string_view rest_;
  NpyHeader header_;
};

// The bytes of the header's text, by the preamble before it.
Range header_range(const ByteSource& source) {
  constexpr std::string_view magic = "\x93NUMPY";
  std::array<std::byte, 12> preamble{};
  if (source.size() < preamble.size()) {
    throw Error(source.name() + " is too short for an NPY file",
                {.wanted = "at least 12 bytes", .found = std::to_string(source.size())});
  }
  source.read(0, preamble);
  if (std::memcmp(preamble.data(), magic.data(), magic.size()) != 0) {
    throw Error(source.name() + " is no NPY file",
                {.wanted = "'\\x93NUMPY' as its first bytes",
                 .found = in_quotes({reinterpret_cast<const char*>(preamble.data()), magic.size()}),
                 .hint = "write it with numpy.save"});
  }
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(preamble[i]); };
  const std::uint32_t version = byte(6);
  if (version < 1 || version > 3 || byte(7) != 0) {
    throw Error(source.name() + " has an unknown version of the NPY format",
                {.wanted = "1.0, 2.0 or 3.0",
                 .found = std::to_string(version) + "." + std::to_string(byte(7))});
  }
  const std::uint64_t begin = version == 1 ? 10 : 12;
  std::uint64_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | std::uint64_t{byte(11)} << 24;
  if (length > longest_header || length > source.size() - begin) {
    throw Error(
        "cannot read the NPY header of " + source.name(),
        {.wanted = "a header of at most " +
                   std::to_string(std::min(longest_header, source.size() - begin)) + " bytes",
         .found = std::to_string(length)});
  }
  return {static_cast<Index>(begin), static_cast<Index>(begin + length)};
}

}  // namespace

NpyHeader read_npy_header(const ByteSource& source) {
  const Range range = header_range(source);
  std::string text(static_cast<std::size_t>(range.size()), '\0');
  source.read(static_cast<std::uint64_t>(range.begin), std::as_writable_bytes(std::span(text)));
  NpyHeader header = HeaderParser(source.name(), text).parse();
  header.data_begin = static_cast<std::uint64_t>(range.end);

  std::uint64_t wanted = 0;
  const bool overflow = __builtin_mul_overflow(header.rows, header.cols, &wanted) ||
                        __builtin_mul_overflow(wanted, header.element_bytes, &wanted);
  const std::uint64_t found = source.size() - header.data_begin;
  if (overflow || wanted != found) {
    throw Error(source.name() + (!overflow && wanted < found ? " is too long" : " is truncated"),
                {.wanted = std::to_string(header.rows) + " x " + std::to_string(header.cols) +
                           " numbers of " + std::to_string(header.element_bytes) + " bytes",
                 .found = std::to_string(found) + " bytes"});
  }
  return header;
}

}  // namespace colonnade
