// The number type of a build. Everything that computes with it lives in an inline namespace named
// after it, float32 or float64, so that a program may link both builds of the library (the demo
// proves its float gradients with the double build of the same code) and a header of one build
// never meets the objects of the other: that is a link error, not a wrong number.
#pragma once

#include <string_view>

#ifdef COLONNADE_DOUBLE
#define COLONNADE_PRECISION float64
#else
#define COLONNADE_PRECISION float32
#endif

namespace colonnade::inline COLONNADE_PRECISION {

#ifdef COLONNADE_DOUBLE
using Scalar = double;
inline constexpr std::string_view scalar_name = "double";
#else
using Scalar = float;
inline constexpr std::string_view scalar_name = "float";
#endif

}  // namespace colonnade::inline COLONNADE_PRECISION
