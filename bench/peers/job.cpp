// Our side of compare.py: a job that a peer trains too, from a start that both know. Prints as a
// line of JSON the losses of the first steps, the norm of their last gradient, and how long one of
// the other steps took.
//
//   job [--math NAME] chain ROWS WIDTH LAYERS FOLDER [STEPS|turns]
//     layers of equal width without bias, as the original job
//   job [--math NAME] mnist FOLDER [STEPS|turns]
//     784-1024-1024-10, batch 128; needs data/mnist
//
// Without STEPS it trains nothing and writes what the peer starts from into FOLDER. With `turns` it
// takes a number of steps from each line of its input, and prints a line for each.
#include <cmath>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "../bench.hpp"
#include "../lent_tensor.hpp"
#include "../products.hpp"
#include "colonnade/dataset.hpp"
#include "colonnade/file.hpp"
#include "colonnade/model_file.hpp"
#include "colonnade/random.hpp"
#include "colonnade/training_job.hpp"
#include "colonnade/training_step.hpp"

namespace {

using namespace colonnade;

constexpr int compared_steps = 5;

struct Arguments {
  Math math = Math::fp32;
  std::string job;
  Index rows = 128, width = 0, layers = 0;
  std::string folder;
  int steps = 0;  // 0: write what the peer starts from
  bool turns = false;
};

Arguments parse(std::vector<std::string> words) {
  Arguments arguments;
  if (words.size() > 1 && words[0] == "--math") {
    arguments.math = math_from(words[1]);
    words.erase(words.begin(), words.begin() + 2);
  }
  const bool chain = !words.empty() && words[0] == "chain";
  const std::size_t numbers = chain ? 4 : 1;
  const bool known = chain || (!words.empty() && words[0] == "mnist");
  if (!known || words.size() < numbers + 1 || words.size() > numbers + 2) {
    throw Error::agreed(
        "wanted: job chain ROWS WIDTH LAYERS FOLDER [STEPS], or mnist FOLDER [STEPS]");
  }
  arguments.job = words[0];
  arguments.folder = words[numbers];
  if (chain) {
    arguments.rows = bench::positive(words[1]);
    arguments.width = bench::positive(words[2]);
    arguments.layers = bench::positive(words[3]);
  }
  if (words.size() == numbers + 1) return arguments;
  arguments.turns = words.back() == "turns";
  if (!arguments.turns) arguments.steps = static_cast<int>(bench::positive(words.back()));
  return arguments;
}

bool trains(const Arguments& arguments) {
  return arguments.turns || arguments.steps > 0;
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
  write_array(world, path, OnHost(tensor).numbers());
}

/// Of all ranks' gradients together. Losses alone would not show a factor on all of them: AdamW
/// takes it out again.
double gradient_norm(ProcessGroup& world, const Mlp& model) {
  double squares = 0;
  for (const Parameter* parameter : model.parameters()) {
    const OnHost gradient(parameter->grad);
    for (const double number : gradient.numbers()) squares += number * number;
  }
  return std::sqrt(world.all_reduce(squares));
}

/// The numbers of steps that were asked for, one after the other; 0 at their end. Collective.
std::function<int()> turns_of(ProcessGroup& world, const Arguments& arguments) {
  if (!arguments.turns) {
    return [steps = arguments.steps]() mutable { return std::exchange(steps, 0); };
  }
  return [&world] {
    double steps = 0;
    if (world.rank() == 0 && !(std::cin >> steps)) steps = 0;
    return static_cast<int>(world.all_reduce(steps, Reduction::max));
  };
}

void print_line(const std::vector<double>& results, double seconds, double products_seconds) {
  std::printf("{\"results\": [");
  for (std::size_t i = 0; i < results.size(); ++i)
    std::printf("%s%.9g", i == 0 ? "" : ", ", results[i]);
  std::printf("], \"seconds_per_step\": %.9g, \"products_seconds\": %.9g}\n", seconds,
              products_seconds);
  std::fflush(stdout);
}

/// Does one step and returns its loss.
using Step = std::function<double(TrainingStep&)>;

/// Trains, and prints a line for each turn.
void train(ProcessGroup& world, Mlp& model, const Loss& loss, AdamW& optimizer,
           const Arguments& arguments, const Step& step, double products_seconds) {
  std::vector<double> results;
  TrainingStep keeping(model, loss, optimizer);
  for (int i = 0; i < compared_steps; ++i) results.push_back(step(keeping));
  results.push_back(gradient_norm(world, model));
  TrainingStep timed(model, loss, optimizer, nullptr, {.gradients = UsedGradients::zero});
  const auto turns = turns_of(world, arguments);
  for (int steps = turns(); steps > 0; steps = turns()) {
    for (int i = 0; i < steps / 10; ++i) step(timed);
    const double seconds = bench::measure_once(world, [&] {
      for (int i = 0; i < steps; ++i) step(timed);
    });
    if (world.rank() == 0) print_line(results, seconds / steps, products_seconds);
  }
}

void run_chain(ProcessGroup& world, const Arguments& arguments) {
  const Index rows = arguments.rows, width = arguments.width, layers = arguments.layers;
  const MlpOptions shape{.widths = std::vector<Index>(static_cast<std::size_t>(layers) + 1, width),
                         .activate_last = true,
                         .bias = false};
  Mlp model(world, shape);
  Tensor x = sample_data(rows, width, 0, "x"), t = sample_data(rows, width, 0, "t");
  if (!trains(arguments)) {
    Mesh mesh(world, {1, world.size()});
    save_parameters(mesh, model, arguments.folder + "/start.safetensors");
    write_tensor(world, arguments.folder + "/x", x);
    write_tensor(world, arguments.folder + "/t", t);
    return;
  }
  bench::Products products(rows, width, width / world.size(), layers);
  const bench::Times ceiling = bench::measure(world, 5, [&] { products.compute(); });
  const MeanSquare loss(world, model.output());
  AdamW optimizer(model.parameters(), {});
  bench::LentTensor inputs(std::move(x)), targets(std::move(t));
  train(
      world, model, loss, optimizer, arguments,
      [&](TrainingStep& step) { return step.run(inputs.lend(), targets.lend()).loss; },
      ceiling.median);
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
  if (!trains(arguments)) {
    save_parameters(mesh, model, arguments.folder + "/start.safetensors");
    write_array(world, arguments.folder + "/order", std::span<const Index>(order));
    return;
  }
  const Index rows = arguments.rows;
  Index next = 0;
  const auto one_step = [&](TrainingStep& step) {
    if (next + rows > data.train->samples()) next = 0;
    Tensor x(rows, 784, model.memory()), t(rows, 10, model.memory());
    data.train->fetch_batch({order.data() + next, static_cast<std::size_t>(rows)}, x, t);
    next += rows;
    return step.run(std::move(x), std::move(t)).loss;
  };
  train(world, model, job.loss(), job.optimizer(), arguments, one_step, 0);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_with_words(
      argc, argv, "a job to compare", [&](ProcessGroup& world, const bench::Arguments& given) {
        const Arguments arguments = parse(given.words);
        set_math(arguments.math);
        arguments.job == "chain" ? run_chain(world, arguments) : run_mnist(world, arguments);
      });
}
