// Our side of compare.py: a job that a peer trains too, from a start that both know. Prints as a
// line of JSON the losses of the first steps, the norm of their last gradient, and how long one of
// the other steps took.
//
//   job chain ROWS WIDTH LAYERS FOLDER [STEPS]   layers of equal width without bias, as the
//   original job job mnist FOLDER [STEPS]                     784-1024-1024-10, batch 128, needs
//   data/mnist
//
// Without STEPS it trains nothing and writes what the peer starts from into FOLDER.
#include <cmath>

#include "../bench.hpp"
#include "../products.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/random.hpp"
#include "colonnade/trainer.hpp"

namespace {

using namespace colonnade;

constexpr int compared_steps = 5;

struct Arguments {
  std::string job;
  Index rows = 128, width = 0, layers = 0;
  std::string folder;
  int steps = 0;  // 0: write what the peer starts from
};

Arguments parse(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool chain = !words.empty() && words[0] == "chain";
  const std::size_t numbers = chain ? 4 : 1;
  const bool known = chain || (!words.empty() && words[0] == "mnist");
  if (!known || words.size() < numbers + 1 || words.size() > numbers + 2) {
    throw Error::agreed(
        "wanted: job chain ROWS WIDTH LAYERS FOLDER [STEPS], or mnist FOLDER [STEPS]");
  }
  Arguments arguments{.job = words[0], .folder = words[numbers]};
  if (chain) {
    arguments.rows = std::stol(words[1]);
    arguments.width = std::stol(words[2]);
    arguments.layers = std::stol(words[3]);
  }
  if (words.size() > numbers + 1) arguments.steps = std::stoi(words[numbers + 1]);
  return arguments;
}

/// The bytes of an array, from rank 0: a peer reads them as they are.
template <class T>
void write_array(ProcessGroup& world, const std::string& path, std::span<const T> numbers) {
  collectively(world, [&] {
    if (world.rank() != 0) return;
    FileReplacement replacement(path);
    replacement.file().allocate(numbers.size_bytes());
    replacement.file().write(0, std::as_bytes(numbers));
    replacement.commit();
  });
}

void write_tensor(ProcessGroup& world, const std::string& path, const Tensor& tensor) {
  write_array(world, path,
              std::span<const Scalar>(tensor.data(), static_cast<std::size_t>(tensor.size())));
}

/// Of all ranks' gradients together. Losses alone would not show a factor on all of them: AdamW
/// takes it out again.
double gradient_norm(ProcessGroup& world, const Mlp& model) {
  double squares = 0;
  for (const Parameter* parameter : model.parameters())
    for (Index i = 0; i < parameter->grad.size(); ++i)
      squares += std::pow(static_cast<double>(parameter->grad.data()[i]), 2);
  return std::sqrt(world.all_reduce(squares));
}

/// Trains, and prints the line. `step` does one step and returns its loss.
void train(ProcessGroup& world, const Mlp& model, int steps, const std::function<double()>& step,
           double products_seconds) {
  std::vector<double> results;
  for (int i = 0; i < compared_steps; ++i) results.push_back(step());
  results.push_back(gradient_norm(world, model));
  for (int i = 0; i < steps / 10; ++i) step();
  const double seconds = bench::measure_once(world, [&] {
    for (int i = 0; i < steps; ++i) step();
  });
  if (world.rank() != 0) return;
  std::printf("{\"results\": [");
  for (std::size_t i = 0; i < results.size(); ++i)
    std::printf("%s%.9g", i == 0 ? "" : ", ", results[i]);
  std::printf("], \"seconds_per_step\": %.9g, \"products_seconds\": %.9g}\n", seconds / steps,
              products_seconds);
}

void run_chain(ProcessGroup& world, const Arguments& arguments) {
  const auto [job, rows, width, layers, folder, steps] = arguments;
  const MlpOptions shape{.widths = std::vector<Index>(static_cast<std::size_t>(layers) + 1, width),
                         .activate_last = true,
                         .bias = false};
  Mlp model(world, shape);
  AdamW optimizer(model.parameters(), {});
  const Tensor x = sample_data(rows, width, 0, "x"), t = sample_data(rows, width, 0, "t");
  if (steps == 0) {
    Mesh mesh(world, {1, world.size()});
    save_parameters(mesh, model, folder + "/start.safetensors");
    write_tensor(world, folder + "/x", x);
    write_tensor(world, folder + "/t", t);
    return;
  }
  bench::Products products(rows, width, width / world.size(), layers);
  const bench::Times ceiling = bench::measure(world, 5, [&] { products.compute(); });
  train(
      world, model, steps,
      [&] { return training_step(model, optimizer, x.clone(model.memory()), t); }, ceiling.median);
}

void run_mnist(ProcessGroup& world, const Arguments& arguments) {
  TrainAndTest data;
  collectively(world, [&] { data = load_mnist("data/mnist", 10); });
  Mesh mesh(world, {1, world.size()});
  // PyTorch's AdamW makes no difference between weights and biases unless it is told to.
  TrainingJob job(mesh, {.model = {.widths = {784, 1024, 1024, 10}}, .mesh = mesh.shape()},
                  {.decay_bias = true});
  Mlp& model = job.model();
  const std::vector<Index> order = shuffled_order(data.train->samples(), 0, 1);
  if (arguments.steps == 0) {
    save_parameters(mesh, model, arguments.folder + "/start.safetensors");
    write_array(world, arguments.folder + "/order", std::span<const Index>(order));
    return;
  }
  const Index rows = arguments.rows;
  Index next = 0;
  const auto step = [&] {
    if (next + rows > data.train->samples()) next = 0;
    Tensor x(rows, 784, model.memory()), t(rows, 10, model.memory());
    data.train->fill_batch({order.data() + next, static_cast<std::size_t>(rows)}, x, t);
    next += rows;
    return training_step(model, job.optimizer(), std::move(x), t);
  };
  train(world, model, arguments.steps, step, 0);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, "a job to compare", [&](ProcessGroup& world) {
    const Arguments arguments = parse(argc, argv);
    arguments.job == "chain" ? run_chain(world, arguments) : run_mnist(world, arguments);
  });
}
