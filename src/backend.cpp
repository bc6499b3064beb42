#include "colonnade/backend.hpp"

#include <array>
#include <utility>

#include "colonnade/error.hpp"

namespace colonnade {

namespace {

constexpr std::array<std::pair<Math, std::string_view>, 3> names = {{
    {Math::fp32, "fp32"},
    {Math::tf32, "tf32"},
    {Math::bf16, "bf16"},
}};

}  // namespace

std::string_view to_string(Math math) {
  for (const auto& [value, name] : names)
    if (value == math) return name;
  return "";
}

double spacing_of_factors(Math math) {
  switch (math) {
    case Math::fp32:
      return 0;
    case Math::tf32:
      return 0x1p-10;
    case Math::bf16:
      return 0x1p-7;
  }
  return 0;
}

Math math_from(std::string_view wanted) {
  for (const auto& [value, name] : names)
    if (name == wanted) return value;
  throw Error("unknown math",
              {.wanted = "fp32, tf32 or bf16", .found = "'" + std::string(wanted) + "'"});
}

}  // namespace colonnade
