#include "colonnade/safetensors.hpp"

#include <bit>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "add_up.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/shared_file.hpp"

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

std::span<const Scalar> elements_of(const TensorSlice& slice, Run run) {
  return {slice.data + run.in_data, static_cast<std::size_t>(run.count)};
}

std::vector<FilePart> parts_of(const TensorSlice& slice, std::uint64_t begin) {
  std::vector<FilePart> parts;
  for_each_run(slice, [&](Run run) {
    parts.push_back({begin + static_cast<std::uint64_t>(run.in_tensor * scalar_bytes),
                     std::as_bytes(elements_of(slice, run))});
  });
  return parts;
}

/// Adds the checksums of all tensors. Collective.
void add_checksums(ProcessGroup& group, std::span<const TensorSlice> slices, Metadata& metadata) {
  std::vector<std::uint64_t> sums;
  for (const TensorSlice& slice : slices) {
    std::uint64_t& sum = sums.emplace_back();
    for_each_run(slice, [&](Run run) { sum += checksum(elements_of(slice, run), run.in_tensor); });
  }
  add_up(group, sums);
  metadata[header_checksum_key] = "";
  for (std::size_t i = 0; i < slices.size(); ++i) {
    metadata[tensor_checksum_prefix + slices[i].name] = checksum_text(sums[i]);
  }
}

}  // namespace

void save_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, Metadata metadata) {
  collectively(group, [&] { check_slices(slices); });
  check_cover(group, slices);
  add_checksums(group, slices, metadata);
  Layout layout;
  collectively(group, [&] {
    layout = plan(slices, metadata);
    check_size_limit(path, layout.file_bytes);
  });

  // Rank 0 owns the new file: if any rank fails below, it goes when this is left.
  std::optional<FileReplacement> replacement;
  collectively(group, [&] {
    if (group.rank() != 0) return;
    replacement.emplace(path);
    replacement->file().allocate(layout.file_bytes);
    replacement->file().write(0, std::as_bytes(std::span(layout.header)));
  });
  const std::string name = gather_text(group, replacement ? replacement->file().name() : "")[0];
  const std::unique_ptr<SharedFile> file = group.open_shared(name);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    file->write(parts_of(slices[i], layout.begins[i]));
  }
  std::exception_ptr failure;
  try {
    file->close();
  } catch (...) {
    failure = std::current_exception();
  }
  collectively(group, [&] {
    if (failure) std::rethrow_exception(failure);
  });
  collectively(group, [&] {
    if (replacement) replacement->commit();
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
