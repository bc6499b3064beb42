// A network whose batch goes through it in one part, and in two: what each rank computes while
// which message is under way, from a recording of what it did.

#include <algorithm>
#include <deque>
#include <memory>

#include "colonnade/mlp.hpp"
#include "colonnade/sample_data.hpp"
#include "colonnade/spawn.hpp"
#include "common.hpp"

using namespace colonnade;

namespace {

constexpr Index batch = 4, width = 6;

struct Run {
  std::string story = {};  // what the rank did, a line each
  int products = 0;
  int products_beside_a_message = 0;
  Traffic traffic = {};
  Tensor y = {};
  Tensor weight_grad = {};  // of the first layer
};

// The products, and between which starts and finishes of messages they lie.
void tell(const Timeline& timeline, Run& run) {
  std::deque<std::string> in_flight;
  for (const SpanRecord& span : timeline.records()) {
    const std::string layer = timeline.sites()[span.site];
    if (span.activity == Activity::start) {
      in_flight.push_back(layer + " " + std::string(to_string(span.kind)));
      run.story += "  start    " + in_flight.back() + "\n";
    } else if (span.activity == Activity::collective) {
      run.story += "  wait for " + layer + " " + std::string(to_string(span.kind)) + "\n";
    } else if (span.activity == Activity::finish) {
      run.story += "  wait for " + in_flight.front() + "\n";
      in_flight.pop_front();
    } else if (span.activity == Activity::product || span.activity == Activity::input_gradient ||
               span.activity == Activity::weight_gradient) {
      std::string line = "  compute  " + layer + " " + std::string(to_string(span.activity));
      ++run.products;
      if (!in_flight.empty()) {
        line.resize(38, ' ');
        line += "beside " + in_flight.front();
        ++run.products_beside_a_message;
      }
      run.story += line + "\n";
    }
  }
}

Run step(ProcessGroup& group, Index parts) {
  Mlp model(group, {.widths = {width, width, width}, .seed = 14, .row_parts = parts});
  const auto timeline = std::make_shared<Timeline>(1000);
  group.record(timeline);
  const Traffic before = group.total_traffic();
  Mlp::Output out = model.forward(sample_data(batch, width, 1, "x"));
  Run run{.y = out.y.clone()};
  const Tensor dy = sample_data(batch, width, 1, "dy");
  model.backward(std::move(out.cache), Tensor::copy_of(dy.columns(model.output().dy)));
  run.traffic = group.total_traffic() - before;
  group.record(nullptr);
  run.weight_grad = model.parameters()[0]->grad.clone();
  tell(*timeline, run);
  return run;
}

void print(const char* title, const Run& run) {
  std::printf("%s: %lld messages, %lld bytes, %d of %d products beside a message\n%s\n", title,
              static_cast<long long>(run.traffic.calls),
              static_cast<long long>(run.traffic.bytes_sent), run.products_beside_a_message,
              run.products, run.story.c_str());
}

bool compare(ProcessGroup& group) {
  const Run whole = step(group, 1);
  const Run parts = step(group, 2);
  if (group.rank() == 0) {
    print("in one part", whole);
    print("in two parts", parts);
    std::printf("do messages get on by themselves between these ranks: %s\n",
                group.overlaps() ? "yes" : "no, threads have no one else to move them");
  }
  const bool beside = check(group, "in two parts most products have a message beside them",
                            2 * parts.products_beside_a_message > parts.products);
  const bool as_much =
      check(group, "the bytes are the same", parts.traffic.bytes_sent == whole.traffic.bytes_sent);
  const double difference =
      std::max(distance(whole.y, parts.y), distance(whole.weight_grad, parts.weight_grad));
  const bool same = check(group, "Y and dW are the same, up to 1e-12", difference < 1e-12);
  return beside && as_much && same;
}

}  // namespace

int main() {
  bool fine = false;
  spawn(2, [&](ProcessGroup& group) {
    const bool right = compare(group);
    if (group.rank() == 0) fine = right;
  });
  return fine ? 0 : 1;
}
