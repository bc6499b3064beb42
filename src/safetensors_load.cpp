// The other half of safetensors.hpp: from a file to the ranks.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "add_up.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/safetensors.hpp"
#include "common_header.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

namespace {

void check_matches(const std::string& file, const SafetensorsHeader& header,
                   std::span<const TensorSlice> slices, OtherTensors others) {
  std::set<std::string_view> wanted;
  for (const TensorSlice& slice : slices) {
    wanted.insert(slice.name);
    const auto found = header.tensors.find(slice.name);
    if (found == header.tensors.end()) {
      throw Error(file + " lacks " + in_quotes(slice.name),
                  {.wanted = "a tensor of shape " + shape_text(slice.shape),
                   .found = std::to_string(header.tensors.size()) + " other tensors",
                   .hint = "its model has other layers than this one"});
    }
    const auto& [dtype, shape, bytes] = found->second;
    if (shape != slice.shape || (dtype != "F32" && dtype != "F64")) {
      throw Error("cannot load " + in_quotes(slice.name) + " from " + file,
                  {.wanted = "F32 or F64 " + shape_text(slice.shape),
                   .found = in_quotes(dtype) + " " + shape_text(shape)});
    }
  }
  if (others == OtherTensors::ignore) return;
  const std::pair<const std::string, StoredTensor>* first = nullptr;
  for (const auto& stored : header.tensors) {
    if (wanted.contains(stored.first)) continue;
    if (first == nullptr || stored.second.bytes.begin < first->second.bytes.begin) first = &stored;
  }
  if (first == nullptr) return;
  throw Error(file + " holds " + in_quotes(first->first) + ", which this model lacks",
              {.wanted = std::to_string(slices.size()) + " tensors",
               .found = std::to_string(header.tensors.size()),
               .hint = "its model has other layers than this one"});
}

[[noreturn]] void refuse_number(const std::string& file, const TensorSlice& slice, Index element,
                                double found) {
  std::vector<Index> place(slice.shape.size());
  for (std::size_t i = place.size(); i-- > 0; element /= slice.shape[i])
    place[i] = element % slice.shape[i];
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", found);
  throw Error("bad number in " + file + ", " + in_quotes(slice.name) + " at " + shape_text(place) +
                  ", counted from 0",
              {.wanted = "a finite " + std::string(scalar_name), .found = text.data()});
}

// A piece at a time, so that converting needs no second copy of the block. Returns the checksum of
// what was read.
template <class Stored>
std::uint64_t read_slice(const File& file, const TensorSlice& slice, std::uint64_t begin) {
  constexpr Index piece_size = 16384;
  std::vector<Stored> piece(piece_size);
  std::uint64_t sum = 0;
  for_each_run(slice, [&](Run run) {
    for (Index done = 0; done < run.count; done += piece_size) {
      const Index count = std::min(piece_size, run.count - done);
      const Index first = run.in_tensor + done;
      file.read(begin + static_cast<std::uint64_t>(first) * sizeof(Stored),
                std::as_writable_bytes(std::span(piece).first(static_cast<std::size_t>(count))));
      sum += checksum(std::span<const Stored>(piece).first(static_cast<std::size_t>(count)), first);
      Scalar* const to = slice.data + run.in_data + done;
      for (Index i = 0; i < count; ++i) {
        const Stored stored = piece[static_cast<std::size_t>(i)];
        to[i] = static_cast<Scalar>(stored);
        if (!std::isfinite(to[i])) refuse_number(file.name(), slice, first + i, stored);
      }
    }
  });
  return sum;
}

/// Throws an agreed error if the sums over all ranks of what they read aren't what the file says.
/// A tensor is counted as often as there are ranks that hold it. Collective.
void check_tensor_checksums(ProcessGroup& group, const std::string& file, const Metadata& metadata,
                            std::span<const TensorSlice> slices, std::vector<std::uint64_t> sums) {
  if (!metadata.contains(header_checksum_key)) return;
  const std::vector<std::int64_t> holders = count_holders(group, slices);
  add_up(group, sums);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (holders[i] == 0) continue;
    const std::string& stored = metadata.at(tensor_checksum_prefix + slices[i].name);
    const std::uint64_t one = checksum_from(stored);
    if (sums[i] == one * static_cast<std::uint64_t>(holders[i]) && checksum_text(one) == stored) {
      continue;
    }
    throw Error::agreed(file + " is damaged: " + in_quotes(slices[i].name) +
                        " doesn't have the checksum that the file says, " + in_quotes(stored));
  }
}

}  // namespace

void load_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, OtherTensors others) {
  std::optional<File> file;
  const SafetensorsHeader header = read_common_header(group, path, file);
  collectively(group, [&] {
    check_slices(slices);
    check_matches(path, header, slices, others);
  });
  std::vector<std::uint64_t> sums;
  collectively(group, [&] {
    for (const TensorSlice& slice : slices) {
      const StoredTensor& stored = header.tensors.at(slice.name);
      const std::uint64_t begin = static_cast<std::uint64_t>(stored.bytes.begin);
      sums.push_back(stored.dtype == "F32" ? read_slice<float>(*file, slice, begin)
                                           : read_slice<double>(*file, slice, begin));
    }
  });
  check_tensor_checksums(group, path, header.metadata, slices, std::move(sums));
}

}  // namespace colonnade::inline COLONNADE_PRECISION
