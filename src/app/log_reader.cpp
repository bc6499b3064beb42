#include "app/log_reader.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

namespace colonnade::app {

namespace {

using Json = nlohmann::json;

/// The field of an object, or nothing.
const Json* field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

/// Lists and objects may be nested deeper than a function that visits them can go.
std::string shown(const Json& value) {
  if (value.is_structured()) return std::string("an ") + value.type_name();
  return in_quotes(value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

/// Fields whose type is another than a log's are told by name. What a version of the program adds
/// is left alone.
class Fields {
 public:
  Fields(const Json& object, std::string place) : object_(&object), place_(std::move(place)) {
    if (!object.is_object()) fail("", "an object");
  }

  std::int64_t whole(const char* name) const {
    const Json* const value = field(*object_, name);
    if (value == nullptr || !value->is_number_integer()) fail(name, "a whole number");
    return value->get<std::int64_t>();
  }
  /// JSON has no infinity and no NaN: null stands for them.
  Measured number(const char* name) const {
    const Json* const value = field(*object_, name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_number()) fail(name, "a number");
    return value->get<double>();
  }
  std::string text(const char* name) const {
    const Json* const value = field(*object_, name);
    if (value == nullptr) return "";
    if (value->is_string()) return value->get<std::string>();
    if (!value->is_number()) fail(name, "text or a number");
    return value->dump();
  }
  /// Empty if there is none.
  template <class Item>
  std::vector<Item> list(const char* name, const char* wanted) const {
    const Json* const value = field(*object_, name);
    if (value == nullptr) return {};
    try {
      return value->get<std::vector<Item>>();
    } catch (const Json::exception&) {
      fail(name, wanted);
    }
  }
  [[noreturn]] void fail(const std::string& name, const std::string& wanted) const {
    const Json* const value = name.empty() ? object_ : field(*object_, name.c_str());
    throw Error(place_ + " is no line of a run's log",
                {.wanted = name.empty() ? wanted : wanted + " as " + in_quotes(name),
                 .found = value == nullptr ? "" : shown(*value),
                 .hint = "logs are what 'colonnade train' writes with --log"});
  }

 private:
  const Json* object_;
  std::string place_;
};

LoggedStep read_step(const Fields& line) {
  return {.step = line.whole("step"),
          .loss = line.number("loss"),
          .learning_rate = line.number("lr"),
          .samples_per_second = line.number("samples_per_s"),
          .step_ms = line.number("step_ms"),
          .communication_ms = line.number("comm_ms"),
          .skipped = line.text("skipped")};
}

std::pair<std::string, std::string> at_equals_sign(const std::string& option) {
  const std::size_t sign = option.find('=');
  if (sign == std::string::npos) return {option, ""};
  return {option.substr(0, sign), option.substr(sign + 1)};
}

LoggedStart read_start(const Json& object, const std::string& place) {
  const Fields run(object, place);
  LoggedStart start{
      .after_step = run.whole("after_step"), .facts = {}, .options = {}, .planned_memory = {}};
  for (const char* name : {"mesh", "transport", "threads", "parameters", "samples", "data",
                           "scalar", "version", "started"}) {
    if (const std::string text = run.text(name); !text.empty())
      start.facts.emplace_back(name, text);
  }
  for (const std::string& option : run.list<std::string>("options", "a list of texts"))
    start.options.push_back(at_equals_sign(option));
  const Json* const plans = field(object, "memory_plan");
  if (plans != nullptr && !plans->is_array()) run.fail("memory_plan", "a list of objects");
  for (std::size_t i = 0; plans != nullptr && i < plans->size(); ++i) {
    double sum = 0;
    if (!(*plans)[i].is_object()) run.fail("memory_plan", "a list of objects");
    for (const Json& part : (*plans)[i]) {
      if (!part.is_number()) run.fail("memory_plan", "bytes");
      sum += part.get<double>();
    }
    start.planned_memory.push_back(sum);
  }
  return start;
}

LoggedRanks read_ranks(const Json& object, const std::string& place) {
  const Fields line(object, place);
  LoggedRanks ranks{
      .phases = line.list<std::string>("phases", "a list of texts"),
      .seconds = line.list<std::vector<double>>("seconds", "a list of numbers for each rank"),
      .peak_memory = line.list<double>("peak_memory", "a list of numbers")};
  for (const std::vector<double>& rank : ranks.seconds) {
    if (rank.size() != ranks.phases.size()) line.fail("seconds", "a number for each phase");
  }
  return ranks;
}

void add_line(LoggedRun& run, std::string_view text, const std::string& place) {
  const Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded()) {
    throw Error(place + " is no line of a run's log",
                {.wanted = "a JSON object",
                 .found = in_quotes(text),
                 .hint = "logs are what 'colonnade train' writes with --log"});
  }
  const Fields line(object, place);
  const std::int64_t last = run.steps.empty() ? 0 : run.steps.back().step;
  if (const Json* const start = field(object, "run")) {
    run.starts.push_back(read_start(*start, place));
  } else if (const Json* const ranks = field(object, "ranks")) {
    run.ranks = read_ranks(*ranks, place);
  } else if (field(object, "step") != nullptr) {
    run.steps.push_back(read_step(line));
    if (run.steps.back().step > last) return;
    line.fail("step", "a step after " + std::to_string(last));
  } else if (field(object, "epoch") != nullptr) {
    run.epochs.push_back({.epoch = line.whole("epoch"),
                          .step = last,
                          .test_loss = line.number("test_loss"),
                          .test_accuracy = line.number("test_accuracy")});
  } else {
    line.fail("", "a step, an epoch, or what the run or its ranks say");
  }
}

}  // namespace

LoggedRun read_log(const ByteSource& source) {
  std::string text = with_memory_for(source.name(), source.size(), [&] {
    return std::string(static_cast<std::size_t>(source.size()), '\0');
  });
  source.read(0, std::as_writable_bytes(std::span(text)));
  LoggedRun run;
  std::int64_t number = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    add_line(run, std::string_view(text).substr(begin, end - begin),
             source.name() + ":" + std::to_string(++number));
  }
  if (run.steps.empty()) {
    throw Error(source.name() + " has no step of a run",
                {.wanted = "what 'colonnade train' writes with --log",
                 .found = number == 0 ? "no whole line" : std::to_string(number) + " lines"});
  }
  return run;
}

}  // namespace colonnade::app
