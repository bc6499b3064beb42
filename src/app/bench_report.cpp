#include "app/bench_report.hpp"

#include <cstdio>

#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

void print_line(const std::string& name, const std::string& value, const std::string& remark = "") {
  std::printf("  %-34s %16s%s%s\n", name.c_str(), value.c_str(), remark.empty() ? "" : "  ",
              remark.c_str());
}

std::string operations(double per_second) {
  return render_fixed(per_second * 1e-9, 1) + " GFLOP/s";
}

std::string bandwidth(double bytes_per_second) {
  return render_fixed(bytes_per_second * 1e-9, 1) + " GB/s";
}

std::string percent(double share) {
  return render_fixed(100 * share, 1) + " %";
}

void print_memory(const std::string& where, const MemoryRates& rates, double bytes) {
  print_line("memory, an optimizer's update", bandwidth(rates.update),
             "copy " + bandwidth(rates.copy) + ", triad " + bandwidth(rates.triad) + "; " +
                 render_bytes(bytes) + " of arrays " + where);
}

std::string spread(const Times& times) {
  return "(" + render_duration(times.smallest) + " to " + render_duration(times.largest) + ")";
}

void print_message(const MessageLimit& message) {
  const auto& [kind, order, messages, cost] = message.measured;
  const std::string name = std::string(to_string(kind)) + " of " + message.group +
                           (order == SumOrder::tree ? ", along the tree" : "");
  std::string rate = " a call";
  if (cost.seconds_per_byte > 0) {
    rate += ", then " + bandwidth(1 / cost.seconds_per_byte) + " sent by a rank";
  }
  print_line(name, render_duration(cost.latency), rate.substr(1));
}

void print_parts(const BenchResult& result) {
  std::printf("  %-34s %7s %12s %11s %13s\n", "part of a step", "calls", "time", "of the step",
              "of its limit");
  for (const StepPart& part : parts_of(result)) {
    const bool has_calls = part.calls > 0;
    const bool has_limit = part.limit.value_or(0) > 0 && part.seconds > 0;
    std::printf("  %-34s %7s %12s %11s %13s\n", part.name.c_str(),
                has_calls ? render_fixed(part.calls, 0).c_str() : "",
                render_duration(part.seconds).c_str(),
                percent(part.seconds / result.profile.seconds).c_str(),
                has_limit ? percent(*part.limit / part.seconds).c_str() : "");
  }
}

}  // namespace

void print_check(double difference) {
  std::printf("checked: narrow layers train on these ranks as on one, relative difference %.1e\n",
              difference);
  std::fflush(stdout);
}

void print_limits(const BenchResult& result) {
  const MachineLimits& limits = result.limits;
  std::printf("limits, all ranks at once\n");
  print_line("multiply-adds", operations(limits.fma_rate));
  const double rate = result.flops / limit_of(result).products;
  print_line("products of a step, by themselves", operations(rate),
             percent(rate / limits.fma_rate) + " of multiply-adds");
  if (limits.memory) print_memory("beyond the last cache", *limits.memory, limits.memory_bytes);
  print_memory("as large as this job's", limits.near_memory, limits.near_bytes);
  for (const MessageLimit& message : limits.messages) print_message(message);
  std::fflush(stdout);
}

void print_step(const BenchResult& result) {
  const StepLimit limit = limit_of(result);
  const Times& seconds = result.step.seconds;
  const double rate = result.flops / seconds.median;
  std::printf("step: batch %td, %s steps\n", result.trainer.batch,
              render_count(result.step.steps).c_str());
  print_line("a step", render_duration(seconds.median), spread(seconds));
  print_line("its limit", render_duration(limit.total()),
             "products " + render_duration(limit.products) + ", optimizer " +
                 render_duration(limit.update) + ", communication " +
                 render_duration(limit.communication));
  print_line("limit / step", percent(limit.total() / seconds.median),
             "(" + percent(limit.total() / seconds.smallest) + " of the fastest step)");
  print_line("in collectives", render_duration(result.step.communication),
             percent(result.step.communication / seconds.median) + " of it, waiting included");
  print_line("all ranks", operations(rate),
             percent(rate * limit.products / result.flops) + " of the products', " +
                 percent(rate / result.limits.fma_rate) + " of multiply-adds");
  std::printf("rank 0, mean of %s recorded steps of %s\n",
              render_count(result.profile.steps).c_str(),
              render_duration(result.profile.seconds).c_str());
  print_parts(result);
  std::fflush(stdout);
}

}  // namespace colonnade::app
