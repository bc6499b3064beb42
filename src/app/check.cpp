// `colonnade check`: a job proven on the ranks that will train it.
#include "colonnade/check.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/job.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

/// Forwards of the whole mesh that the central differences need.
double evaluations(const CheckedJob& checked) {
  const MlpOptions& model = checked.job.model;
  const auto tp = static_cast<double>(checked.job.mesh.tp);
  double elements = 0;
  for (std::size_t i = 0; i + 1 < model.widths.size(); ++i) {
    const auto in = static_cast<double>(model.widths[i]);
    const auto out = static_cast<double>(model.widths[i + 1]);
    const double most = tp * static_cast<double>(checked.samples);
    elements += std::min(in * out, most) + (model.bias ? std::min(out, most) : 0);
  }
  return elements * (model.activation == Activation::relu ? 6 : 2);
}

/// Refuses a check that would take hours: two forwards for each element that is differentiated by,
/// and the training that every rank does by itself.
void check_work(const CheckedJob& checked) {
  const std::vector<Index>& widths = checked.job.model.widths;
  double weights = 0;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    weights += static_cast<double>(widths[i]) * static_cast<double>(widths[i + 1]);
  }
  const double forward = 2 * weights * static_cast<double>(checked.trainer.batch);
  const double ranks = checked.job.mesh.dp * checked.job.mesh.tp;
  const double trainings = checked.job.model.shards > 0 ? 3 : 1;
  const double operations = evaluations(checked) * forward / ranks +
                            trainings * 4 * static_cast<double>(checked.trainer.steps) * forward;
  constexpr double most = 5e12;  // a few minutes on one core
  if (operations <= most) return;
  throw Error(
      "a check of this size would take long",
      {.wanted = "at most 5e12 operations a rank",
       .found = render_fixed(operations / 1e12, 0) + "e12",
       .hint = "choose fewer --samples or --steps, a smaller --batch or narrower --widths"});
}

/// Of a rank: its part of the job, and the whole of it beside, in double; parameters that are
/// compared, and the sample data.
double memory_needed(CheckedJob checked) {
  checked.job.scalar_bytes = sizeof(double);
  Job whole = checked.job;
  whole.mesh = {};
  whole.zero1 = whole.model.recompute = false;
  whole.model.row_parts = 1;
  const std::vector<Index>& widths = whole.model.widths;
  const double data = 3.0 * static_cast<double>(checked.trainer.batch) *
                      static_cast<double>(widths.front() + widths.back()) * sizeof(double);
  const std::vector<Range> own = full_batch(checked.job, checked.trainer, 0);
  const std::vector<Range> all = full_batch(whole, checked.trainer, 0);
  return predict_memory(checked.job, 0, 0, own).total() + predict_memory(whole, 0, 0, all).total() +
         2 * data;
}

void print_line(const CheckLine& line) {
  std::printf("%-44s %11s  %10.1e  %7.0e  %s\n", line.what.c_str(),
              render_count(line.numbers).c_str(), line.error, line.bound,
              line.holds() ? "ok" : "FAILED");
  if (!line.holds()) std::printf("  farthest off: %s\n", line.farthest.c_str());
}

/// `check: every line holds on 4 ranks, dp=2, tp=2`.
void print_table(const CheckedJob& checked, const std::vector<CheckLine>& lines) {
  std::printf("%-44s %11s  %10s  %7s\n", "check, in double where it doesn't say", "numbers",
              "error", "bound");
  for (const CheckLine& line : lines) print_line(line);
  if (checked.job.model.shards == 0) {
    std::printf("%-44s %s\n", "exact: the bits of one rank", "left out; --exact asks for it");
  }
  const auto failed = std::count_if(lines.begin(), lines.end(),
                                    [](const CheckLine& line) { return !line.holds(); });
  std::printf("mesh dp=%d, tp=%d: ", checked.job.mesh.dp, checked.job.mesh.tp);
  if (failed == 0) {
    std::printf("all %zu checks hold\n", lines.size());
  } else {
    std::printf("%td OF %zu CHECKS FAILED\n", failed, lines.size());
  }
}

}  // namespace

int run_check(ProcessGroup& world, const Device& device, const CheckOptions& options) {
  CheckedJob checked{.job = {}, .trainer = options.trainer, .samples = options.samples};
  collectively(world, [&] {
    checked.job = resolve_job(options.model, options.loss, options.parallel, options.clip,
                              checked.trainer, world.size());
    check_work(checked);
    check_memory(memory_needed(checked), device);
  });
  print_devices(world, device);

  std::vector<CheckLine> lines = check_job(world, checked);
  if (checked.job.model.shards > 0) {
    lines.push_back(check_exact_bits_in_double(world, checked));
    if (sizeof(Scalar) != sizeof(double)) lines.push_back(check_exact_bits(world, checked));
  }
  const bool holds =
      std::all_of(lines.begin(), lines.end(), [](const CheckLine& line) { return line.holds(); });
  if (world.rank() == 0) print_table(checked, lines);
  return holds ? 0 : 1;
}

}  // namespace colonnade::app
