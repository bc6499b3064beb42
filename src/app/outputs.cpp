#include "app/outputs.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "colonnade/checkpoint_folder.hpp"
#include "colonnade/dataset.hpp"
#include "colonnade/file.hpp"

namespace colonnade::app {

namespace {

/// The paths that are given, of the option's inputs or outputs.
NamedPaths given(const NamedPaths& all) {
  NamedPaths paths;
  for (const auto& named : all)
    if (!named.second.empty()) paths.push_back(named);
  return paths;
}

/// Whether two paths lead to one file, that is there or is to be made.
bool same_file(const std::string& a, const std::string& b) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::equivalent(a, b, ignored)) return true;
  // Without a file there, the path tells; a link to nothing counts as what it leads to.
  const auto place = [&](const std::string& path) {
    fs::path at = fs::absolute(path, ignored);
    for (int links = 0; links < 40 && fs::is_symlink(at, ignored); ++links) {
      at = at.parent_path() / fs::read_symlink(at, ignored);
    }
    return fs::weakly_canonical(at, ignored);
  };
  return place(a) == place(b);
}

}  // namespace

void check_output(const std::string& option, const std::string& path, const NamedPaths& taken) {
  for (const auto& [other_option, other_path] : taken) {
    if (!same_file(path, other_path)) continue;
    throw Error(option + " would overwrite the file of " + other_option,
                {.wanted = "another file", .found = path});
  }
  check_writable(path);
}

void check_outputs(const TrainOptions& options) {
  NamedPaths taken = given(
      {{"--inputs", options.inputs}, {"--targets", options.targets}, {"--config", options.config}});
  const std::string& resume = options.checkpoint.resume;
  if (!resume.empty() && resume != "auto") taken.emplace_back("--resume", resume);
  if (!options.data.empty()) {
    for (const std::string& file : mnist_files(options.data)) taken.emplace_back("--data", file);
  }
  for (const auto& [option, path] : given({{"--save", options.save},
                                           {"--dump-gradients", options.dump_gradients},
                                           {"--log", options.log},
                                           {"--trace", options.trace}})) {
    if (option != "--save" && !options.load.empty() && same_file(path, options.load)) {
      throw Error(option + " would overwrite the file of --load",
                  {.wanted = "another file", .found = path});
    }
    const std::string& folder = options.checkpoint.folder;
    if (!folder.empty() && is_place_of_checkpoint(path, folder)) {
      throw Error(option + " has the name of a checkpoint",
                  {.wanted = "another name in --checkpoint, or another folder", .found = path});
    }
    check_output(option, path, taken);
    taken.emplace_back(option, path);
  }
}

}  // namespace colonnade::app
