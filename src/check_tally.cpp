#include "check_tally.hpp"

#include <cmath>
#include <utility>
#include <vector>

namespace colonnade {

void CheckTally::add(double error, const std::function<std::string()>& place) {
  // Written so that the first NaN is taken and kept.
  if (std::isnan(error_) || error <= error_) return;
  error_ = error;
  place_ = place();
}

CheckLine CheckTally::line(ProcessGroup& world, std::string what, double bound) const {
  const std::vector<double> errors = world.all_gather(error_);
  const std::vector<std::string> places = gather_text(world, place_);
  CheckTally all;
  for (std::size_t rank = 0; rank < errors.size(); ++rank) {
    all.add(errors[rank], [&] { return places[rank] + ", rank " + std::to_string(rank); });
  }
  return {.what = std::move(what),
          .numbers = world.all_reduce(std::int64_t{numbers_}),
          .error = all.error_,
          .bound = bound,
          .farthest = all.place_};
}

}  // namespace colonnade
