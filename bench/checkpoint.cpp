// A checkpoint of 500 MB beside what dd takes for as many bytes of zeros, in turn. Both end when
// the device has them. In the folder TMPDIR, or else /tmp: a file system in memory would tell
// nothing.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench.hpp"
#include "colonnade/checkpoint.hpp"

namespace {

using namespace colonnade;
namespace fs = std::filesystem;

/// A folder of this process of rank 0's, gone at the end of the scope.
class Folder {
 public:
  explicit Folder(ProcessGroup& world) : is_owner_(world.rank() == 0) {
    path_ = fs::temp_directory_path() / ("colonnade-bench-" + std::to_string(getpid()));
    path_ = gather_text(world, path_.string())[0];
    if (is_owner_) fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    if (is_owner_) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  bool is_owner_;
  fs::path path_;
};

void write_zeros(ProcessGroup& world, const std::string& path, std::uintmax_t bytes) {
  collectively(world, [&] {
    if (world.rank() != 0) return;
    const std::string command = "dd if=/dev/zero of='" + path +
                                "' bs=1M conv=fsync count=" + std::to_string(bytes) +
                                " iflag=count_bytes status=none";
    if (std::system(command.c_str()) != 0) throw Error("dd failed", {.found = command});
  });
}

void compare(ProcessGroup& world, Layout layout, const bench::Arguments& arguments) {
  const Folder folder(world);
  Mesh mesh(world, {1, world.size()});
  // 41.7 million parameters and two moments of each, 12 bytes in all.
  const Index inner = arguments.pick(4096, 64), outer = arguments.pick(3072, 48);
  const std::vector<Index> widths = {outer, inner, inner, outer};
  TrainingJob job(mesh, {.model = {.widths = widths, .layout = layout}}, {});
  const std::string checkpoint = folder.file("checkpoint"), zeros = folder.file("zeros");
  save_checkpoint(job, checkpoint, {.data = "none"});
  load_checkpoint(job, checkpoint);
  const std::uintmax_t bytes = fs::file_size(checkpoint);
  bench::require(arguments.trial || bytes > 500'000'000, "a checkpoint of 500 MB");

  const bench::Comparison times = bench::compare(
      world, arguments.pick(7, 1), [&] { save_checkpoint(job, checkpoint, {.data = "none"}); },
      [&] { write_zeros(world, zeros, bytes); });
  bench::print_ratio(world, std::string(to_string(layout)) + ": save / dd conv=fsync", times);
  const bench::Times load = bench::measure(world, 3, [&] { load_checkpoint(job, checkpoint); });
  bench::print(world, std::string(to_string(layout)) + ": load and verify",
               render_duration(load.median),
               bench::spread(load) + ", " + render_bytes(static_cast<double>(bytes) / load.median) +
                   "/s from the cache");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "a checkpoint of 500 MB",
                    [](ProcessGroup& world, const bench::Arguments& arguments) {
                      for (const Layout layout : {Layout::gather, Layout::pair})
                        compare(world, layout, arguments);
                    });
}
