// What nearly every test includes, compiled once for all of them (tools/compile.mk). Without
// `#pragma once`, of which compilers warn in a file that they compile by itself.
#include <algorithm>
#include <cmath>
#include <vector>

#include "harness.hpp"
