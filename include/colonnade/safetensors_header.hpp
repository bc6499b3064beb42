// The header of a safetensors file: which tensors it holds, and where. A file is the length of the
// header (8 bytes, little-endian), the header in JSON,
//     {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets":
//     [0, 24]}}
// and the numbers of all tensors, row-major, one after the other and without gaps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/file.hpp"
#include "colonnade/shard.hpp"

namespace colonnade {

using Metadata = std::map<std::string, std::string>;

/// One tensor of a file.
struct StoredTensor {
  std::string dtype;         // "F32", "F64", ...
  std::vector<Index> shape;  // row-major: the last dimension runs fastest; [] is one number
  Range bytes;               // counted from the beginning of the file
};

/// The metadata that hold checksums (checksum.hpp) as 16 hexadecimal digits: of the header, its
/// length included and these digits taken as zeros; and, followed by a tensor's name, of that
/// tensor's elements in row-major order.
inline constexpr const char* header_checksum_key = "colonnade.checksum";
inline constexpr const char* tensor_checksum_prefix = "colonnade.checksum.";

struct SafetensorsHeader {
  std::map<std::string, StoredTensor> tensors;  // by name
  Metadata metadata;
  std::uint64_t checksum = 0;  // of its text, whatever it says of itself
};

/// Reads and checks a header. Throws unless it is JSON of just that form, no name occurs twice, the
/// tensors cover all of the rest of the file without gap or overlap, and each has the bytes that
/// its shape and type say (a type that isn't known is taken at its word). Lengths are compared with
/// the file's before anything is allocated, and a header of more than 100 MB is refused. Where the
/// metadata hold any checksum, the header's must be right and each tensor must have one.
SafetensorsHeader read_safetensors_header(const ByteSource& source);

/// The checksum of a tensor's elements as they are in the file, read a piece at a time; nothing for
/// one that is neither F32 nor F64, of which no checksum is defined.
std::optional<std::uint64_t> stored_checksum(const ByteSource& source, const StoredTensor& tensor);

/// The bytes before the numbers of a file that holds these tensors in this order. Here their
/// `bytes` are counted from the first number on. The result's length is a multiple of 8, so that
/// the numbers are aligned. Where the metadata have a header_checksum_key, its value is filled in.
std::string format_safetensors_header(std::span<const std::pair<std::string, StoredTensor>> tensors,
                                      const Metadata& metadata);

/// Number of elements of a shape; throws if it doesn't fit an Index. `name` is the tensor's.
Index element_count(std::span<const Index> shape, const std::string& name);

/// `[2, 3]`; of many dimensions only the first few.
std::string shape_text(std::span<const Index> shape);

}  // namespace colonnade
