// What holds for any bytes that are read as safetensors, from the header to the numbers of each
// block in memory.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "colonnade/checkpoint.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/safetensors.hpp"
#include "property.hpp"

namespace fuzz {

using colonnade::Index;
using colonnade::Range;
using colonnade::SafetensorsHeader;
using colonnade::Scalar;
using colonnade::StoredTensor;
using colonnade::TensorSlice;

/// Bytes that have a path, for what reads nothing but files. They lie in memory.
class NamedBytes {
 public:
  explicit NamedBytes(Bytes bytes) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0 && write(descriptor_, bytes.data(), bytes.size()) ==
                                    static_cast<ssize_t>(bytes.size()),
            "the system lends memory for a file");
  }
  ~NamedBytes() { close(descriptor_); }
  NamedBytes(const NamedBytes&) = delete;
  NamedBytes& operator=(const NamedBytes&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

inline bool is_float(const StoredTensor& tensor) {
  return tensor.dtype == "F32" || tensor.dtype == "F64";
}

inline Scalar element(Bytes file, const StoredTensor& tensor, Index place) {
  const bool narrow = tensor.dtype == "F32";
  const std::size_t begin = static_cast<std::size_t>(tensor.bytes.begin + place * (narrow ? 4 : 8));
  if (narrow) return static_cast<Scalar>(number_at<float>(file, begin));
  return static_cast<Scalar>(number_at<double>(file, begin));
}

/// By place in the file, as format_safetensors_header wants them.
using Listed = std::vector<std::pair<std::string, StoredTensor>>;

inline Listed in_order(const SafetensorsHeader& header) {
  Listed tensors(header.tensors.begin(), header.tensors.end());
  std::ranges::sort(tensors, {}, [](const auto& named) {
    return std::pair(named.second.bytes.begin, named.second.bytes.end);
  });
  return tensors;
}

/// The tensors cover the rest of the file, and each has the bytes of its shape.
inline void check_places(Bytes file, std::size_t data_begin, const Listed& tensors) {
  Index end = static_cast<Index>(data_begin);
  for (const auto& [name, tensor] : tensors) {
    require(tensor.bytes.begin == end && tensor.bytes.size() >= 0, "no gap and no overlap");
    end = tensor.bytes.end;
    if (!is_float(tensor)) continue;
    require(colonnade::element_count(tensor.shape, name) * (tensor.dtype == "F32" ? 4 : 8) ==
                tensor.bytes.size(),
            "a tensor has as many bytes as its shape says");
  }
  require(end == static_cast<Index>(file.size()), "no byte belongs to no tensor");
}

/// Nothing that a reader doesn't see stands before or behind the JSON.
inline void check_text(std::string_view text) {
  require(text.starts_with('{'), "a header begins with {");
  require(
      text.ends_with('}') || text.find_first_not_of(" \t\r\n", text.rfind('}') + 1) == text.npos,
      "behind a header is nothing but space");
}

/// A header that is written again and read again is the same.
inline void check_round_trip(Bytes file, std::size_t data_begin, const SafetensorsHeader& header,
                             Listed tensors) {
  for (auto& [name, tensor] : tensors) {
    tensor.bytes.begin -= static_cast<Index>(data_begin);
    tensor.bytes.end -= static_cast<Index>(data_begin);
  }
  const std::string start = colonnade::format_safetensors_header(tensors, header.metadata);
  std::vector<std::byte> copy(start.size() + file.size() - data_begin);
  std::ranges::copy(std::as_bytes(std::span(start)), copy.begin());
  std::ranges::copy(file.subspan(data_begin),
                    copy.begin() + static_cast<std::ptrdiff_t>(start.size()));
  SafetensorsHeader again =
      colonnade::read_safetensors_header(colonnade::MemorySource("made-up", copy));
  // The checksum of the header is another where its text is.
  colonnade::Metadata metadata = header.metadata;
  metadata.erase(colonnade::header_checksum_key);
  again.metadata.erase(colonnade::header_checksum_key);
  require(again.metadata == metadata, "metadata survive a round trip");
  require(again.tensors.size() == tensors.size(), "no tensor is lost on a round trip");
  for (const auto& [name, tensor] : tensors) {
    const auto found = again.tensors.find(name);
    require(found != again.tensors.end(), "names survive a round trip");
    require(found->second.dtype == tensor.dtype && found->second.shape == tensor.shape &&
                found->second.bytes.begin - static_cast<Index>(start.size()) == tensor.bytes.begin,
            "tensors survive a round trip");
  }
}

/// What is taken for a checkpoint's metadata are those that a checkpoint would have.
inline void check_checkpoint(Bytes file, const colonnade::Metadata& metadata) {
  colonnade::CheckpointInfo info;
  if (!accepts(file, [&] { info = colonnade::checkpoint_info("made-up", metadata); })) return;
  for (const auto& [key, value] : colonnade::metadata_of(info)) {
    const auto found = metadata.find(key);
    require(found != metadata.end() && found->second == value,
            "a checkpoint's metadata survive a round trip");
  }
}

/// A block of each tensor, of the last dimension one half or, as part 2, all of it; with memory for
/// just as many numbers, so that a sanitizer sees one too many.
struct Blocks {
  Blocks(const Listed& tensors, Index part) {
    for (const auto& [name, tensor] : tensors) {
      std::vector<Range> block;
      for (const Index size : tensor.shape) block.push_back({0, size});
      if (part < 2 && !block.empty())
        block.back() = colonnade::shard_range(block.back().end, 2, part);
      std::size_t count = 1;
      if (is_float(tensor))
        for (const Range range : block) count *= static_cast<std::size_t>(range.size());
      numbers.emplace_back(count);
      slices.push_back({.name = name, .shape = tensor.shape, .block = std::move(block)});
    }
    for (std::size_t i = 0; i < slices.size(); ++i) slices[i].data = numbers[i].data();
  }

  bool is_whole(std::size_t i) const {
    return slices[i].block.empty() || slices[i].block.back() == Range{0, slices[i].shape.back()};
  }

  std::vector<std::vector<Scalar>> numbers;
  std::vector<TensorSlice> slices;
};

/// Whether the numbers of a block are finite; if they were loaded they must be the file's.
inline bool check_block(Bytes file, const StoredTensor& tensor, const TensorSlice& slice,
                        const std::vector<Scalar>& numbers, bool loaded) {
  const Range last = tensor.shape.empty() ? Range{0, 1} : slice.block.back();
  const Index width = tensor.shape.empty() ? 1 : tensor.shape.back();
  bool finite = true;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const Index row = static_cast<Index>(i) / last.size();
    const Index col = last.begin + static_cast<Index>(i) % last.size();
    const Scalar number = element(file, tensor, row * width + col);
    finite = finite && std::isfinite(number);
    if (loaded) require(numbers[i] == number, "what is loaded is what the file holds");
  }
  return finite;
}

