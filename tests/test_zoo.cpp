// The checks are checked: each mistake of the zoo must turn one red, and the right code none. The
// networks of the zoo are also held to the library, lest they be right about something else.
#ifdef COLONNADE_DOUBLE  // it is the same code in either program; once is enough

#include "zoo/zoo.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/mlp.hpp"
#include "harness.hpp"
#include "numbers.hpp"
#include "zoo/gather_chain.hpp"
#include "zoo/model_copies.hpp"
#include "zoo/pair_and_head.hpp"

using namespace colonnade;
using namespace colonnade::zoo;

namespace {

constexpr std::int64_t steps = 2;

/// The check that is made for a mistake, as docs/math.md has it: on several ranks, and on one,
/// where nothing sees those without.
struct Catch {
  std::string on_several;
  std::string on_one;
};

const std::map<std::string, Catch> wanted = {
    {"derivative-at-output", {"central differences", "central differences"}},
    {"other-gelu", {"central differences", "central differences"}},
    {"output-for-input", {"central differences", "central differences"}},
    {"transposed-gradient", {"central differences", "central differences"}},
    {"sliced-along-inputs", {"central differences", ""}},
    {"weight-not-transposed", {"central differences", "central differences"}},
    {"gathered-for-summed", {"adjoint identity", ""}},
    {"one-seed-for-all", {"parity of outputs", "repeated values"}},
    {"local-width-scale", {"parity of outputs", ""}},
    {"work-for-nothing", {"counted bytes", "counted products"}},
    {"mean-for-sum", {"adjoint identity", ""}},
    {"complete-summed", {"central differences", ""}},
    {"bias-before-sum", {"parity of outputs", ""}},
    {"same-seed-on-ranks", {"repeated values", ""}},
    {"local-class-count", {"central differences", ""}},
    {"replicas-in-norm", {"parity of norms", ""}},
    {"local-norm", {"comparison of ranks", ""}},
    {"mean-of-means", {"parity of gradients", ""}},
    {"missing-gather", {"parity of outputs", ""}},
    {"missing-sum", {"counted bytes", ""}},
    {"unsummed-copies", {"parity after 5 steps", ""}},
    {"stale-cache", {"central differences", "central differences"}},
};

std::set<std::string> red_checks(const Exhibit& shown) {
  std::set<std::string> names;
  for (const CheckLine& line : shown.checks)
    if (!line.holds()) names.insert(line.what);
  return names;
}

/// The library's model of the same job, with the same parameters, gives the same output.
void compare_with_library(Network& network, const std::string& input) {
  const Job job = network.job();
  ProcessGroup self = ProcessGroup::self();
  Mlp model(job.mesh.dp > 1 ? self : network.group(), job.model);
  const auto parameters = network.parameters();
  REQUIRE(parameters.size() == model.parameters().size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Parameter& theirs = *model.parameters()[i];
    CHECK(parameters[i]->name == theirs.name);
    CHECK(parameters[i]->owned_rows == theirs.owned_rows);
    CHECK(parameters[i]->owned_cols == theirs.owned_cols);
    if (!theirs.is_bias) CHECK(harness::distance(parameters[i]->value, theirs.value) == 0);
    theirs.value = parameters[i]->value.clone();
  }
  const Tensor x = sample_data(network.batch(), job.model.widths.front(), job.model.seed, input);
  const Tensor y = network.output();
  const Tensor want = model.forward(x.clone()).y;
  CHECK(harness::distance(y.columns(model.output().y), want) <= harness::rounding);
}

Exhibit exhibit_whose_check(bool holds) {
  return {.losses = {1, 0.5},
          .checks = {{.what = "a check", .error = holds ? 0 : 1.0, .bound = 0.5}}};
}

}  // namespace

TEST_CASE(
    "every mistake of the zoo has a name and an order of its own, the ten of the script first") {
  std::set<std::string> names;
  std::set<Mistake> mistakes;
  int number = 0;
  for (const Mutant& mutant : catalogue()) {
    CAPTURE(std::string(mutant.name));
    CHECK(static_cast<int>(mutant.mistake) == ++number);
    CHECK(names.insert(mutant.name).second);
    CHECK(mistakes.insert(mutant.mistake).second);
    CHECK(find_mutant(mutant.name) == &mutant);
    CHECK(std::string(mutant.name).find_first_not_of("abcdefghijklmnopqrstuvwxyz-") ==
          std::string::npos);
  }
  CHECK(number == static_cast<int>(Mistake::stale_cache));  // the last of the enum
  CHECK(find_mutant("none") == nullptr);

  const std::vector<Mistake> of_the_script = {
      Mistake::derivative_at_output, Mistake::other_gelu,          Mistake::output_for_input,
      Mistake::transposed_gradient,  Mistake::sliced_along_inputs, Mistake::weight_not_transposed,
      Mistake::gathered_for_summed,  Mistake::one_seed_for_all,    Mistake::local_width_scale,
      Mistake::work_for_nothing};
  for (std::size_t i = 0; i < of_the_script.size(); ++i) {
    CHECK(catalogue()[i].mistake == of_the_script[i]);
  }
}

