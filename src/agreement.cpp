#include "colonnade/agreement.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "colonnade/checksum.hpp"
#include "colonnade/render.hpp"

namespace colonnade {

namespace {

/// Every field ends with a zero byte, which none contains: options come from a command line.
std::string text_of(std::span<const Fact> facts) {
  std::string text;
  for (const Fact& fact : facts) {
    for (const std::string* field : {&fact.subject, &fact.name, &fact.value}) {
      text += field->c_str();
      text += '\0';
    }
  }
  return text;
}

std::vector<Fact> facts_of(const std::string& text) {
  std::vector<Fact> facts;
  std::size_t at = 0;
  const auto field = [&] {
    const std::string value = text.c_str() + at;
    at += value.size() + 1;
    return value;
  };
  while (at < text.size()) {
    Fact& fact = facts.emplace_back();
    for (std::string* part : {&fact.subject, &fact.name, &fact.value}) *part = field();
  }
  return facts;
}

using Value = std::optional<std::string>;  // nothing on a rank that doesn't have the fact

Value value_on(const std::vector<Fact>& facts, const Fact& like) {
  for (const Fact& fact : facts) {
    if (fact.subject == like.subject && fact.name == like.name) return fact.value;
  }
  return std::nullopt;
}

/// That of most ranks; of as many, that of the lowest.
Value usual(const std::vector<Value>& values) {
  const auto count = [&](const Value& value) {
    return std::count(values.begin(), values.end(), value);
  };
  return *std::max_element(values.begin(), values.end(),
                           [&](const Value& a, const Value& b) { return count(a) < count(b); });
}

/// `rank 2 has --lr 0.002, the others 0.001`
std::string difference(const std::string& name, const std::vector<Value>& values) {
  const Value most = usual(values);
  std::map<Value, std::vector<std::int64_t>> others;
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != most) others[values[rank]].push_back(static_cast<std::int64_t>(rank));
  }
  std::string text;
  for (const auto& [value, ranks] : others) {
    text += render_ranks(ranks) + (ranks.size() == 1 ? " has " : " have ") +
            (value ? name + " " + *value : "no " + name) + ", ";
  }
  return text + "the others " + most.value_or("have none");
}

}  // namespace

void check_agreement(ProcessGroup& world, std::span<const Fact> facts) {
  const std::string own = text_of(facts);
  const auto sums = world.all_gather(static_cast<std::int64_t>(checksum(own)));
  if (std::all_of(sums.begin(), sums.end(), [&](std::int64_t sum) { return sum == sums[0]; })) {
    return;
  }
  std::vector<std::vector<Fact>> of_ranks;
  std::vector<Fact> all;
  for (const std::string& text : gather_text(world, own)) {
    of_ranks.push_back(facts_of(text));
    all.insert(all.end(), of_ranks.back().begin(), of_ranks.back().end());
  }
  for (const Fact& fact : all) {
    std::vector<Value> values;
    for (const std::vector<Fact>& rank : of_ranks) values.push_back(value_on(rank, fact));
    if (std::all_of(values.begin(), values.end(), [&](const Value& v) { return v == values[0]; })) {
      continue;
    }
    throw Error::agreed("the ranks don't have the same " + fact.subject + ": " +
                        difference(fact.name, values) + "; start all ranks alike");
  }
}

}  // namespace colonnade
