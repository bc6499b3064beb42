// Tests of the pretended GPU. They are no tests of Colonnade: they say that what judges its CUDA
// backend judges as a GPU would.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS  // some tests expect a child to die of one
#include <doctest/doctest.h>

#include <cstdlib>

int main(int argc, char** argv) {
  // Before the first call reads it; a test that asks for another number starts a process of its
  // own.
  setenv("PRETENDED_GPUS", "4", 0);
  return doctest::Context(argc, argv).run();
}
