#include "order.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>

#include "errors.hpp"

namespace pretended_gpu {

Order::Order() {
  const char* const set = std::getenv("PRETENDED_GPU_ORDER");
  const std::string text = set != nullptr ? set : "";
  if (text.empty() || text == "forward") return;
  if (text == "reverse") {
    kind_ = Kind::reverse;
    return;
  }
  if (text.find_first_not_of("0123456789") != std::string::npos || text.size() > 9) {
    fail("PRETENDED_GPU_ORDER is neither forward nor reverse nor a number: " + text);
  }
  kind_ = Kind::shuffled;
  random_.seed(static_cast<unsigned>(std::stoul(text)) + 1);
}

void Order::begin(unsigned count) {
  if (count == numbers_.size() && kind_ != Kind::shuffled) return;
  numbers_.resize(count);
  std::iota(numbers_.begin(), numbers_.end(), 0u);
  if (kind_ == Kind::reverse) std::reverse(numbers_.begin(), numbers_.end());
  if (kind_ == Kind::shuffled) std::shuffle(numbers_.begin(), numbers_.end(), random_);
}

}  // namespace pretended_gpu
