// A step that is told: what ranks say they have of each matrix, held to their numbers.
#include <algorithm>
#include <string>
#include <vector>

#include "app/explain.hpp"
#include "app/job.hpp"
#include "harness.hpp"
#include "sample_job.hpp"

using namespace colonnade;
using namespace colonnade::app;
using harness::error_of;

namespace {

struct Case {
  std::string name;
  Job job = {.model = {.widths = {5, 6, 7, 4}}};
  TrainerOptions trainer = {.batch = 5};
};

Case with(const std::string& name, void (*change)(Case&)) {
  Case made;
  made.name = name;
  change(made);
  return made;
}

constexpr auto cut_entropy = [](Case& c) { c.job.loss.kind = LossKind::cross_entropy; };
constexpr auto pairs = [](Case& c) { c.job.model.layout = Layout::pair; };

/// Of what a step can be made of, with each choice once at least.
std::vector<Case> cases() {
  return {
      with("gather", [](Case&) {}),
      with("pair", pairs),
      with("pair, a last layer of rows",
           [](Case& c) {
             pairs(c);
             c.job.model.widths = {5, 6, 4};
           }),
      with("cross-entropy", cut_entropy),
      with("cross-entropy, a last layer of rows",
           [](Case& c) {
             pairs(c);
             cut_entropy(c);
             c.job.model.widths = {5, 6, 4};
             c.job.loss.label_smoothing = 0.1;
           }),
      with("dropout and recomputing",
           [](Case& c) {
             pairs(c);
             c.job.model.dropout = 0.3;
             c.job.model.recompute = true;
             c.job.model.bias = false;
           }),
      with("parts of the rows", [](Case& c) { c.job.model.row_parts = 2; }),
      with("parts of the rows, in pairs",
           [](Case& c) {
             pairs(c);
             c.job.model.row_parts = 2;
           }),
      with("micro-batches",
           [](Case& c) {
             c.trainer.accumulate = 2;
             c.job.model.activation = Activation::relu;
             c.job.clip = 0.1;
           }),
  };
}

Story told(ProcessGroup& world, const Case& chosen) {
  return watch_step(world, chosen.job, chosen.trainer);
}

Story told_by_one(const Case& chosen) {
  ProcessGroup alone = ProcessGroup::self();
  return watch_step(alone, on_one_rank(chosen.job), on_one_rank(chosen.trainer));
}

/// The first computation of a name at a site.
const StoryMatrix& matrix_of(const Story& story, const std::string& site, const std::string& name) {
  for (const StoryStep& step : story.steps)
    for (const StoryMatrix& matrix : step.matrices)
      if (matrix.site == site && matrix.name == name) return matrix;
  throw Error("no such matrix: " + name);
}

const StoryCall& call_of(const Story& story, const std::string& account, Collective kind) {
  for (const StoryStep& step : story.steps)
    if (step.call && step.call->account == account && step.call->kind == kind) return *step.call;
  throw Error("no such call: " + account);
}

}  // namespace

// watch_step itself holds the bytes to the counts and to the plan.
RANKS_TEST_CASE("explain: put together as told, all matrices are those of one rank", "1-4") {
  for (Case& chosen : cases()) {
    CAPTURE(chosen.name);
    chosen.job.mesh = {1, world.size()};
    const Story story = told(world, chosen);
    CHECK(error_of([&] { check_numbers(story, told_by_one(chosen), rounding_of_sums()); }) == "");
  }
}

RANKS_TEST_CASE("explain: so they are on meshes, with and without cut moments", "2 4") {
  for (Case& chosen : cases()) {
    for (const bool zero1 : {false, true}) {
      CAPTURE(chosen.name);
      CAPTURE(zero1);
      chosen.job.mesh = {2, world.size() / 2};
      chosen.job.zero1 = zero1;
      chosen.trainer.batch = 9;
      const Story story = told(world, chosen);
      CHECK(error_of([&] { check_numbers(story, told_by_one(chosen), rounding_of_sums()); }) == "");
    }
  }
}

RANKS_TEST_CASE("explain: exact mode, whose gradients are joined along the tree", "1 2 4") {
  Case chosen;
  chosen.job.model.shards = 4;
  chosen.job.mesh = {world.size() > 1 ? 2 : 1, world.size() > 1 ? world.size() / 2 : 1};
  chosen.trainer.batch = 8;
  chosen.trainer.row_blocks = 4;
  const Story story = told(world, chosen);
  chosen.trainer.row_blocks = 1;
  CHECK(error_of([&] { check_numbers(story, told_by_one(chosen), rounding_of_sums()); }) == "");
}

