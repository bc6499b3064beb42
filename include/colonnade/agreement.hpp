// What all ranks of a job must have in common, compared before anything depends on it: ranks that
// were started differently would wait for one another, or train something that nobody asked for.
#pragma once

#include <span>
#include <string>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// `{"configuration", "--lr", "0.001"}`; for something long a checksum is the value.
struct Fact {
  std::string subject;  // "configuration"
  std::string name;
  std::string value;
};

/// Throws an agreed error if the facts of any rank differ from those of another. It names the first
/// that differs, in the order of rank 0, and the ranks whose value is not that of most ranks (of as
/// many, that of the lowest): `rank 2 has --lr 0.002, the others 0.001`. Ranks may have other
/// numbers of facts. Collective: one small all-gather, where all is well.
void check_agreement(ProcessGroup& world, std::span<const Fact> facts);

}  // namespace colonnade
