#include "colonnade/parameter.hpp"

#include "colonnade/random.hpp"
#include "harness.hpp"

using namespace colonnade;

TEST_CASE("every shard of every cut is a slice of the same keyed tensor") {
  const KeyedRandom random(3, "layers.0.weight");
  for (Index parts = 1; parts <= 4; ++parts) {
    for (Index part = 0; part < parts; ++part) {
      Parameter parameter =
          make_parameter("layers.0.weight", 5, 7, shard_range(7, parts, part), false);
      fill_normal(parameter, 3, 0.5);
      for (Index j = 0; j < parameter.value.cols(); ++j) {
        for (Index i = 0; i < 5; ++i) {
          const auto index = static_cast<std::uint64_t>((parameter.owned.begin + j) * 5 + i);
          CHECK(parameter.value(i, j) == static_cast<Scalar>(0.5 * random.normal(index)));
        }
      }
    }
  }
}

TEST_CASE("a new parameter is zero and so is its gradient") {
  const Parameter parameter = make_parameter("b", 1, 9, {3, 6}, true);
  CHECK(parameter.global_size() == 9);
  CHECK(parameter.global_index(0, 2) == 5);
  for (Index i = 0; i < 3; ++i) {
    CHECK(parameter.value.data()[i] == 0);
    CHECK(parameter.grad.data()[i] == 0);
  }
}
