// Joins the world, reads the command line, runs the command. The only place that catches errors: an
// agreed one is printed by one rank and all end in order; a rank that fails alone ends the job.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/options.hpp"
#include "colonnade/backend.hpp"
#include "colonnade/mpi.hpp"

namespace {

using namespace colonnade;

int run(ProcessGroup& world, const std::vector<std::string>& arguments) {
  app::CommandLine line;
  collectively(world, [&] { line = app::parse_command_line(arguments); });
  if (line.command == app::Command::print) {
    if (world.rank() == 0) std::fputs(line.text.c_str(), stdout);
    return 0;
  }
  const Device device = choose_device(world, line.device);
  switch (line.command) {
    case app::Command::train_mlp:
      return app::run_train_mlp(world, device, line.train);
    case app::Command::demo:
      return app::run_demo(world, device, line.demo);
    default:
      return app::run_info(world, device);
  }
}

}  // namespace

int main(int argc, char** argv) {
  prepare_backend(argv);
  try {
    MpiSession mpi(argc, argv);
    ProcessGroup world = mpi.world();
    try {
      return run(world, std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& error) {
      const auto* ours = dynamic_cast<const Error*>(&error);
      const bool agreed = ours != nullptr && ours->is_agreed();
      std::fflush(stdout);
      if (!agreed || world.rank() == 0) std::fprintf(stderr, "colonnade: %s\n", error.what());
      if (!agreed && world.size() > 1) mpi.abort(1);
      return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "colonnade: %s\n", error.what());
    return 1;
  }
}
