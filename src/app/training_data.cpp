#include "app/training_data.hpp"

#include <string>
#include <utility>
#include <vector>

namespace colonnade::app {

namespace {

void check_data_options(const TrainOptions& options) {
  const bool folder = !options.data.empty();
  const bool matrices = !options.inputs.empty() || !options.targets.empty();
  if (folder == matrices || options.inputs.empty() != options.targets.empty()) {
    throw Error("no data set, or more than one",
                {.wanted = "either --data DIR or both --inputs X.npy and --targets Y.npy"});
  }
}

void check_width(const char* which, Index width, Index data, const std::string& source) {
  if (width == data) return;
  throw Error("--widths doesn't fit the data in " + source,
              {.wanted = std::string(which) + " width " + std::to_string(data),
               .found = std::to_string(width)});
}

}  // namespace

Data load_data(const TrainOptions& options) {
  check_data_options(options);
  const std::vector<Index>& widths = options.model.widths;
  Data data;
  if (!options.data.empty()) {
    TrainAndTest both = load_mnist(options.data, widths.back());
    data.train = std::move(both.train);
    data.test = std::move(both.test);
  } else {
    auto matrices = load_matrices(options.inputs, options.targets);
    if (options.loss.kind == LossKind::cross_entropy) {
      matrices->check_probabilities(options.targets);
    }
    data.train = std::move(matrices);
  }
  check_width("first", widths.front(), data.train->inputs(),
              options.data.empty() ? options.inputs : options.data);
  check_width("last", widths.back(), data.train->targets(),
              options.data.empty() ? options.targets : options.data);
  return data;
}

std::string common_digest(ProcessGroup& world, const Dataset& dataset) {
  const std::vector<std::string> digests = gather_text(world, dataset.digest());
  for (std::size_t rank = 1; rank < digests.size(); ++rank) {
    if (digests[rank] == digests[0]) continue;
    const Error error("the ranks have read different data",
                      {.wanted = "on all ranks the digest of rank 0, " + in_quotes(digests[0]),
                       .found = in_quotes(digests[rank]) + " on rank " + std::to_string(rank),
                       .hint = "do all nodes have the same files?"});
    throw Error::agreed(error.what());
  }
  return digests[0];
}

}  // namespace colonnade::app
