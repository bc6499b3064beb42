// The products of a step, measured in each of a GPU's ways to multiply.
#include "colonnade/backend.hpp"
#include "colonnade/limits.hpp"
#include "harness.hpp"
#include "numbers.hpp"

using namespace colonnade;

namespace {

/// Until the end of the scope.
class WithMath {
 public:
  explicit WithMath(Math wanted) { set_math(wanted); }
  ~WithMath() { set_math(Math::fp32); }
  WithMath(const WithMath&) = delete;
  WithMath& operator=(const WithMath&) = delete;
};

}  // namespace

TEST_CASE("products of rounded factors are right enough to be timed") {
  if (harness::is_double) return;  // which has one way
  ProcessGroup self = ProcessGroup::self();
  const Mlp model(self, {.widths = {53, 131, 67}});
  for (const Math math : {Math::fp32, Math::tf32, Math::bf16}) {
    CAPTURE(to_string(math));
    const WithMath chosen(math);
    const auto products = measure_products(self, model, 37, {.block_seconds = 1e-6, .blocks = 1});
    CHECK(products.size() == 5);
  }
}
