#include "colonnade/activation.hpp"

#include <array>
#include <string>
#include <utility>

#include "colonnade/error.hpp"

namespace colonnade {

namespace {

constexpr std::array<std::pair<Activation, std::string_view>, 4> names = {{
    {Activation::identity, "identity"},
    {Activation::relu, "relu"},
    {Activation::gelu_tanh, "gelu-tanh"},
    {Activation::gelu_erf, "gelu-erf"},
}};

}  // namespace

std::string_view to_string(Activation activation) {
  for (const auto& [value, name] : names)
    if (value == activation) return name;
  return "";
}

Activation activation_from(std::string_view wanted) {
  for (const auto& [value, name] : names)
    if (name == wanted) return value;
  throw Error("unknown activation", {.wanted = "gelu-tanh, gelu-erf, relu or identity",
                                     .found = "'" + std::string(wanted) + "'"});
}

}  // namespace colonnade
