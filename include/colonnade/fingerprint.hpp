// What tells one collective from another: ranks that meet with different fingerprints are in
// different collectives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "colonnade/error.hpp"

namespace colonnade {

enum class DataType : std::uint8_t { byte, int64, float32, float64 };
std::size_t size_of(DataType type);
std::string_view to_string(DataType type);

enum class Collective : std::uint8_t {
  all_gather,
  reduce_scatter,
  all_reduce,
  broadcast,
  barrier,
  split,       // makes a group, and is no traffic
  file,        // opens a file for all ranks, writes it, closes it; no traffic either
  allocation,  // in the memory that ranks have in common, for which a transport may meet by itself
};
/// How many of them, from the first, are counted as traffic.
inline constexpr std::size_t collective_count = 5;
std::string_view to_string(Collective kind);

/// For what a layer communicates, beside its name.
enum class Phase : std::uint8_t { none, forward, backward, gradients };
std::string_view to_string(Phase phase);

/// A text of fixed size, cut where it is longer, so that it can be compared, sent and shown as
/// bytes.
template <std::size_t size>
class ShortText {
 public:
  ShortText() = default;
  explicit ShortText(std::string_view text) { text.copy(letters_.data(), size - 1); }

  std::string_view view() const {
    const std::string_view all(letters_.data(), size);
    return all.substr(0, all.find('\0'));
  }

 private:
  std::array<char, size> letters_{};
};

/// One collective as one rank calls it. No pointers and no gaps: ranks compare its bytes.
struct Fingerprint {
  ShortText<28> site;  // the account it is charged to: a layer, "loss", "norm"
  ShortText<9> group;  // "world", "tp", "dp"
  Collective kind = Collective::barrier;
  DataType type = DataType::byte;
  Phase phase = Phase::none;
  std::int64_t sequence = 0;  // the collectives of this group so far, this one included
  std::int64_t count = 0;     // elements of the whole buffer
  std::int32_t detail = 0;    // a broadcast's root, a reduction and its order, a digest of pieces
  std::int32_t rank = 0;      // of the world; not compared
};
static_assert(sizeof(Fingerprint) == 64);

/// Whether two ranks are in the same collective.
bool same_collective(const Fingerprint& a, const Fingerprint& b);

/// `layers.2 backward reduce-scatter #118 of tp`
std::string describe(const Fingerprint& call);

/// The error of ranks that met in different collectives, whose fingerprints are in group order:
/// `rank 3 is in ...; ranks 0-2 are in ...`. The same on each of them; the first is to report it.
Error different_collectives(const std::vector<Fingerprint>& calls, int group_rank);

}  // namespace colonnade
