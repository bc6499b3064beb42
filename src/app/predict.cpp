// `colonnade predict`: a test set through a trained model, and what it takes for what.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/confusion.hpp"
#include "app/contact_sheet.hpp"
#include "app/outputs.hpp"
#include "colonnade/agreement.hpp"
#include "colonnade/checksum.hpp"
#include "colonnade/dataset.hpp"
#include "colonnade/file.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/prediction.hpp"
#include "colonnade/render.hpp"
#include "colonnade/stored_model.hpp"

namespace colonnade::app {

namespace {

constexpr Index widest_table = 40;  // classes; the lines of more would not fit a screen
constexpr std::size_t most_pictures = 200;
constexpr std::size_t pairs_shown = 5;

void check_options(const PredictOptions& options) {
  const char* const wanted = "colonnade predict --load FILE --data DIR";
  if (options.load.empty()) throw Error("no model", {.wanted = wanted});
  if (options.data.empty()) throw Error("no data", {.wanted = wanted});
  if (!std::filesystem::is_directory(options.data)) {
    throw Error("--data " + options.data + " is no folder",
                {.wanted = "a folder in MNIST's layout, whose samples belong to classes",
                 .hint = "NPY matrices have no classes"});
  }
}

void check_picture(const PredictOptions& options) {
  if (options.picture.empty()) return;
  NamedPaths inputs = {{"--load", options.load}};
  for (const std::string& file : mnist_files(options.data)) inputs.emplace_back("--data", file);
  check_output("--picture", options.picture, inputs);
}

/// What is given, or what the file says, or the default. They must not contradict one another.
std::string choose(const StoredModel& stored, const std::string& name, const std::string& given,
                   const char* otherwise) {
  const auto found = stored.options.find(name);
  if (found == stored.options.end()) return given.empty() ? otherwise : given;
  if (given.empty() || given == found->second) return found->second;
  throw Error("--" + name + " is not what the model was trained with",
              {.wanted = in_quotes(found->second), .found = given});
}

struct Network {
  MlpOptions model;
  LossKind loss = LossKind::mean_square;
};

Network network_of(const StoredModel& stored, const PredictOptions& options) {
  Network network;
  network.model = {
      .widths = stored.widths,
      .activation = activation_from(choose(stored, "activation", options.activation, "gelu-tanh")),
      .activate_last = choose(stored, "activate-last", options.activate_last, "false") == "true",
      .bias = stored.bias,
      // How a model is cut changes no prediction, so that another layout than the file's is fine.
      .layout = layout_from(!options.layout.empty() ? options.layout
                                                    : choose(stored, "layout", "", "gather")),
      .shard_output = true};
  network.loss = loss_from(choose(stored, "loss", options.loss, "mean-square"));
  return network;
}

/// What of the network neither a file without options nor the command line says, as a line, or "".
/// Another activation than the model's is no error that anything could show: it would only predict
/// worse.
std::string assumptions(const StoredModel& stored, const PredictOptions& options,
                        const MlpOptions& model) {
  if (!stored.options.empty()) return "";
  std::string assumed;
  if (options.activation.empty() && model.widths.size() > 2)
    assumed = "activation " + std::string(to_string(model.activation));
  if (options.activate_last.empty())
    assumed += std::string(assumed.empty() ? "" : ", ") + "none after the last layer";
  if (assumed.empty()) return "";
  return "assumed    " + assumed + "; the file doesn't say\n";
}

/// Samples that were taken for another class, the surest first, of equals in the order of the data.
std::vector<Index> wrong_samples(const IdxDataset& data,
                                 const std::vector<Prediction>& predictions) {
  std::vector<Index> wrong;
  for (Index i = 0; i < data.samples(); ++i) {
    if (predictions[static_cast<std::size_t>(i)].predicted != data.class_of(i)) wrong.push_back(i);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [&](Index a, Index b) {
    return predictions[static_cast<std::size_t>(a)].score >
           predictions[static_cast<std::size_t>(b)].score;
  });
  return wrong;
}

GreyImage image_of(const IdxDataset& data, Index sample) {
  Tensor x(1, data.inputs(), system_memory()), t(1, data.targets(), system_memory());
  data.fill_batch(std::span(&sample, 1), x, t);
  GreyImage image{.rows = data.image_rows(), .cols = data.image_cols(), .pixels = {}};
  for (Index i = 0; i < x.cols(); ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(x(0, i) * 255 + Scalar{0.5}));
  return image;
}

std::string score_text(LossKind loss, double score) {
  return loss == LossKind::cross_entropy ? render_fixed(100 * score, 1) + "%"
                                         : render_fixed(score, 2);
}

void write_picture(const std::string& path, const IdxDataset& data, LossKind loss,
                   const std::vector<Prediction>& predictions) {
  std::vector<Index> wrong = wrong_samples(data, predictions);
  std::string title = render_count(std::ssize(wrong)) + " of " + render_count(data.samples()) +
                      " wrong, the surest first: true class, what it was taken for";
  if (wrong.size() > most_pictures) {
    title += " (the first " + std::to_string(most_pictures) + ")";
    wrong.resize(most_pictures);
  }
  std::vector<CaptionedImage> images;
  for (const Index sample : wrong) {
    const Prediction& made = predictions[static_cast<std::size_t>(sample)];
    const std::string sure = score_text(loss, made.score);
    const std::string of_truth = score_text(loss, made.truth_score);
    images.push_back({image_of(data, sample),
                      {.first = std::to_string(data.class_of(sample)) + " \u2192 " +
                                std::to_string(made.predicted),
                       .second = of_truth + " \u2192 " + sure}});
  }
  replace_file(path, contact_sheet(title, images));
  std::printf("\npicture    %s: %zu samples\n", path.c_str(), images.size());
}

void print_confusion(const Confusion& confusion, Index classes) {
  const double share =
      static_cast<double>(confusion.right()) / static_cast<double>(confusion.samples());
  std::printf("accuracy   %.2f%%: %s of %s samples\n\n", 100 * share,
              render_count(confusion.right()).c_str(), render_count(confusion.samples()).c_str());
  if (classes <= widest_table) {
    std::printf("taken for\n%s\n", confusion.table().c_str());
  } else {
    std::printf("a table of %s classes is left out\n\n", render_count(classes).c_str());
  }
  for (const auto& [truth, predicted, count] : confusion.most_confused(pairs_shown)) {
    std::printf("%lld taken for %lld   %s times\n", static_cast<long long>(truth),
                static_cast<long long>(predicted), render_count(count).c_str());
  }
}

void show(const PredictOptions& options, const Network& network, const IdxDataset& data,
          const std::vector<Prediction>& predictions) {
  Confusion confusion(data.targets());
  for (Index i = 0; i < data.samples(); ++i) {
    confusion.add(data.class_of(i), predictions[static_cast<std::size_t>(i)].predicted);
  }
  print_confusion(confusion, data.targets());
  if (!options.picture.empty()) write_picture(options.picture, data, network.loss, predictions);
}

}  // namespace

int run_predict(ProcessGroup& world, const Device&, const PredictOptions& options) {
  MeshShape shape;
  collectively(world, [&] {
    check_options(options);
    shape = parse_mesh(options.mesh, world.size());
    if (world.rank() == 0) check_picture(options);
  });
  const StoredModel stored = read_stored_model(world, options.load);
  Mesh mesh(world, shape);
  Network network;
  std::optional<Mlp> model;
  std::unique_ptr<IdxDataset> data;
  collectively(world, [&] {
    network = network_of(stored, options);
    data = load_mnist_test(options.data, network.model.widths.back());
    if (data->inputs() != network.model.widths.front()) {
      throw Error(options.load + " doesn't fit the data in " + options.data,
                  {.wanted = "a model of " + std::to_string(data->inputs()) + " inputs",
                   .found = std::to_string(network.model.widths.front())});
    }
    model.emplace(mesh.tp(), network.model);
  });
  const std::vector<Fact> facts = {
      {"data", "test samples with checksum", checksum_text(data->digest())}};
  check_agreement(world, facts);
  load_parameters(mesh, *model, options.load);
  if (world.rank() == 0) std::fputs(assumptions(stored, options, network.model).c_str(), stdout);
  const std::vector<Prediction> predictions =
      predict(mesh, *model, network.loss, *data, options.batch);
  collectively(world, [&] {
    if (world.rank() == 0) show(options, network, *data, predictions);
  });
  return 0;
}

}  // namespace colonnade::app
