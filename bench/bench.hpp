// What the bench programs share: a world, times of repeated work as median and spread over the
// slowest rank, and lines to print them on. Every bench checks its result before it is timed. With
// --try it does so at small sizes, to show that it runs where the true ones would take forever: on
// a pretended GPU, say. Its times then mean nothing.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "colonnade/backend.hpp"
#include "colonnade/device.hpp"
#include "colonnade/device_memory.hpp"
#include "colonnade/mpi.hpp"
#include "colonnade/process_group.hpp"
#include "colonnade/render.hpp"

namespace bench {

using colonnade::ProcessGroup;

/// The command line of a bench.
struct Arguments {
  bool trial = false;              // --try
  std::vector<std::string> words;  // all else

  /// A size, or a number of repetitions: of a measurement, or of a trial.
  template <class Number>
  Number pick(Number measured, Number tried) const {
    return trial ? tried : measured;
  }
};

struct Times {
  double median = 0;  // seconds
  double smallest = 0;
  double largest = 0;
};

/// Of any numbers, with their smallest and largest.
inline Times median_of(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return {numbers[numbers.size() / 2], numbers.front(), numbers.back()};
}

/// Seconds until all that `work` asks for is done. Ranks start it together, and the time is that of
/// the slowest. Collective.
inline double measure_once(ProcessGroup& group, const std::function<void()>& work) {
  colonnade::finish_device_work();
  group.barrier();
  const auto begin = std::chrono::steady_clock::now();
  work();
  colonnade::finish_device_work();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  return group.all_reduce(elapsed.count(), colonnade::Reduction::max);
}

/// Runs `work` once to warm up and then `repetitions` times. Collective.
inline Times measure(ProcessGroup& group, int repetitions, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) seconds.push_back(measure_once(group, work));
  return median_of(std::move(seconds));
}

/// Seconds of two works, done in turn, and their ratio.
struct Comparison {
  Times ratio;
  Times dividend;
  Times divisor;
};

/// Times both in turn, dividend after divisor, so that a machine that grows slower does so for
/// both. Collective.
inline Comparison compare(ProcessGroup& group, int pairs, const std::function<void()>& dividend,
                          const std::function<void()>& divisor) {
  std::vector<double> above, below, ratios;
  for (int i = 0; i < pairs; ++i) {
    below.push_back(measure_once(group, divisor));
    above.push_back(measure_once(group, dividend));
    ratios.push_back(above.back() / below.back());
  }
  return {median_of(ratios), median_of(above), median_of(below)};
}

/// `name   value   (smallest to largest)`, from rank 0.
inline void print(const ProcessGroup& group, const std::string& name, const std::string& value,
                  const std::string& remark = "") {
  if (group.rank() != 0) return;
  std::printf("  %-34s %16s  %s\n", name.c_str(), value.c_str(), remark.c_str());
  std::fflush(stdout);
}

inline std::string spread(const Times& times) {
  return "(" + colonnade::render_duration(times.smallest) + " to " +
         colonnade::render_duration(times.largest) + ")";
}

/// The ratio of a comparison, with its spread and the two medians.
inline void print_ratio(const ProcessGroup& group, const std::string& name,
                        const Comparison& times) {
  using colonnade::render_duration;
  using colonnade::render_fixed;
  print(group, name, render_fixed(times.ratio.median, 3),
        "(" + render_fixed(times.ratio.smallest, 3) + " to " +
            render_fixed(times.ratio.largest, 3) + "), " + render_duration(times.dividend.median) +
            " / " + render_duration(times.divisor.median));
}

/// Ends the bench on all ranks: a wrong result has no speed.
inline void require(bool right, const std::string& what) {
  if (!right) throw colonnade::Error::agreed("wrong result, not timed: " + what);
}

inline Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--try") {
      arguments.trial = true;
    } else {
      arguments.words.emplace_back(argv[i]);
    }
  }
  return arguments;
}

/// A size on the command line.
inline colonnade::Index positive(const std::string& word) {
  colonnade::Index number = 0;
  const char* const end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, number);
  if (parsed.ec == std::errc{} && parsed.ptr == end && number > 0) return number;
  throw colonnade::Error::agreed("wanted a positive number, found " + word);
}

/// main of a bench: sets up the world, prints where it runs, runs `work`.
inline int run_with_words(int argc, char** argv, const std::string& title,
                          const std::function<void(ProcessGroup&, const Arguments&)>& work) {
  colonnade::prepare_backend(argv);
  colonnade::MpiSession mpi(argc, argv);
  ProcessGroup world = mpi.world();
  try {
    const Arguments arguments = parse(argc, argv);
    const colonnade::Device device = colonnade::choose_device(world, {});
    const auto lines = gather_text(world, describe(device, world.rank()));
    if (world.rank() == 0) {
      std::printf("%s%s\n  %s\n", title.c_str(),
                  arguments.trial ? ": A TRIAL, ITS TIMES MEAN NOTHING" : "",
                  colonnade::backend_description().c_str());
      for (const std::string& line : lines) std::printf("  %s\n", line.c_str());
    }
    work(world, arguments);
    return 0;
  } catch (const colonnade::Error& error) {
    if (world.rank() == 0 || !error.is_agreed()) std::fprintf(stderr, "%s\n", error.what());
    if (!error.is_agreed()) mpi.abort(1);
    return 1;
  }
}

/// The same for a bench that has no other option than --try.
inline int run(int argc, char** argv, const std::string& title,
               const std::function<void(ProcessGroup&, const Arguments&)>& work) {
  return run_with_words(argc, argv, title, [&](ProcessGroup& world, const Arguments& arguments) {
    if (!arguments.words.empty()) {
      throw colonnade::Error::agreed("unknown option " + arguments.words.front() +
                                     ": wanted --try or nothing");
    }
    work(world, arguments);
  });
}

}  // namespace bench
