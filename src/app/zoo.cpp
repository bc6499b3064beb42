// `colonnade zoo`: mistakes that real systems shipped, each beside the right code, and what catches
// it.
#include "zoo/zoo.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/curve.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

using zoo::Exhibit;
using zoo::Mutant;

constexpr int curve_width = 48;

std::vector<const Mutant*> chosen(const std::vector<std::string>& names) {
  std::vector<const Mutant*> mutants;
  for (const Mutant& mutant : zoo::catalogue()) {
    const bool named = std::find(names.begin(), names.end(), mutant.name) != names.end();
    if (names.empty() || named) mutants.push_back(&mutant);
  }
  for (const std::string& name : names) {
    if (zoo::find_mutant(name) != nullptr) continue;
    throw Error("no such mistake in the zoo",
                {.wanted = "a name of 'colonnade zoo --list'", .found = "'" + name + "'"});
  }
  return mutants;
}

/// Its number in docs/math.md.
int number_of(const Mutant& mutant) {
  return static_cast<int>(&mutant - zoo::catalogue().data()) + 1;
}

void print_list() {
  for (const Mutant& mutant : zoo::catalogue()) {
    std::printf("%2d  %-22s %s\n", number_of(mutant), mutant.name, mutant.wrong);
  }
}

// --- One mistake --------------------------------------------------------------------------------

void print_curve(const char* label, const Exhibit& shown, CurveScale scale, const char* remark) {
  std::printf("  %-8s%s  %.3g -> %.3g%s\n", label,
              render_curve(shown.losses, scale, curve_width).c_str(), shown.losses.front(),
              shown.losses.back(), remark);
}

void print_caught(const Exhibit& shown) {
  const char* label = "caught";
  for (const CheckLine& line : shown.checks) {
    if (line.holds()) continue;
    // Bytes and ranks are counted in whole numbers.
    std::printf(line.bound == 0 ? "  %-8s%-24s error %-8.0f bound %-7g %s\n"
                                : "  %-8s%-24s error %-8.2g bound %-7.0e %s\n",
                label, line.what.c_str(), line.error, line.bound, line.farthest.c_str());
    label = "";
  }
}

/// What the mistakes are held against: the same networks without one.
using Healthy = std::map<zoo::NetworkKind, Exhibit>;

void print_mutant(const Mutant& mutant, const Exhibit& healthy, const Exhibit& shown, int ranks) {
  const CurveScale scale = widened(widened({}, healthy.losses), shown.losses);
  std::printf("%s: mistake %d of docs/math.md, in src/zoo/%s.cpp\n", mutant.name, number_of(mutant),
              zoo::to_string(mutant.network));
  std::printf("  right   %s\n  wrong   %s\n  unseen  %s\n", mutant.right, mutant.wrong,
              mutant.unseen);
  print_curve("right", healthy, scale, "");
  print_curve("wrong", shown, scale,
              shown.loss_falls() ? ", falls all the same" : ", does not fall");
  print_caught(shown);
  if (!shown.caught()) {
    std::printf("  caught  %s\n", mutant.shows_on(ranks) ? "BY NOTHING" : "by nothing on one rank");
  }
  std::printf("\n");
}

// --- All of them --------------------------------------------------------------------------------

/// `central differences, adjoint identity and 3 more`
std::string caught_by(const Exhibit& shown) {
  constexpr int most = 3;
  std::string names;
  int caught = 0;
  for (const CheckLine& line : shown.checks) {
    if (!line.holds() && ++caught <= most) names += (caught > 1 ? ", " : "") + line.what;
  }
  if (caught > most) names += " and " + std::to_string(caught - most) + " more";
  return caught == 0 ? "nothing" : names;
}

void print_row(const std::string& name, const Exhibit& shown) {
  std::printf("%-21s  %-5s  %s\n", name.c_str(), shown.loss_falls() ? "yes" : "no",
              caught_by(shown).c_str());
}

void print_verdict(const zoo::Verdict& verdict, int ranks) {
  std::printf("on %d %s: %d of %d caught, the right code: %s\n", ranks,
              ranks == 1 ? "rank" : "ranks", verdict.caught, verdict.to_catch,
              verdict.right_code_holds ? "nothing" : "CAUGHT TOO");
  if (verdict.on_several > 0) {
    std::printf("%d more show on several ranks only: on one they change nothing\n",
                verdict.on_several);
  }
}

}  // namespace

int run_zoo(ProcessGroup& world, const ZooOptions& options) {
  std::vector<const Mutant*> mutants;
  collectively(world, [&] { mutants = chosen(options.names); });
  const bool speaks = world.rank() == 0;
  if (options.list) {
    if (speaks) print_list();
    return 0;
  }

  if (speaks) {
    std::printf("losses of %s %s, on a logarithmic scale that right and wrong share\n\n",
                render_count(options.steps).c_str(), options.steps == 1 ? "step" : "steps");
  }
  Healthy healthy;
  std::vector<Exhibit> shown;
  zoo::Verdict verdict;
  for (const Mutant* mutant : mutants) {
    const zoo::NetworkKind network = mutant->network;
    if (healthy.count(network) == 0) {
      healthy[network] = zoo::exhibit(world, network, zoo::Mistake::none, options.steps);
      verdict.add_right_code(healthy[network]);
    }
    shown.push_back(zoo::exhibit(world, network, mutant->mistake, options.steps));
    verdict.add(*mutant, shown.back(), world.size());
    if (speaks) print_mutant(*mutant, healthy[network], shown.back(), world.size());
  }

  if (speaks) {
    std::printf("%-21s  %-5s  caught by\n", "mistake", "falls");
    for (std::size_t i = 0; i < mutants.size(); ++i) print_row(mutants[i]->name, shown[i]);
    for (const auto& [network, exhibit] : healthy) {
      print_row(std::string("none, ") + zoo::to_string(network), exhibit);
    }
    print_verdict(verdict, world.size());
  }
  return verdict.holds() ? 0 : 1;
}

}  // namespace colonnade::app
