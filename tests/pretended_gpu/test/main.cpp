// Tests of the pretended GPU. They are no tests of Colonnade: they say that what judges its CUDA
// backend judges as a GPU would.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS  // some tests expect a child to die of one
#include <doctest/doctest.h>
