// The elementwise functions a layer may end in. A forward is only ever paired with its own
// derivative.
#pragma once

#include <string_view>

namespace colonnade {

enum class Activation {
  identity,   // s(z) = z
  relu,       // s(z) = max(z, 0), s'(0) = 0
  gelu_tanh,  // s(z) = z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))
  gelu_erf,   // s(z) = z Phi(z), Phi the normal distribution function
};

/// `identity`, `relu`, `gelu-tanh`, `gelu-erf`, as the command line spells them.
std::string_view to_string(Activation activation);

/// The reverse; throws on any other name.
Activation activation_from(std::string_view name);

}  // namespace colonnade
