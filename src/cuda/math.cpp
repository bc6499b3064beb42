// Apart from backend.cpp, because it exists once for each precision.
#include "colonnade/backend.hpp"

#include <atomic>
#include <string>

#include "colonnade/error.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

std::atomic<Math> chosen = Math::fp32;

}  // namespace

void set_math(Math math) {
  if (math != Math::fp32 && sizeof(Scalar) == 8) {
    throw Error("doubles are multiplied as doubles", {.wanted = std::string(to_string(Math::fp32)),
                                                      .found = std::string(to_string(math)),
                                                      .hint = "build with SCALAR=float"});
  }
  chosen = math;
}

Math math() {
  return chosen;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
