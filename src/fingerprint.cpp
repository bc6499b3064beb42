#include "colonnade/fingerprint.hpp"

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "colonnade/transport.hpp"
#include "rank_list.hpp"

namespace colonnade {

namespace {

std::string render_detail(const Fingerprint& call) {
  switch (call.kind) {
    case Collective::all_reduce: {
      const auto reduction = static_cast<Reduction>(call.detail & 3);
      const char* const name = reduction == Reduction::sum   ? ", sum"
                               : reduction == Reduction::min ? ", minimum"
                                                             : ", maximum";
      return std::string(name) + ((call.detail & 4) != 0 ? " along the tree" : "");
    }
    case Collective::broadcast:
      return " from rank " + std::to_string(call.detail) + " of the group";
    case Collective::all_gather:
    case Collective::reduce_scatter:
      return ", pieces " + std::to_string(static_cast<std::uint32_t>(call.detail));
    default:
      return "";
  }
}

/// More than describe(): all in which two fingerprints may differ.
std::string describe_wholly(const Fingerprint& call) {
  std::string text = describe(call);
  const bool has_buffer = static_cast<std::size_t>(call.kind) < collective_count;
  if (call.kind == Collective::barrier || !has_buffer) return text;
  text += " (" + std::to_string(call.count) + " " + std::string(to_string(call.type));
  return text + render_detail(call) + ")";
}

}  // namespace

std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::byte:
      return 1;
    case DataType::float32:
      return 4;
    case DataType::int64:
    case DataType::float64:
      return 8;
  }
  return 0;
}

std::string_view to_string(DataType type) {
  switch (type) {
    case DataType::byte:
      return "byte";
    case DataType::int64:
      return "int64";
    case DataType::float32:
      return "float32";
    case DataType::float64:
      return "float64";
  }
  return "";
}

std::string_view to_string(Collective kind) {
  switch (kind) {
    case Collective::all_gather:
      return "all-gather";
    case Collective::reduce_scatter:
      return "reduce-scatter";
    case Collective::all_reduce:
      return "all-reduce";
    case Collective::broadcast:
      return "broadcast";
    case Collective::barrier:
      return "barrier";
    case Collective::split:
      return "split";
    case Collective::file:
      return "writing of a file";
    case Collective::allocation:
      return "allocation of common memory";
  }
  return "";
}

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::none:
      return "";
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::gradients:
      return "gradients";
  }
  return "";
}

bool same_collective(const Fingerprint& a, const Fingerprint& b) {
  static_assert(std::has_unique_object_representations_v<Fingerprint>);
  return std::memcmp(&a, &b, offsetof(Fingerprint, rank)) == 0;
}

std::string describe(const Fingerprint& call) {
  std::string text(call.site.view());
  if (!text.empty()) text += ' ';
  text += to_string(call.phase);
  if (!text.empty() && text.back() != ' ') text += ' ';
  text += to_string(call.kind);
  if (call.sequence == 0) return text;  // no call of the program's
  return text + " #" + std::to_string(call.sequence) + " of " + std::string(call.group.view());
}

Error different_collectives(const std::vector<Fingerprint>& calls, int group_rank) {
  std::vector<RankPhrase> phrases;
  for (const Fingerprint& call : calls) {
    phrases.push_back({.rank = call.rank, .text = "in " + describe_wholly(call)});
  }
  const Error error("ranks that must meet are in different collectives: " +
                    who_is_where(std::move(phrases)));
  return Error::of_group(error.what(), group_rank == 0);
}

}  // namespace colonnade