/// Whether the file has no checksum of a tensor, or the right one.
inline bool has_right_checksum(const colonnade::ByteSource& source,
                               const colonnade::Metadata& metadata, const std::string& name,
                               const StoredTensor& tensor) {
  const auto found = metadata.find(colonnade::tensor_checksum_prefix + name);
  return found == metadata.end() ||
         found->second == colonnade::checksum_text(stored_checksum(source, tensor).value());
}

/// What a rank that has this part of each tensor loads is what lies in the file.
inline bool load_part(Bytes file, const std::string& path, const colonnade::Metadata& metadata,
                      const Listed& tensors, Index part) {
  Blocks blocks(tensors, part);
  colonnade::ProcessGroup alone = colonnade::ProcessGroup::self();
  const bool loaded =
      accepts(file, [&] { colonnade::load_safetensors(alone, path, blocks.slices); });
  bool loadable = true;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const auto& [name, tensor] = tensors[t];
    loadable = loadable && is_float(tensor);
    if (!is_float(tensor) || blocks.numbers[t].empty()) continue;
    const bool finite = check_block(file, tensor, blocks.slices[t], blocks.numbers[t], loaded);
    const colonnade::MemorySource source("made-up", file);
    loadable = loadable && finite &&
               (!blocks.is_whole(t) || has_right_checksum(source, metadata, name, tensor));
  }
  require(loaded == loadable, "finite numbers with the right checksum are loaded, nothing else");
  return loaded;
}

/// Throws Disproved if a property fails; returns whether a model can be loaded from the bytes.
inline bool read_as_safetensors(Bytes file) {
  const colonnade::MemorySource source("made-up", file);
  SafetensorsHeader header;
  if (!accepts(file, [&] { header = colonnade::read_safetensors_header(source); })) return false;
  const std::size_t length = number_at<std::uint64_t>(file, 0);
  require(length <= file.size() - 8, "a header lies inside of its file");
  const std::size_t data_begin = 8 + length;
  check_text({reinterpret_cast<const char*>(file.data()) + 8, length});
  const Listed tensors = in_order(header);
  check_places(file, data_begin, tensors);
  check_round_trip(file, data_begin, header, tensors);
  check_checkpoint(file, header.metadata);

  // Slices are a model's, not a stranger's, and cost more for each of their few dimensions.
  for (const auto& [name, tensor] : tensors)
    if (tensor.shape.size() > 8) return true;
  const NamedBytes named(file);
  const bool loaded = load_part(file, named.path(), header.metadata, tensors, 2);
  for (const Index part : {0, 1}) {
    const bool part_loaded = load_part(file, named.path(), header.metadata, tensors, part);
    require(part_loaded || !loaded, "what can be loaded whole can be loaded in parts");
  }
  return loaded;
}

}  // namespace fuzz
