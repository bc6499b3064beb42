#include "colonnade/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace colonnade::inline COLONNADE_PRECISION {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

namespace {

constexpr const char* scalar_dtype = sizeof(Scalar) == 4 ? "F32" : "F64";
constexpr Index scalar_bytes = sizeof(Scalar);

// What save_safetensors writes, and where: the same on every rank.
struct Layout {
  std::string header;
  std::vector<std::uint64_t> begins;  // of each tensor, from the beginning of the file
  std::uint64_t file_bytes = 0;
};

Layout plan(std::span<const TensorSlice> slices, const Metadata& metadata) {
  std::vector<std::pair<std::string, StoredTensor>> tensors;
  Index end = 0;
  for (const TensorSlice& slice : slices) {
    Index bytes = element_count(slice.shape, in_quotes(slice.name));
    const Index begin = end;
    if (__builtin_mul_overflow(bytes, scalar_bytes, &bytes) ||
        __builtin_add_overflow(begin, bytes, &end)) {
      throw Error("cannot save " + in_quotes(slice.name),
                  {.wanted = "fewer than 2^63 bytes in all", .found = shape_text(slice.shape)});
    }
    tensors.push_back({slice.name, {scalar_dtype, slice.shape, {begin, end}}});
  }
  Layout layout = {format_safetensors_header(tensors, metadata), {}, 0};
  for (const auto& [name, tensor] : tensors)
    layout.begins.push_back(layout.header.size() + static_cast<std::uint64_t>(tensor.bytes.begin));
  layout.file_bytes = layout.header.size() + static_cast<std::uint64_t>(end);
  return layout;
}

void write_slice(File& file, const TensorSlice& slice, std::uint64_t begin) {
  for_each_run(slice, [&](Run run) {
    file.write(
        begin + static_cast<std::uint64_t>(run.in_tensor * scalar_bytes),
        std::as_bytes(std::span(slice.data + run.in_block, static_cast<std::size_t>(run.count))));
  });
}

void check_matches(const std::string& file, const SafetensorsHeader& header,
                   std::span<const TensorSlice> slices) {
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

// A piece at a time, so that converting needs no second copy of the block.
template <class Stored>
void read_slice(const File& file, const TensorSlice& slice, std::uint64_t begin) {
  constexpr Index piece_size = 16384;
  std::vector<Stored> piece(piece_size);
  for_each_run(slice, [&](Run run) {
    for (Index done = 0; done < run.count; done += piece_size) {
      const Index count = std::min(piece_size, run.count - done);
      const Index first = run.in_tensor + done;
      file.read(begin + static_cast<std::uint64_t>(first) * sizeof(Stored),
                std::as_writable_bytes(std::span(piece).first(static_cast<std::size_t>(count))));
      Scalar* const to = slice.data + run.in_block + done;
      for (Index i = 0; i < count; ++i) {
        const Stored stored = piece[static_cast<std::size_t>(i)];
        to[i] = static_cast<Scalar>(stored);
        if (!std::isfinite(to[i])) refuse_number(file.name(), slice, first + i, stored);
      }
    }
  });
}

}  // namespace

void save_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, const Metadata& metadata) {
  Layout layout;
  collectively(group, [&] {
    check_slices(slices);
    layout = plan(slices, metadata);
  });
  check_cover(group, slices);

  // Rank 0 owns the new file: if any rank fails below, it goes when this is left.
  std::optional<FileReplacement> replacement;
  collectively(group, [&] {
    if (group.rank() != 0) return;
    replacement.emplace(path);
    replacement->file().allocate(layout.file_bytes);
    replacement->file().write(0, std::as_bytes(std::span(layout.header)));
  });
  const std::string name = gather_text(group, replacement ? replacement->file().name() : "")[0];
  collectively(group, [&] {
    File file = File::open_to_write(name);
    for (std::size_t i = 0; i < slices.size(); ++i) write_slice(file, slices[i], layout.begins[i]);
    file.flush();
  });
  collectively(group, [&] {
    if (replacement) replacement->commit();
  });
}

void load_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices) {
  std::optional<File> file;
  SafetensorsHeader header;
  collectively(group, [&] {
    check_slices(slices);
    file.emplace(File::open(path));
    header = read_safetensors_header(*file);
    check_matches(path, header, slices);
  });
  collectively(group, [&] {
    for (const TensorSlice& slice : slices) {
      const StoredTensor& stored = header.tensors.at(slice.name);
      const std::uint64_t begin = static_cast<std::uint64_t>(stored.bytes.begin);
      if (stored.dtype == "F32") {
        read_slice<float>(*file, slice, begin);
      } else {
        read_slice<double>(*file, slice, begin);
      }
    }
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