RANKS_TEST_CASE("explain: states are named as the layers make them", "2-4") {
  Case chosen;
  chosen.job.model.layout = Layout::pair;
  chosen.job.mesh = {1, world.size()};
  const Story story = told(world, chosen);
  CHECK(matrix_of(story, "layers.0", "X").tp == Spread::replicated);
  CHECK(matrix_of(story, "layers.0", "W").tp == Spread::sharded);
  CHECK(matrix_of(story, "layers.0", "Z").tp == Spread::sharded);
  CHECK(matrix_of(story, "layers.1", "X").tp == Spread::sharded);
  CHECK(matrix_of(story, "layers.1", "Z").tp == Spread::partial);
  CHECK(matrix_of(story, "layers.1", "b").tp == Spread::replicated);
  CHECK(matrix_of(story, "layers.2", "dX").tp == Spread::partial);
  const StoryCall& sum = call_of(story, "layers.1", Collective::all_reduce);
  CHECK(sum.before->tp == Spread::partial);
  CHECK(sum.after->tp == Spread::replicated);
  CHECK(describe_spread(*sum.before) == "partial sums");
  CHECK(describe_spread(matrix_of(story, "layers.0", "W")) == "sharded by columns");
  CHECK(describe_spread(matrix_of(story, "layers.1", "W")) == "sharded by rows");
}

// Then db and dZ are the same numbers, and dZ is what travels.
RANKS_TEST_CASE("explain: of a single sample no gradient of a bias is gathered", "2") {
  Case chosen;
  pairs(chosen);
  cut_entropy(chosen);
  chosen.job.model.widths = {5, 6, 4};
  chosen.job.mesh = {1, 2};
  for (const Index rows : {1, 2}) {
    CAPTURE(rows);
    chosen.trainer.batch = chosen.trainer.accumulate = rows;
    const Story story = told(world, chosen);
    CHECK(call_of(story, "layers.1", Collective::all_gather).before->name == "dZ");
    CHECK(error_of([&] { check_numbers(story, told_by_one(chosen), rounding_of_sums()); }) == "");
  }
}

RANKS_TEST_CASE("explain: who sends what to whom", "3") {
  Case chosen;
  chosen.job.mesh = {1, 3};
  const Story story = told(world, chosen);
  const Index number = sizeof(Scalar);
  const StoryCall& gather = call_of(story, "layers.0", Collective::all_gather);
  CHECK(sentences(gather).front() == "rank 0 sends columns 0-1 of Y to ranks 1 and 2: " +
                                         std::to_string(5 * 2 * number) + " bytes each");
  CHECK(gather.bytes_sent == std::vector<Index>(3, 2 * 5 * 2 * number));
  const StoryCall& norm = call_of(story, "norm", Collective::all_reduce);
  CHECK(norm.before->cols == 6);
  CHECK(sentences(norm).back() == "2 more numbers go along in the same messages");
  const StoryCall& scatter = call_of(story, "layers.2", Collective::reduce_scatter);
  CHECK(sentences(scatter).front() ==
        "rank 0 sends its part of the sum's columns 3-4 of dX to "
        "rank 1: " +
            std::to_string(5 * 2 * number) + " bytes");
}

RANKS_TEST_CASE("explain: a number, a place or a state that is wrong is found", "2") {
  Case chosen;
  chosen.job.model.layout = Layout::pair;
  chosen.job.mesh = {1, 2};
  const Story story = told(world, chosen);
  const Story one = told_by_one(chosen);
  const auto verdict = [&](const auto& change) {
    Story wrong = story;
    for (StoryStep& step : wrong.steps)
      for (StoryMatrix& matrix : step.matrices) change(matrix);
    return error_of([&] { check_numbers(wrong, one, rounding_of_sums()); });
  };
  const auto is = [](const StoryMatrix& matrix, const char* site, const char* name) {
    return matrix.site == site && matrix.name == name;
  };
  CHECK(verdict([](StoryMatrix&) {}) == "");
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.0", "Z")) m.ranks[1].values[0] += 1;
        }).find("Z of layers.0") == 0);
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.1", "Z")) m.tp = Spread::replicated;
        }).find("copies of Z of layers.1 differ") == 0);
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.0", "X")) m.tp = Spread::partial;
        }).find("X of layers.0") == 0);
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.0", "W")) std::swap(m.ranks[0], m.ranks[1]);
        }) == "");  // who has which part is all the same to the whole
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.0", "W")) std::swap(m.ranks[0].values, m.ranks[1].values);
        }).find("W of layers.0") == 0);
  CHECK(verdict([&](StoryMatrix& m) {
          if (is(m, "layers.0", "W")) m.ranks[1] = m.ranks[0];
        }).find("the ranks' parts of W") == 0);
}
