// The events of all ranks, sent to all of them as JSON, side by side.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/step_recorder.hpp"

namespace colonnade {

using Json = nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Range, begin, end)

namespace app {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Holding, rows, cols, run, values)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SeenMatrix, name, site, equation, rows, cols, own, of_samples,
                                   sums_samples, partial, copies_differ, is_result)

static void to_json(Json& json, const SeenCall& call) {
  json = {{"kind", call.kind},
          {"group", call.group},
          {"account", call.account},
          {"type", call.type},
          {"reduction", call.reduction},
          {"overlaps", call.overlaps},
          {"pieces", call.pieces},
          {"unit", call.unit},
          {"bytes", call.bytes_sent},
          {"beside", call.numbers_beside},
          {"before", call.before.value()},
          {"after", call.after.value()}};
}

static void from_json(const Json& json, SeenCall& call) {
  json.at("kind").get_to(call.kind);
  json.at("group").get_to(call.group);
  json.at("account").get_to(call.account);
  json.at("type").get_to(call.type);
  json.at("reduction").get_to(call.reduction);
  json.at("overlaps").get_to(call.overlaps);
  json.at("pieces").get_to(call.pieces);
  json.at("unit").get_to(call.unit);
  json.at("bytes").get_to(call.bytes_sent);
  json.at("beside").get_to(call.numbers_beside);
  call.before = json.at("before").get<SeenMatrix>();
  call.after = json.at("after").get<SeenMatrix>();
}

static void to_json(Json& json, const SeenEvent& event) {
  json = {{"site", event.site},
          {"phase", event.phase},
          {"equation", event.equation},
          {"matrices", event.matrices}};
  if (event.call) json["call"] = *event.call;
}

static void from_json(const Json& json, SeenEvent& event) {
  json.at("site").get_to(event.site);
  json.at("phase").get_to(event.phase);
  json.at("equation").get_to(event.equation);
  json.at("matrices").get_to(event.matrices);
  if (json.contains("call")) event.call = json.at("call").get<SeenCall>();
}

