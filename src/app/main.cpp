// Joins the world, reads the command line, runs the command. The only place that catches errors: an
// agreed one is printed by one rank and all end in order; a rank that fails alone ends the job.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/commands.hpp"
#include "app/configuration.hpp"
#include "app/options.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/device_memory.hpp"
#include "colonnade/mpi.hpp"
#include "colonnade/spawn.hpp"
#include "colonnade/watchdog.hpp"

namespace {

using namespace colonnade;
using Arguments = std::vector<std::string>;

/// The others wait in a library that this thread must not call. mpiexec ends them when a rank has
/// left without a word.
[[noreturn]] void end_job(const std::string& report) {
  const std::string line = "colonnade: " + report + "\n";
  // A rank that waits for its output to be read may hold the streams' locks.
  if (write(STDERR_FILENO, line.data(), line.size()) > 0 && ftrylockfile(stdout) == 0)
    std::fflush(stdout);
  _exit(1);
}

Device device_for(ProcessGroup& world, const app::CommandLine& line) {
  DeviceOptions options = line.device;
  // They show numbers and time nothing: one GPU does for all their ranks.
  if (line.command == app::Command::explain || line.command == app::Command::zoo) {
    options.share_gpus = true;
    let_host_reach_device_memory();
  }
  // These compute nothing.
  if (line.command == app::Command::train_mlp && line.train.dry_run) {
    options.share_gpus = true;
    options.needs_gpu = false;
  }
  if (line.command == app::Command::info) options.needs_gpu = false;
  Device device = choose_device(world, options);
  if (line.device.share_gpus && device.gpu.empty()) {
    throw Error::agreed(Error("--share-gpus: there are none to share",
                              {.wanted = "a program that was built with BACKEND=cuda",
                               .found = backend_description()})
                            .what());
  }
  return device;
}

int run_command(ProcessGroup& world, const app::CommandLine& line,
                std::optional<Watchdog>& watchdog) {
  if (line.command == app::Command::print) {
    if (world.rank() == 0) std::fputs(line.text.c_str(), stdout);
    return 0;
  }
  if (watchdog) watchdog->watch(world);
  if (line.command == app::Command::inspect) return app::run_inspect(world, line.inspect);
  if (line.command == app::Command::report) return app::run_report(world, line.report);
  const Device device = device_for(world, line);
  switch (line.command) {
    case app::Command::train_mlp:
      return app::run_train_mlp(world, device, line.train);
    case app::Command::bench_mlp:
      return app::run_bench_mlp(world, device, line.bench);
    case app::Command::check:
      return app::run_check(world, device, line.check);
    case app::Command::explain:
      return app::run_explain(world, line.explain);
    case app::Command::predict:
      return app::run_predict(world, device, line.predict);
    case app::Command::demo:
      return app::run_demo(world, device, line.demo);
    case app::Command::zoo:
      return app::run_zoo(world, line.zoo);
    default:
      return app::run_info(world, device);
  }
}

void print_error(const std::exception& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "colonnade: %s\n", error.what());
}

/// Every rank a process that mpiexec started, or this process alone.
int run_on_processes(int& argc, char**& argv, const Arguments& arguments) {
  std::optional<Watchdog> watchdog;  // answers questions until MPI is down
  MpiSession mpi(argc, argv);
  ProcessGroup world = mpi.world();
  try {
    app::CommandLine line;
    collectively(world, [&] {
      line = app::parse_command_line(arguments);
      if (line.ranks > 0) {
        throw Error("--ranks doesn't go with mpiexec", {.hint = "leave one of them out"});
      }
    });
    check_agreement(world, app::facts_of(line));  // before any collective that depends on it
    if (line.transport != TransportChoice::automatic) world = mpi.world(line.transport);
    if (line.watchdog > 0) watchdog.emplace(line.watchdog, end_job);
    return run_command(world, line, watchdog);
  } catch (const std::exception& error) {
    const auto* ours = dynamic_cast<const Error*>(&error);
    const bool agreed = ours != nullptr && ours->is_agreed();
    // The rank that speaks for this one ends the job, unless something ended that rank.
    if (ours != nullptr && !ours->speaks()) std::this_thread::sleep_for(std::chrono::seconds(3));
    if (!agreed || world.rank() == 0) print_error(error);
    if (!agreed && world.size() > 1) mpi.abort(1);
    return 1;
  }
}

/// Every rank a thread of this process.
int run_on_threads(const app::CommandLine& line) {
  int exit_code = 0;
  std::optional<Watchdog> watchdog;
  if (line.watchdog > 0) watchdog.emplace(line.watchdog, end_job);
  spawn(line.ranks, [&](ProcessGroup& world) {
    check_agreement(world, app::facts_of(line));
    const int result = run_command(world, line, watchdog);
    if (world.rank() == 0) exit_code = result;
  });
  return exit_code;
}

/// The command line if it asks for ranks as threads and there are no others. One that can't be read
/// doesn't: the ranks of MPI read it again and agree on what is wrong with it.
std::optional<app::CommandLine> line_with_ranks(const Arguments& arguments) {
  const char* started_by_mpiexec = std::getenv("PMI_SIZE");
  if (started_by_mpiexec != nullptr && std::string(started_by_mpiexec) != "1") return std::nullopt;
  try {
    app::CommandLine line = app::parse_command_line(arguments);
    if (line.command == app::Command::explain && line.ranks == 0) line.ranks = app::explain_ranks;
    if (line.command == app::Command::zoo && line.ranks == 0) line.ranks = app::zoo_ranks;
    if (line.ranks > 0) return line;
  } catch (const std::exception&) {
  }
  return std::nullopt;
}

/// A file that grows beyond its limit is an error of the write, with our message. And libraries
/// below MPI catch a hangup when they are loaded, so that a job would survive its terminal; one
/// that asked for that, as nohup does, ignores it.
void restore_signals() {
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    std::signal(SIGHUP, SIG_DFL);
  }
}

}  // namespace

int main(int argc, char** argv) {
  prepare_backend(argv);
  restore_signals();
  try {
    const Arguments arguments(argv + 1, argv + argc);
    const auto line = line_with_ranks(arguments);
    const int exit_code = line ? run_on_threads(*line) : run_on_processes(argc, argv, arguments);
    const bool flushed = std::fflush(stdout) == 0;
    if (flushed && std::ferror(stdout) == 0) return exit_code;
    // Why an earlier write failed, the system no longer knows.
    throw Error("standard output cannot be written", {.found = flushed ? "" : system_message()});
  } catch (const std::exception& error) {
    print_error(error);
    return 1;
  }
}
