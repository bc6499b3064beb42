#include "app/curve.hpp"

#include <limits>
#include <vector>

#include "harness.hpp"

using namespace colonnade::app;

TEST_CASE("a curve shows the first value and the last, the lowest and the highest") {
  const std::vector<double> values = {1, 10, 100, 10, 1};
  const CurveScale scale = widened({}, values);
  CHECK(scale.low == 1);
  CHECK(scale.high == 100);
  CHECK(render_curve(values, scale, 5) == "▁▅█▅▁");
  CHECK(render_curve(values, scale, 80) == "▁▅█▅▁");
  CHECK(render_curve(values, scale, 2) == "▁▁");
  CHECK(render_curve(values, scale, 3) == "▁█▁");
}

TEST_CASE("curves on one scale can be compared") {
  const CurveScale scale = widened(widened({}, std::vector<double>{1, 2}), std::vector<double>{8});
  CHECK(scale.low == 1);
  CHECK(scale.high == 8);
  CHECK(render_curve(std::vector<double>{1, 8}, scale, 2) == "▁█");
  CHECK(render_curve(std::vector<double>{8, 8}, scale, 2) == "██");
}

TEST_CASE("a curve without height, and values that have no logarithm") {
  const std::vector<double> flat = {3, 3};
  CHECK(render_curve(flat, widened({}, flat), 2) == "▁▁");
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {0, 1, infinity, 2, infinity - infinity};
  const CurveScale scale = widened({}, values);
  CHECK(scale.low == 1);
  CHECK(scale.high == 2);
  CHECK(render_curve(values, scale, 5) == " ▁!█!");
  CHECK(render_curve({}, scale, 5).empty());
}
