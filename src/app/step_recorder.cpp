#include "app/step_recorder.hpp"

#include <algorithm>
#include <utility>

#include "app/recording_transport.hpp"

namespace colonnade::app {

namespace {

std::vector<double> numbers_at(const void* data, Index count, DataType type) {
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    numbers.push_back(type == DataType::float32 ? double{static_cast<const float*>(data)[i]}
                                                : static_cast<const double*>(data)[i]);
  }
  return numbers;
}

Index elements_of(const Holding& holding) {
  return holding.rows.size() * holding.cols.size();
}

/// What a collective makes of a matrix on this rank, without its values.
SeenMatrix after_call(const SeenCall& call, int group_rank) {
  SeenMatrix after = *call.before;
  Holding& own = after.own;
  if (call.kind == Collective::all_gather) {
    if (after.of_samples) own.cols = {0, call.pieces.back().end};
    own.run = {0, elements_of(own)};
    return after;
  }
  if (call.group == "dp") {
    after.copies_differ = after.sums_samples = false;
  } else {
    after.partial = Partial::no;
  }
  if (call.kind != Collective::reduce_scatter) return after;
  const Range piece = call.pieces[static_cast<std::size_t>(group_rank)];
  if (after.of_samples) {
    own.cols = piece;
    own.run = {0, elements_of(own)};
  } else {
    own.run = piece;
  }
  return after;
}

}  // namespace

void StepRecorder::computed(std::string_view site, Phase phase, std::string_view equation,
                            std::span<const ObservedMatrix> matrices) {
  SeenEvent event = {std::string(site), phase, std::string(equation)};
  // Whoever sees the samples in parts sees them in order, and each part once.
  Index& first = samples_seen_[{event.site, phase, event.equation}];
  Index samples = 0;
  for (const ObservedMatrix& matrix : matrices) {
    const bool of_samples = matrix.kind == ObservedMatrix::Rows::samples;
    SeenMatrix seen = {.name = std::string(matrix.name),
                       .site = event.site,
                       .equation = event.equation,
                       .rows = matrix.rows,
                       .cols = matrix.cols,
                       .own = {matrix.own_rows, matrix.own_cols, matrix.run,
                               numbers_at(matrix.data, matrix.run.size(), matrix.type)},
                       .of_samples = of_samples,
                       .sums_samples = matrix.kind == ObservedMatrix::Rows::summed,
                       .partial = matrix.partial,
                       .copies_differ = matrix.copies_differ,
                       .is_result = matrix.is_result};
    seen.copies_differ |= seen.sums_samples;
    if (of_samples) {
      samples = matrix.rows;
      seen.rows = batch_;
      seen.own.rows = {rows_.begin + first, rows_.begin + first + samples};
    }
    sights_.push_back({matrix.data, seen});
    event.matrices.push_back(std::move(seen));
  }
  first += samples;
  events_.push_back(std::move(event));
}

std::unique_ptr<Transport> StepRecorder::listen(std::unique_ptr<Transport> transport,
                                                std::string_view group) {
  return std::make_unique<RecordingTransport>(std::move(transport), *this, group);
}

// A collective knows bytes; what they are was told just before, or lies where it was then. Memory
// is used again, so that the numbers must agree as well. Of a single sample the gradient of a bias
// is dZ, number by number: pieces that go among the ranks of a copy are columns of samples.
const SeenMatrix* StepRecorder::find(const SeenCall& call, const std::vector<double>& numbers,
                                     const void* send) const {
  const std::size_t bytes = numbers.size() * size_of(call.type);
  const bool moves_samples = call.group == "tp" && !call.pieces.empty();
  const auto same_numbers = [&](const Sight& sight) {
    const std::vector<double>& values = sight.matrix.own.values;
    const bool fits =
        values.size() == numbers.size() || (sight.data == send && values.size() < numbers.size());
    return fits && std::equal(values.begin(), values.end(), numbers.begin());
  };
  const auto is_there = [&](const Sight& sight) {
    const char* begin = static_cast<const char*>(send);
    const char* data = static_cast<const char*>(sight.data);
    return data >= begin && data < begin + std::max<std::size_t>(bytes, 1) && same_numbers(sight);
  };
  const auto is_like_it = [&](const Sight& sight) {
    return sight.matrix.site == call.account && sight.matrix.is_result &&
           (sight.matrix.of_samples || !moves_samples) && same_numbers(sight);
  };
  auto found = std::find_if(sights_.rbegin(), sights_.rend(), is_there);
  if (found == sights_.rend()) found = std::find_if(sights_.rbegin(), sights_.rend(), is_like_it);
  return found == sights_.rend() ? nullptr : &found->matrix;
}

std::size_t StepRecorder::call_begins(const Fingerprint& announced, SeenCall call, const void* send,
                                      Index count) {
  call.account = announced.site.view();
  const std::vector<double> numbers = numbers_at(send, count, call.type);
  const SeenMatrix* const moved = find(call, numbers, send);
  if (moved == nullptr) {
    throw Error("a collective moves what nobody has told of",
                {.found = colonnade::describe(announced)});
  }
  call.before = *moved;
  call.before->is_result = false;
  call.numbers_beside = count - moved->own.run.size();
  const std::string site = call.account == "update" ? moved->site : call.account;
  events_.push_back({.site = site, .phase = announced.phase, .equation = {}, .call = call});
  return events_.size() - 1;
}

void StepRecorder::call_ends(std::size_t event, const void* result, int group_rank) {
  SeenCall& call = *events_[event].call;
  SeenMatrix after = after_call(call, group_rank);
  after.is_result = true;
  after.own.values = numbers_at(result, after.own.run.size(), call.type);
  sights_.push_back({result, after});
  call.after = std::move(after);
}

}  // namespace colonnade::app
