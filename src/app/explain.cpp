// `colonnade explain`: one step of a small job, with every number and every message.
#include "app/explain.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include "app/commands.hpp"
#include "app/job.hpp"
#include "colonnade/file.hpp"
#include "colonnade/render.hpp"
#include "sample_job.hpp"

namespace colonnade::app {

namespace {

void check_at_most(const std::string& what, Index most, Index found) {
  if (found <= most) return;
  throw Error("too large to be told number by number: " + what,
              {.wanted = "at most " + std::to_string(most), .found = std::to_string(found)});
}

void check_size(const Job& job, const TrainerOptions& trainer) {
  check_at_most("--widths of so many layers", 6, std::ssize(job.model.widths) - 1);
  for (const Index width : job.model.widths) check_at_most("a width", 16, width);
  check_at_most("--batch", 16, trainer.batch);
  check_at_most("ranks", 8, Index{job.mesh.dp} * job.mesh.tp);
}

/// All ranks must go through the same steps to be told side by side.
void check_rows(const Job& job, const TrainerOptions& trainer) {
  for (int dp_rank = 0; dp_rank < job.mesh.dp; ++dp_rank) {
    for (const Range rows : full_batch(job, trainer, dp_rank)) {
      if (rows.size() >= job.model.row_parts) continue;
      throw Error(
          "--batch " + std::to_string(trainer.batch) +
              " leaves a micro-batch of a rank with too few rows",
          {.wanted = job.model.row_parts == 1 ? "at least 1"
                                              : "at least " + std::to_string(job.model.row_parts) +
                                                    ", one for each part of --overlap",
           .found = std::to_string(rows.size()),
           .hint = "choose a larger --batch"});
    }
  }
}

}  // namespace

int run_explain(ProcessGroup& world, const ExplainOptions& options) {
  TrainerOptions trainer = options.trainer;
  Job job;
  collectively(world, [&] {
    job = resolve_job(options.model, options.loss, options.parallel, options.clip, trainer,
                      world.size());
    check_size(job, trainer);
    check_rows(job, trainer);
  });
  const Story story = watch_step(world, job, trainer);
  ProcessGroup alone = ProcessGroup::self();
  TrainerOptions plain = on_one_rank(trainer);
  plain.row_blocks = std::min(plain.row_blocks, Index{1});  // to see all samples at once
  const Story on_one = watch_step(alone, on_one_rank(job), plain);
  collectively(world, [&] {
    const int matrices = check_numbers(story, on_one, rounding_of_sums());
    if (world.rank() != 0) return;
    const std::string verdict = "Put together as they say they belong, all " +
                                render_count(matrices) + " matrices are those of one rank.";
    std::printf("One training step. %s.\n%s\n", facts_of(story).c_str(), verdict.c_str());
    if (options.html.empty()) {
      std::fputs(explain_as_text(story).c_str(), stdout);
    } else {
      replace_file(options.html, explain_as_page(story, verdict));
      std::printf("The page is %s.\n", options.html.c_str());
    }
  });
  return 0;
}

}  // namespace colonnade::app