RANKS_TEST_CASE("every mistake of the zoo is caught, and the right code is not", "1-4 6") {
  std::set<std::string> all_checks, all_red;
  for (const NetworkKind network : all_networks) {
    const Exhibit right = exhibit(world, network, Mistake::none, steps);
    CAPTURE(std::string(to_string(network)));
    CHECK(right.loss_falls());
    for (const CheckLine& line : right.checks) {
      CAPTURE(line.what);
      CAPTURE(line.farthest);
      CHECK(line.error <= line.bound);
      CHECK(line.numbers > 0);
      all_checks.insert(line.what);
    }
  }
  for (const Mutant& mutant : catalogue()) {
    CAPTURE(std::string(mutant.name));
    const Exhibit shown = exhibit(world, mutant.network, mutant.mistake, steps);
    const Catch& check = wanted.at(mutant.name);
    const std::string& name = world.size() > 1 ? check.on_several : check.on_one;
    std::set<std::string> red = red_checks(shown);
    CHECK(mutant.shows_on_one_rank == !check.on_one.empty());
    CHECK(red.empty() == name.empty());
    CHECK(red.count(name) == (name.empty() ? 0 : 1));
    // A mistake is no rounding: the closest is the derivative of the other GELU.
    for (const CheckLine& line : shown.checks)
      CHECK((line.holds() || line.error > 100 * line.bound));
    all_red.merge(red);
  }
  // No check is there for nothing.
  if (world.size() > 1) CHECK(all_red == all_checks);
}

RANKS_TEST_CASE("an exhibit is the same on all ranks", "2 3") {
  for (const Mistake mistake : {Mistake::none, Mistake::local_class_count, Mistake::local_norm}) {
    const Exhibit shown = exhibit(world, NetworkKind::pair_and_head, mistake, steps);
    REQUIRE_ALL(world, shown.losses.size() == steps + 1);
    for (const double loss : shown.losses) {
      for (const double other : world.all_gather(loss)) CHECK(other == loss);
    }
    for (const CheckLine& line : shown.checks) {
      for (const double other : world.all_gather(line.error)) CHECK(other == line.error);
    }
  }
}

RANKS_TEST_CASE("the right code of the zoo computes what the library computes", "1-4") {
  GatherChain chain(world, Mistake::none);
  compare_with_library(chain, "data");
  PairAndHead pair(world, Mistake::none);
  compare_with_library(pair, "data");
  ModelCopies copies(world, Mistake::none);
  compare_with_library(copies, "data");
}

RANKS_TEST_CASE("the zoo refuses numbers of ranks that its mistakes can't be made on", "5") {
  const std::string error =
      harness::error_of([&] { exhibit(world, NetworkKind::gather_chain, Mistake::none, steps); });
  CHECK(error.find("1, 2, 3, 4, 6 or 12 ranks, found 5") != std::string::npos);
}

TEST_CASE("the verdict on the zoo is bad if a mistake gets through, or the right code doesn't") {
  const Exhibit holds = exhibit_whose_check(true), fails = exhibit_whose_check(false);
  CHECK_FALSE(holds.caught());
  CHECK(fails.caught());
  const Mutant& anywhere = *find_mutant("other-gelu");
  const Mutant& on_several = *find_mutant("mean-for-sum");

  Verdict verdict;
  verdict.add_right_code(holds);
  verdict.add(anywhere, fails, 1);
  verdict.add(on_several, holds, 1);
  CHECK(verdict.holds());
  CHECK(verdict.caught == 1);
  CHECK(verdict.on_several == 1);

  Verdict missed = verdict;
  missed.add(on_several, holds, 2);
  CHECK_FALSE(missed.holds());
  missed = verdict;
  missed.add(anywhere, holds, 1);
  CHECK_FALSE(missed.holds());
  verdict.add_right_code(fails);
  CHECK_FALSE(verdict.holds());
}

#endif
