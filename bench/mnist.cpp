// MNIST: 784-1024-1024-10, batch 128, fetching batches included. Needs data/mnist (`make data`).

#include "bench.hpp"
#include "colonnade/random.hpp"
#include "colonnade/trainer.hpp"

int main(int argc, char** argv) {
  using namespace colonnade;
  return bench::run(
      argc, argv, "MNIST: 784-1024-1024-10, batch 128",
      [](ProcessGroup& world, const bench::Arguments& arguments) {
        TrainAndTest data;
        collectively(world, [&] { data = load_mnist("data/mnist", 10); });
        Mesh mesh(world, {1, world.size()});
        const Index hidden = arguments.pick(1024, 16);
        TrainingJob job(mesh,
                        {.model = {.widths = {784, hidden, hidden, 10}}, .mesh = mesh.shape()}, {});
        Mlp& model = job.model();
        const double untrained = evaluate(job, *data.test, 500).loss;

        // A sixth of an epoch at a time, each going on where the one before ended.
        const int steps = arguments.pick(78, 2);
        constexpr Index batch = 128;
        std::vector<Index> order = shuffled_order(data.train->samples(), 0, 1);
        TrainingStep step(model, job.loss(), job.optimizer());
        Index next = 0;
        const bench::Times times = bench::measure(world, arguments.pick(9, 1), [&] {
          for (int i = 0; i < steps; ++i) {
            if (next + batch > data.train->samples()) next = 0;
            Tensor x(batch, 784, model.memory()), t(batch, 10, model.memory());
            data.train->fetch_batch({order.data() + next, static_cast<std::size_t>(batch)}, x, t);
            next += batch;
            step.run(std::move(x), std::move(t));
          }
        });
        const Evaluation trained = evaluate(job, *data.test, 500);
        bench::require(trained.loss < untrained && (arguments.trial || trained.accuracy > 0.95),
                       "test accuracy");
        const double images = static_cast<double>(steps) * batch;
        bench::print(world, "training",
                     render_count(static_cast<std::int64_t>(images / times.median)) + " images/s",
                     "(" + render_count(static_cast<std::int64_t>(images / times.largest)) +
                         " to " + render_count(static_cast<std::int64_t>(images / times.smallest)) +
                         ")");
        bench::print(world, "test accuracy after it",
                     render_fixed(100 * *trained.accuracy, 2) + " %");
      });
}
