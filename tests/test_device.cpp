// What a rank gets of its node. Binding would outlive the test, so none is asked for here; that
// ranks get cores of their own is tests/test_cli.sh's.
#include "colonnade/device.hpp"

#include <omp.h>

#include <string>

#include "harness.hpp"

using namespace colonnade;

RANKS_TEST_CASE("ranks of a node share its cores fairly unless told otherwise", "processes 1-4") {
  if (world.transport_name() == "mpi+shared") return;  // on nodes that are pretended
  const int before = omp_get_max_threads();
  const Device fair = choose_device(world, {.threads = 0, .bind = false, .share_gpus = true});
  CHECK(fair.node_size == world.size());
  CHECK(fair.node_rank == world.rank());
  CHECK(fair.threads >= 1);
  CHECK((fair.threads == 1 || fair.threads * fair.node_size <= fair.node_cores));
  CHECK(omp_get_max_threads() == fair.threads);
  const Device chosen = choose_device(world, {.threads = 3, .bind = false, .share_gpus = true});
  CHECK(chosen.threads == 3);
  CHECK(omp_get_max_threads() == 3);
  omp_set_num_threads(before);
}

TEST_CASE("a device is described with its cores as runs") {
  Device device;
  device.host = "node17";
  device.cores = {0, 1, 2, 3, 8, 10, 11};
  device.threads = 7;
  device.bound = true;
  CHECK(describe(device, 5) == "rank 5: node17, cores 0-3,8,10-11 (bound), 7 threads");
  device.cores = {4};
  device.threads = 1;
  device.bound = false;
  CHECK(describe(device, 0) == "rank 0: node17, core 4 (shared), 1 thread");
  device.gpu = "GPU 0 (NVIDIA H100 80GB HBM3)";
  CHECK(describe(device, 0) ==
        "rank 0: node17, core 4 (shared), 1 thread, GPU 0 (NVIDIA H100 80GB HBM3)");
}

TEST_CASE("peak memory grows with what is held") {
  const std::size_t before = peak_memory();
  CHECK(before > 1024 * 1024);
  const std::string touched(64 * 1024 * 1024, 'x');
  CHECK(peak_memory() >= before);
  CHECK(peak_memory() > touched.size());
}
