#include "colonnade/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "colonnade/checksum.hpp"
#include "header_checksum.hpp"

namespace colonnade {

namespace {

using nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // as the reference implementation has it
constexpr const char* metadata_key = "__metadata__";

// 0 for a type that isn't known.
Index bytes_of_dtype(const std::string& dtype) {
  static const std::map<std::string, Index> known = {
      {"F64", 8}, {"I64", 8}, {"U64", 8},  {"F32", 4},     {"I32", 4},
      {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2},     {"U16", 2},
      {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1},
  };
  const auto found = known.find(dtype);
  return found == known.end() ? 0 : found->second;
}

// Takes the header token by token and refuses it at the first that is out of place. No tree of the
// JSON is built: what a stranger's file makes us hold is a small multiple of its own length.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::start) return go(Place::names);
    if (place_ != Place::name) refuse("an object");
    if (key_ == metadata_key) return go(Place::metadata);
    tensor_ = {};
    offsets_.clear();
    keys_seen_ = {};
    return go(Place::tensor);
  }

  bool key(std::string& key) override {
    key_ = key;
    if (place_ == Place::names) {
      const bool again =
          key == metadata_key ? std::exchange(has_metadata_, true) : header_.tensors.contains(key);
      if (again) refuse_repeated();
      name_ = key;
      return go(Place::name);
    }
    if (place_ == Place::metadata) {
      if (header_.metadata.contains(key)) refuse_repeated();
      return true;
    }
    const auto known = std::find(tensor_keys.begin(), tensor_keys.end(), key);
    if (known == tensor_keys.end()) refuse("the key " + in_quotes(key));
    if (std::exchange(keys_seen_[static_cast<std::size_t>(known - tensor_keys.begin())], true))
      refuse_repeated();
    return true;
  }

  bool end_object() override {
    if (place_ == Place::names) return go(Place::end);
    if (place_ == Place::tensor) {
      if (!keys_seen_[0] || !keys_seen_[1] || !keys_seen_[2]) refuse("not all of these keys");
      if (offsets_.size() != 2 || offsets_[0] > offsets_[1]) refuse("other data_offsets");
      tensor_.bytes = {offsets_[0], offsets_[1]};
      header_.tensors.emplace(name_, std::move(tensor_));
    }
    return go(Place::names);
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(key_, text);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      tensor_.dtype = text;
    } else {
      refuse("the text " + in_quotes(text));
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::tensor && key_ == "shape") return go(Place::shape);
    if (place_ == Place::tensor && key_ == "data_offsets") return go(Place::offsets);
    refuse("an array");
  }

  bool end_array() override { return go(Place::tensor); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::shape && place_ != Place::offsets) refuse(std::to_string(value));
    if (value > static_cast<number_unsigned_t>(PTRDIFF_MAX)) refuse(std::to_string(value));
    if (offsets_.size() == 2 && place_ == Place::offsets) refuse("other data_offsets");
    (place_ == Place::shape ? tensor_.shape : offsets_).push_back(static_cast<Index>(value));
    return true;
  }

  bool number_integer(number_integer_t value) override { refuse(std::to_string(value)); }
  bool number_float(number_float_t, const std::string& text) override { refuse(in_quotes(text)); }
  bool boolean(bool value) override { refuse(value ? "true" : "false"); }
  bool null() override { refuse("null"); }
  bool binary(json::binary_t&) override { refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) override {
    throw Error(
        "cannot read the safetensors header of " + file_,
        {.wanted = "JSON",
         .found = "an error at byte " + std::to_string(position) + ", " + in_quotes(token)});
  }

 private:
  enum class Place { start, names, name, metadata, tensor, shape, offsets, end };
  static constexpr std::array<std::string_view, 3> tensor_keys = {"dtype", "shape", "data_offsets"};

  bool go(Place place) {
    place_ = place;
    return true;
  }

  std::string where() const {
    const std::string header = "bad safetensors header in " + file_;
    return place_ == Place::start ? header : header + ", at " + in_quotes(name_);
  }

  [[noreturn]] void refuse(const std::string& found) const {
    std::string wanted = "\"dtype\": text, \"shape\": [sizes], \"data_offsets\": [begin, end]";
    if (place_ == Place::start) wanted = "an object of names and tensors";
    if (place_ == Place::metadata) wanted = "texts only";
    throw Error(where(), {.wanted = wanted, .found = found});
  }

  [[noreturn]] void refuse_repeated() const {
    throw Error(where(), {.wanted = "each name once", .found = in_quotes(key_) + " twice"});
  }

  const std::string& file_;
  SafetensorsHeader header_;
  Place place_ = Place::start;
  std::string name_;  // the tensor's, or that of the metadata
  std::string key_;   // the last one seen
  bool has_metadata_ = false;
  StoredTensor tensor_;
  std::vector<Index> offsets_;
  std::array<bool, 3> keys_seen_{};
};

std::string bytes_text(Range bytes) {
  return "bytes " + std::to_string(bytes.begin) + " to " + std::to_string(bytes.end);
}

void check_size(const std::string& file, const std::string& name, const StoredTensor& tensor) {
  const Index element = bytes_of_dtype(tensor.dtype);
  Index wanted = 0;
  if (element == 0) return;
  if (!__builtin_mul_overflow(element_count(tensor.shape, in_quotes(name) + " in " + file), element,
                              &wanted) &&
      wanted == tensor.bytes.size())
    return;
  throw Error(file + " holds " + in_quotes(name) + " in the wrong number of bytes",
              {.wanted = tensor.dtype + " " + shape_text(tensor.shape),
               .found = std::to_string(tensor.bytes.size()) + " bytes"});
}

