// Apart from backend.cpp, because it exists once for each precision.
#include "colonnade/backend.hpp"

#include <string>

#include "colonnade/error.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

void set_math(Math math) {
  if (math == Math::fp32) return;
  throw Error("the CPU multiplies in the build's own precision",
              {.wanted = std::string(to_string(Math::fp32)),
               .found = std::string(to_string(math)),
               .hint = "build with BACKEND=cuda"});
}

Math math() {
  return Math::fp32;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