namespace {

/// One event as all ranks have it, in the order of the world.
using Together = std::vector<const SeenEvent*>;

bool is_same(const SeenEvent& a, const SeenEvent& b) {
  const bool same_call =
      a.call.has_value() == b.call.has_value() &&
      (!a.call || (a.call->kind == b.call->kind && a.call->group == b.call->group));
  return same_call && a.site == b.site && a.phase == b.phase && a.equation == b.equation &&
         a.matrices.size() == b.matrices.size();
}

std::string section_of(const SeenEvent& event) {
  const std::string& account = event.call ? event.call->account : event.site;
  if (account == "loss" || account == "norm" || account == "update") return account;
  switch (event.phase) {
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::gradients:
      return "copies";
    case Phase::none:
      break;
  }
  return "update";
}

/// Among ranks of the same group, of which `group_of` tells the number.
template <class GroupOf>
Spread spread_of(const std::vector<Holding>& ranks, int group_size, bool is_partial,
                 const GroupOf& group_of) {
  if (group_size == 1) return Spread::alone;
  if (is_partial) return Spread::partial;
  for (std::size_t a = 0; a < ranks.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (group_of(a) == group_of(b) && !ranks[a].same_place(ranks[b])) return Spread::sharded;
  return Spread::replicated;
}

class Teller {
 public:
  Teller(const Job& job, std::vector<StoryRank> ranks) : job_(job), ranks_(std::move(ranks)) {}

  StoryStep step(const Together& events) const {
    const SeenEvent& first = *events.front();
    StoryStep step = {section_of(first), first.site, first.equation};
    for (std::size_t i = 0; i < first.matrices.size(); ++i) {
      step.matrices.push_back(matrix(
          events, [i](const SeenEvent& event) -> auto& { return event.matrices[i]; }));
    }
    if (first.call) {
      step.call = call(events);
      step.equation = std::string(to_string(first.call->kind)) + " of " + first.call->before->name;
    }
    return step;
  }

 private:
  template <class Choose>
  StoryMatrix matrix(const Together& events, const Choose& choose) const {
    const SeenMatrix& first = choose(*events.front());
    StoryMatrix all = {.name = first.name,
                       .site = first.site,
                       .equation = first.equation,
                       .rows = first.rows,
                       .cols = first.cols,
                       .is_result = first.is_result,
                       .partial = job_.mesh.tp > 1 ? first.partial : Partial::no,
                       .copies_differ = job_.mesh.dp > 1 && first.copies_differ,
                       .sums_samples = first.sums_samples};
    for (const SeenEvent* event : events) all.ranks.push_back(choose(*event).own);
    const auto tp_rank = [&](std::size_t i) { return ranks_[i].tp_rank; };
    const auto dp_rank = [&](std::size_t i) { return ranks_[i].dp_rank; };
    all.tp = spread_of(all.ranks, job_.mesh.tp, all.partial != Partial::no, dp_rank);
    all.dp = spread_of(all.ranks, job_.mesh.dp, all.copies_differ, tp_rank);
    return all;
  }

  std::vector<std::vector<int>> groups(bool tp) const {
    const auto rows = static_cast<std::size_t>(tp ? job_.mesh.dp : job_.mesh.tp);
    const auto columns = static_cast<std::size_t>(tp ? job_.mesh.tp : job_.mesh.dp);
    std::vector<std::vector<int>> groups(rows, std::vector<int>(columns));
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const auto row = static_cast<std::size_t>(tp ? ranks_[i].dp_rank : ranks_[i].tp_rank);
      const auto column = static_cast<std::size_t>(tp ? ranks_[i].tp_rank : ranks_[i].dp_rank);
      groups[row][column] = static_cast<int>(i);
    }
    return groups;
  }

  StoryCall call(const Together& events) const {
    const SeenCall& first = *events.front()->call;
    StoryCall all = {.kind = first.kind,
                     .group = first.group,
                     .account = first.account,
                     .reduction = first.reduction,
                     .overlaps = first.overlaps,
                     .numbers_beside = first.numbers_beside,
                     .groups = groups(first.group == "tp"),
                     .pieces = {},
                     .by_columns = first.before->of_samples,
                     .bytes_sent = {},
                     .transfers = {}};
    for (const SeenEvent* event : events) all.bytes_sent.push_back(event->call->bytes_sent);
    if (!first.pieces.empty()) all.pieces.resize(ranks_.size());
    for (const std::vector<int>& group : all.groups) add_transfers(events, group, all);
    all.before = matrix(
        events, [](const SeenEvent& event) -> auto& { return *event.call->before; });
    all.after = matrix(
        events, [](const SeenEvent& event) -> auto& { return *event.call->after; });
    return all;
  }

  /// A gather sends each rank's own piece, a scatter the receiver's. Of an all-reduce, which a
  /// transport may cut as it likes, each peer gets the same share.
  void add_transfers(const Together& events, const std::vector<int>& group, StoryCall& all) const {
    const auto peers = static_cast<Index>(group.size()) - 1;
    for (std::size_t from = 0; from < group.size(); ++from) {
      const auto rank = static_cast<std::size_t>(group[from]);
      const SeenCall& call = *events[rank]->call;
      if (!call.pieces.empty()) all.pieces[rank] = call.pieces[from];
      Index peer = 0;
      for (std::size_t to = 0; to < group.size(); ++to) {
        if (to == from) continue;
        Transfer transfer = {group[from], group[to]};
        if (call.kind == Collective::all_reduce) {
          transfer.bytes = shard_range(call.bytes_sent, peers, peer).size();
        } else {
          transfer.piece = call.pieces[call.kind == Collective::all_gather ? from : to];
          transfer.bytes =
              transfer.piece.size() * call.unit * static_cast<Index>(size_of(call.type));
        }
        ++peer;
        all.transfers.push_back(transfer);
      }
    }
  }

  const Job& job_;
  std::vector<StoryRank> ranks_;
};

}  // namespace

Story tell_together(Mesh& mesh, const Job& job, Index batch, const std::vector<SeenEvent>& events) {
  const Json own = {{"tp", mesh.tp().rank()}, {"dp", mesh.dp().rank()}, {"events", events}};
  Story story = {.job = job, .batch = batch, .ranks = {}, .steps = {}};
  std::vector<std::vector<SeenEvent>> all;
  for (const std::string& text : gather_text(mesh.world(), own.dump())) {
    const Json json = Json::parse(text);
    story.ranks.push_back({json.at("tp").get<int>(), json.at("dp").get<int>()});
    all.push_back(json.at("events").get<std::vector<SeenEvent>>());
  }
  const Teller teller(job, story.ranks);
  for (std::size_t i = 0; i < all.front().size(); ++i) {
    Together together;
    for (const std::vector<SeenEvent>& rank : all) {
      if (rank.size() != all.front().size() || !is_same(rank[i], all.front()[i])) {
        throw Error::agreed("ranks went through the step in different ways, at " +
                            all.front()[i].site + " " + all.front()[i].equation);
      }
      together.push_back(&rank[i]);
    }
    story.steps.push_back(teller.step(together));
  }
  return story;
}

}  // namespace app
}  // namespace colonnade