// In the order of their bytes, each must begin where the one before ends.
void check_places(const std::string& file, const SafetensorsHeader& header, Index data_bytes) {
  std::vector<std::pair<const std::string*, Range>> places;
  for (const auto& [name, tensor] : header.tensors) places.emplace_back(&name, tensor.bytes);
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.begin, a.second.end) < std::pair(b.second.begin, b.second.end);
  });
  Index end = 0;
  for (const auto& [name, bytes] : places) {
    if (bytes.begin != end || bytes.end > data_bytes) {
      const char* problem = bytes.end > data_bytes ? " outside of the file"
                            : bytes.begin < end    ? " overlapping another tensor"
                                                   : " after a gap";
      throw Error(file + " holds " + in_quotes(*name) + problem,
                  {.wanted = "bytes from " + std::to_string(end) + " on, to " +
                             std::to_string(data_bytes) + " at most",
                   .found = bytes_text(bytes)});
    }
    end = bytes.end;
  }
  if (end == data_bytes) return;
  throw Error(file + " is too long",
              {.wanted = std::to_string(end) + " bytes after the header, as it says",
               .found = std::to_string(data_bytes)});
}

// The library skips a byte order mark and takes a zero byte for the end of the text. What follows
// that would be bytes that no reader sees and no writer wrote.
void check_is_plain_object(const std::string& file, const std::string& text) {
  const std::size_t zero = text.find('\0');
  if (text.starts_with('{') && zero == text.npos) return;
  throw Error("bad safetensors header in " + file,
              {.wanted = "JSON that begins with { and has no zero byte",
               .found = zero == text.npos ? in_quotes(text.substr(0, 1))
                                          : "one at byte " + std::to_string(zero)});
}

std::uint64_t read_header_length(const ByteSource& source) {
  std::uint64_t length = 0;
  if (source.size() < sizeof length) {
    throw Error(source.name() + " is too short for a safetensors file",
                {.wanted = "at least 8 bytes", .found = std::to_string(source.size())});
  }
  source.read(0, std::as_writable_bytes(std::span(&length, 1)));
  const std::uint64_t most = std::min(longest_header, source.size() - sizeof length);
  if (length > most) {
    throw Error(source.name() + " is truncated or no safetensors file",
                {.wanted = "a header of at most " + std::to_string(most) + " bytes",
                 .found = std::to_string(length)});
  }
  return length;
}

SafetensorsHeader read_header_text(const ByteSource& source, std::uint64_t length) {
  std::string text(static_cast<std::size_t>(length), ' ');
  source.read(sizeof length, std::as_writable_bytes(std::span(text)));
  check_is_plain_object(source.name(), text);
  HeaderReader reader(source.name());
  json::sax_parse(text, &reader);
  SafetensorsHeader header = reader.take();
  header.checksum = checksum(text);
  const Index data_begin = static_cast<Index>(sizeof length + length);
  check_checksums(source.name(), with_length(text), header);
  check_places(source.name(), header, static_cast<Index>(source.size()) - data_begin);
  for (auto& [name, tensor] : header.tensors) {
    check_size(source.name(), name, tensor);
    tensor.bytes = {tensor.bytes.begin + data_begin, tensor.bytes.end + data_begin};
  }
  return header;
}

}  // namespace

SafetensorsHeader read_safetensors_header(const ByteSource& source) {
  const std::uint64_t length = read_header_length(source);
  return with_memory_for(source.name(), length, [&] { return read_header_text(source, length); });
}

std::string format_safetensors_header(std::span<const std::pair<std::string, StoredTensor>> tensors,
                                      const Metadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  // Appended, as header[name] would look through all the names before it.
  auto& entries = header.get_ref<nlohmann::ordered_json::object_t&>();
  if (!metadata.empty()) entries.emplace_back(metadata_key, metadata);
  const bool has_checksum = metadata.contains(header_checksum_key);
  if (has_checksum) {
    entries.back().second[header_checksum_key] = no_checksum_yet;
  }
  for (const auto& [name, tensor] : tensors) {
    entries.emplace_back(
        name, nlohmann::ordered_json{{"dtype", tensor.dtype},
                                     {"shape", tensor.shape},
                                     {"data_offsets", {tensor.bytes.begin, tensor.bytes.end}}});
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string whole = with_length(text);
  if (has_checksum) fill_in_checksum(whole);
  return whole;
}

Index element_count(std::span<const Index> shape, const std::string& name) {
  Index count = 1;
  bool empty = false;
  bool impossible = false;
  for (const Index size : shape) {
    empty |= size == 0;
    impossible |= size < 0;
  }
  if (empty && !impossible) return 0;
  for (const Index size : shape) impossible |= __builtin_mul_overflow(count, size, &count);
  if (!impossible) return count;
  throw Error("impossible shape of " + name,
              {.wanted = "fewer than 2^63 elements", .found = shape_text(shape)});
}

std::string shape_text(std::span<const Index> shape) {
  constexpr std::size_t most = 8;
  std::string text = "[";
  for (const Index size : shape.first(std::min(shape.size(), most)))
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + (shape.size() > most ? ", ...]" : "]");
}

}  // namespace colonnade
