#include "colonnade/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <limits>
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

/// Without leaving early, so that vectors of numbers are tested at once.
bool all_finite(std::span<const Scalar> elements) {
  bool finite = true;
  for (const Scalar x : elements) finite &= std::abs(x) <= std::numeric_limits<Scalar>::max();
  return finite;
}

/// The checksum of what this rank has of a tensor. Throws if a number in it is not finite.
std::uint64_t own_checksum(const TensorSlice& slice) {
  constexpr std::size_t piece = 1 << 14;  // is read twice, the second time from the cache
  std::uint64_t sum = 0;
  for_each_run(slice, [&](Run run) {
    const std::span<const Scalar> elements = elements_of(slice, run);
    for (std::size_t done = 0; done < elements.size(); done += piece) {
      const auto part = elements.subspan(done, std::min(piece, elements.size() - done));
      sum += checksum(part, run.in_tensor + static_cast<Index>(done));
      if (all_finite(part)) continue;
      throw Error(slice.name + " has numbers that are not finite: not saved",
                  {.hint = "nobody could load that file again"});
    }
  });
  return sum;
}

/// Writes all ranks' slices into a file that is there, and returns their checksums. On any error,
/// all ranks throw it. Collective.
std::vector<std::uint64_t> write_slices(ProcessGroup& group, const std::string& path,
                                        std::span<const TensorSlice> slices, const Layout& layout) {
  const std::unique_ptr<SharedFile> file = group.open_shared(path);
  std::vector<std::uint64_t> sums;
  std::exception_ptr failure;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    std::vector<FilePart> parts;
    try {
      parts = parts_of(slices[i], layout.begins[i]);
    } catch (...) {  // the others write with this rank: it goes on with nothing
      failure = std::current_exception();
    }
    file->write(parts);
  }
  try {
    const BackgroundFlush flush(path);  // the device writes while this rank reads its numbers again
    for (const TensorSlice& slice : slices) sums.push_back(own_checksum(slice));
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  try {
    file->close();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  collectively(group, [&] {
    if (failure) std::rethrow_exception(failure);
  });
  add_up(group, sums);
  return sums;
}

}  // namespace

void save_safetensors(ProcessGroup& group, const std::string& path,
                      std::span<const TensorSlice> slices, Metadata metadata) {
  const Span span = group.span(Activity::save);
  collectively(group, [&] { check_slices(slices); });
  check_cover(group, slices);
  // Checksums have a fixed length, so the layout is known before they are.
  metadata[header_checksum_key] = "";
  for (const TensorSlice& slice : slices) {
    metadata[tensor_checksum_prefix + slice.name] = checksum_text(0);
  }
  Layout layout;
  std::optional<FileReplacement> replacement;
  collectively(group, [&] {
    layout = plan(slices, metadata);
    check_size_limit(path, layout.file_bytes);
  });
  // Rank 0 owns the new file: if any rank fails below, it goes when this is left.
  collectively(group, [&] {
    if (group.rank() != 0) return;
    replacement.emplace(path);
    replacement->file().allocate(layout.file_bytes);
  });
  std::string name = replacement ? replacement->file().name() : "";
  broadcast_text(group, name, 0);
  const std::vector<std::uint64_t> sums = write_slices(group, name, slices, layout);
  collectively(group, [&] {
    if (!replacement) return;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      metadata[tensor_checksum_prefix + slices[i].name] = checksum_text(sums[i]);
    }
    const std::string header = plan(slices, metadata).header;
    replacement->file().write(0, std::as_bytes(std::span(header)));
    replacement->commit();
  });
}

}  // namespace colonnade::inline COLONNADE_PRECISION
