#include "zoo/zoo.hpp"

#include <algorithm>
#include <memory>

#include "zoo/checks.hpp"
#include "zoo/gather_chain.hpp"
#include "zoo/model_copies.hpp"
#include "zoo/pair_and_head.hpp"

namespace colonnade::zoo {

namespace {

std::unique_ptr<Network> make_network(ProcessGroup& group, NetworkKind network, Mistake mistake) {
  switch (network) {
    case NetworkKind::gather_chain:
      return std::make_unique<GatherChain>(group, mistake);
    case NetworkKind::pair_and_head:
      return std::make_unique<PairAndHead>(group, mistake);
    case NetworkKind::model_copies:
      return std::make_unique<ModelCopies>(group, mistake);
  }
  return nullptr;
}

}  // namespace

bool Exhibit::caught() const {
  return std::any_of(checks.begin(), checks.end(),
                     [](const CheckLine& line) { return !line.holds(); });
}

void Verdict::add(const Mutant& mutant, const Exhibit& shown, int ranks) {
  if (!mutant.shows_on(ranks)) {
    ++on_several;
    return;
  }
  ++to_catch;
  if (shown.caught()) ++caught;
}

void Verdict::add_right_code(const Exhibit& shown) {
  if (shown.caught()) right_code_holds = false;
}

Exhibit exhibit(ProcessGroup& group, NetworkKind network, Mistake mistake, std::int64_t steps) {
  collectively(group, [&] { GatherChain::check_ranks(group.size()); });
  const auto make = [&](ProcessGroup& ranks) { return make_network(ranks, network, mistake); };
  return {.losses = train(*make(group), steps), .checks = hold_to_checks(group, make)};
}

}  // namespace colonnade::zoo
