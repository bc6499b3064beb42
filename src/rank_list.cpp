#include "rank_list.hpp"

#include <algorithm>

#include "colonnade/render.hpp"

namespace colonnade {

namespace {

struct Group {
  std::string text;
  std::vector<int> ranks;
  double seconds;
};

std::string sentence(const Group& group) {
  const bool one = group.ranks.size() == 1;
  std::string line = (one ? "rank " : "ranks ") + render_runs(group.ranks);
  line += (one ? " is " : " are ") + group.text;
  if (group.seconds >= 0) line += ", for " + render_fixed(group.seconds, 1) + " s";
  return line;
}

}  // namespace

std::string who_is_where(std::vector<RankPhrase> phrases) {
  std::sort(phrases.begin(), phrases.end(),
            [](const RankPhrase& a, const RankPhrase& b) { return a.rank < b.rank; });
  std::vector<Group> groups;
  for (RankPhrase& phrase : phrases) {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const Group& group) { return group.text == phrase.text; });
    if (found == groups.end()) {
      groups.push_back({std::move(phrase.text), {phrase.rank}, phrase.seconds});
    } else {
      found->ranks.push_back(phrase.rank);
      found->seconds = std::min(found->seconds, phrase.seconds);
    }
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.ranks.size() < b.ranks.size(); });
  std::string line;
  for (const Group& group : groups) line += (line.empty() ? "" : "; ") + sentence(group);
  return line;
}

std::string render_runs(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (last == i + 1) last = i;  // "1, 2", not "1-2"
    if (!text.empty()) text += ", ";
    text += std::to_string(numbers[i]);
    if (last > i) text += '-' + std::to_string(numbers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace colonnade
