// The zoo: mistakes that real tensor-parallel systems shipped, each in a small network of its own
// that trains before the reader's eyes, and the checks that catch it. In double whatever the build,
// as the proof is: there is no Scalar in this header.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "colonnade/check.hpp"
#include "colonnade/process_group.hpp"
#include "zoo/mistake.hpp"

namespace colonnade::zoo {

/// The networks in which mistakes are planted, each the smallest in which its mistakes can be made.
enum class NetworkKind {
  gather_chain,   // square column-parallel layers, every output gathered; mean square
  pair_and_head,  // column, row, and a head cut by classes; cross-entropy, clipping
  model_copies,   // data parallelism: every rank has the model, and its own rows
};
inline constexpr NetworkKind all_networks[] = {
    NetworkKind::gather_chain, NetworkKind::pair_and_head, NetworkKind::model_copies};

/// A mistake with a name. Sentences are for people and end without a full stop.
struct Mutant {
  Mistake mistake;
  const char* name;  // as `colonnade zoo` takes it
  NetworkKind network;
  const char* right;   // what the formula is
  const char* wrong;   // and what was computed
  const char* unseen;  // why nobody saw it
  bool shows_on_one_rank;

  bool shows_on(int ranks) const { return ranks > 1 || shows_on_one_rank; }
};

/// All of them, in the order of docs/math.md, which counts them from 1.
std::span<const Mutant> catalogue();

/// The one of this name, or null.
const Mutant* find_mutant(std::string_view name);

/// `gather_chain`: its mistakes stand in src/zoo/gather_chain.cpp.
const char* to_string(NetworkKind network);

/// What became of a network with a mistake in it, or none.
struct Exhibit {
  std::vector<double> losses;     // before each optimizer step, and after the last
  std::vector<CheckLine> checks;  // those that a network of this kind can be held to

  bool loss_falls() const { return losses.back() < losses.front(); }
  /// A check that doesn't hold.
  bool caught() const;
};

/// What a run of several mistakes has found.
struct Verdict {
  int to_catch = 0;  // mistakes that show on this number of ranks
  int caught = 0;
  int on_several = 0;  // mistakes that show on several ranks, on one
  bool right_code_holds = true;

  void add(const Mutant& mutant, const Exhibit& shown, int ranks);
  void add_right_code(const Exhibit& shown);
  /// Every mistake is caught, and the right code is not.
  bool holds() const { return caught == to_catch && right_code_holds; }
};

/// Trains the network with the mistake in it for `steps` steps and holds it to every check. Throws,
/// the same on every rank, if the ranks don't divide the chain's width. Collective; the same answer
/// on all ranks.
Exhibit exhibit(ProcessGroup& group, NetworkKind network, Mistake mistake, std::int64_t steps);

}  // namespace colonnade::zoo
