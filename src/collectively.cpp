// What ranks agree on beyond numbers: texts, and whether a work has failed on one of them.
#include <exception>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "colonnade/process_group.hpp"

namespace colonnade {

void broadcast_text(ProcessGroup& group, std::string& text, int speaker) {
  std::int64_t length = static_cast<std::int64_t>(text.size());
  group.broadcast(std::span(&length, 1), speaker);
  text.resize(static_cast<std::size_t>(length));
  group.broadcast(std::span(text.data(), text.size()), speaker);
}

namespace {

/// What a rank's part of collectively() came to.
struct Outcome {
  bool failed = false;
  bool is_of_system = false;
  std::string text;
};

Outcome outcome_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::bad_alloc&) {
    const Error error("not enough memory", {.hint = "use more nodes or less data, width or batch"});
    return {true, true, error.what()};
  } catch (const Error& error) {
    return {true, error.is_of_system(), error.what()};
  } catch (const std::exception& error) {
    return {true, false, error.what()};
  }
}

}  // namespace

void collectively(ProcessGroup& group, const std::function<void()>& work) {
  Outcome outcome = outcome_of(work);
  // The lowest rank that failed, and in the lowest bit whether its error is not the system's.
  const std::int64_t none = 2 * std::int64_t{group.size()};
  const std::int64_t own = 2 * std::int64_t{group.rank()} + (outcome.is_of_system ? 0 : 1);
  const std::int64_t first = group.all_reduce(outcome.failed ? own : none, Reduction::min);
  if (first == none) return;
  broadcast_text(group, outcome.text, static_cast<int>(first / 2));
  throw Error::agreed(outcome.text, first % 2 == 0);
}

std::vector<std::string> gather_text(ProcessGroup& group, const std::string& text) {
  std::vector<std::string> texts(static_cast<std::size_t>(group.size()));
  for (int speaker = 0; speaker < group.size(); ++speaker) {
    std::string& line = texts[static_cast<std::size_t>(speaker)];
    if (speaker == group.rank()) line = text;
    broadcast_text(group, line, speaker);
  }
  return texts;
}

}  // namespace colonnade
