// Solutions of chapter 17; exits with 1 if one is wrong.

#include "colonnade/plan.hpp"
#include "colonnade/training_step.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

// Exercise 1: the fewest ranks, a power of two, that a copy must be cut among to fit into `bytes`
// on each.
int fewest_ranks(const MlpOptions& model, Index batch, double bytes) {
  int ranks = 1;
  const std::vector<Range> rows = {{0, batch}};
  while (predict_memory({.model = model, .mesh = {1, ranks}}, 0, 0, rows).total() > bytes)
    ranks *= 2;
  return ranks;
}

bool fits_on_four() {
  const MlpOptions wide = {.widths = {4096, 16384, 4096}, .layout = Layout::pair};
  constexpr double gib = 1024.0 * 1024 * 1024;
  return fewest_ranks(wide, 256, 4 * gib) == 1 && fewest_ranks(wide, 256, 0.6 * gib) == 4;
}

// Exercise 2: the width at which a layer in the middle of a chain computes as long as it sends.
// Each of P ranks sends 2 (P - 1) / P B D numbers of 4 bytes and computes 6 B D^2 / P operations.
double width_in_balance(int ranks, double operations_a_second, double bytes_a_second) {
  return 4.0 * (ranks - 1) * operations_a_second / (3 * bytes_a_second);
}

bool bytes_are_as_said() {
  const Job job = {.model = {.widths = {64, 64, 64, 64}}, .mesh = {1, 4}};
  const std::vector<Range> rows = {{0, 10}};
  std::int64_t bytes = 0;
  for (const LedgerLine& line : predict_traffic(job, 0, 0, rows))
    if (line.account == "layers.1") bytes += line.bytes_sent;
  return bytes == 2 * 3 * 10 * 64 * 4 / 4;
}

bool balance() {
  // 80 GFLOP/s a rank: one host to another at 1 Gbit/s, then at 100 Gbit/s.
  const double slow = width_in_balance(2, 80e9, 0.12e9), fast = width_in_balance(2, 80e9, 12e9);
  return bytes_are_as_said() && std::lround(slow) == 889 && std::lround(fast) == 9;
}

}  // namespace

int main() {
  const bool first = check("1: the fewest ranks that a job fits on", fits_on_four());
  const bool second = check("2: the width at which wire and cores take as long", balance());
  return first && second ? 0 : 1;
}
