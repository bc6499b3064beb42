// A curve as one line of text: ▇▆▅▄▃▂▁.
#pragma once

#include <span>
#include <string>

namespace colonnade::app {

/// The range that several curves share.
struct CurveScale {
  double low = 0;
  double high = 0;
};

/// From the smallest to the largest of all positive finite values so far.
CurveScale widened(CurveScale scale, std::span<const double> values);

/// `width` characters, or as many as there are values if that is less: of the eight heights of a
/// block, on a logarithmic scale. What is not positive is a space, what is not finite a `!`.
std::string render_curve(std::span<const double> values, CurveScale scale, int width);

}  // namespace colonnade::app
