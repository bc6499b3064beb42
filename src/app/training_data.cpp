#include "app/training_data.hpp"

#include <string>
#include <utility>
#include <vector>

#include "colonnade/checksum.hpp"

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

std::vector<Fact> facts_of(const Data& data) {
  std::vector<Fact> facts = {{"data", "training samples with checksum", data.train_digest}};
  if (data.test) facts.push_back({"data", "test samples with checksum", data.test_digest});
  return facts;
}

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
  data.train_digest = checksum_text(data.train->digest());
  if (data.test) data.test_digest = checksum_text(data.test->digest());
  return data;
}

std::string digest_of(const Data& data) {
  return data.train_digest + (data.test ? "-" + data.test_digest : "");
}

}  // namespace colonnade::app
