// The names of losses: apart from loss.cpp, which is another object in each precision.
#include <string>

#include "colonnade/error.hpp"
#include "colonnade/loss.hpp"

namespace colonnade {

std::string_view to_string(LossKind kind) {
  return kind == LossKind::mean_square ? "mean-square" : "cross-entropy";
}

LossKind loss_from(std::string_view name) {
  if (name == "mean-square") return LossKind::mean_square;
  if (name == "cross-entropy") return LossKind::cross_entropy;
  throw Error("unknown loss",
              {.wanted = "mean-square or cross-entropy", .found = "'" + std::string(name) + "'"});
}

}  // namespace colonnade
