#include "colonnade/process_group.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "backend_transport.hpp"
#include "colonnade/observer.hpp"
#include "place.hpp"
#include "watched_file.hpp"

namespace colonnade {

Traffic& Traffic::operator+=(const Traffic& other) {
  calls += other.calls;
  bytes_sent += other.bytes_sent;
  seconds += other.seconds;
  return *this;
}

namespace {

void check_pieces(std::span<const Range> pieces, Index unit, Index count, int ranks) {
  Index covered = 0;  // up to the first gap, overlap or negative length
  for (const Range piece : pieces) {
    if (piece.begin != covered || piece.end < piece.begin) break;
    covered = piece.end;
  }
  const bool whole = pieces.empty() || covered == pieces.back().end;
  if (static_cast<int>(pieces.size()) == ranks && whole && covered * unit == count) return;
  throw Error("pieces of a collective don't fit its buffer",
              {.wanted = std::to_string(ranks) + " pieces without gaps, " + std::to_string(count) +
                         " elements",
               .found = std::to_string(pieces.size()) + " pieces, " +
                        std::to_string(covered * unit) + " elements without a gap"});
}

/// How many elements a rank keeps, once buffers and pieces are known to fit.
Index checked_own_count(std::span<const Range> pieces, Index unit, Index send_count,
                        Index receive_count, int ranks, int rank) {
  check_pieces(pieces, unit, send_count, ranks);
  const Index own = pieces[static_cast<std::size_t>(rank)].size() * unit;
  if (receive_count != own) {
    throw Error(
        "receive buffer of a reduce-scatter doesn't fit the rank's piece",
        {.wanted = std::to_string(own) + " elements", .found = std::to_string(receive_count)});
  }
  return own;
}

Index bytes_of(Index count, DataType type) {
  return count * static_cast<Index>(size_of(type));
}

std::int32_t detail_of(Reduction reduction, SumOrder order) {
  return static_cast<std::int32_t>(reduction) + (order == SumOrder::tree ? 4 : 0);
}

/// Pieces that add up to the same buffer may still be cut in different places.
std::int32_t detail_of(std::span<const Range> pieces, Index unit, SumOrder order) {
  auto digest = static_cast<std::uint64_t>(2 * unit + (order == SumOrder::tree ? 1 : 0));
  for (const Range piece : pieces)
    digest = (digest ^ static_cast<std::uint64_t>(piece.end)) * 0x9e3779b97f4a7c15u;
  return static_cast<std::int32_t>(digest >> 32);
}

void check_account(std::span<const Account> accounts, int account) {
  if (account >= 0 && static_cast<std::size_t>(account) < accounts.size()) return;
  throw Error("no such account of a process group's traffic",
              {.wanted = "less than " + std::to_string(accounts.size()),
               .found = std::to_string(account),
               .hint = "ProcessGroup::account gives the index of a name"});
}

}  // namespace

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport, std::string_view name)
    : transport_(backend_transport(std::move(transport))),
      memory_(std::make_unique<RecyclingMemory>(device_memory())),
      host_memory_(std::make_unique<RecyclingMemory>(system_memory())),
      name_(name),
      world_rank_(transport_->rank()),
      seconds_per_tick_(seconds_per_tick()) {}

Fingerprint ProcessGroup::next_call(Collective kind, Index count, DataType type,
                                    std::int32_t detail) {
  return {.site = ShortText<28>(accounts_[static_cast<std::size_t>(account_)].name),
          .group = name_,
          .kind = kind,
          .type = type,
          .phase = phase_,
          .sequence = ++calls_,
          .count = count,
          .detail = detail,
          .rank = world_rank_};
}

template <class Work>
void ProcessGroup::measured(const Fingerprint& call, Activity activity, Index bytes_sent,
                            Work&& work) {
  settle();
  const std::int64_t begin = ticks();
  {
    const Inside inside(place_.get(), Whereabouts::inside, call);
    transport_->announce(call);
    work();
  }
  count(call, activity, account_, {.calls = 1, .bytes_sent = bytes_sent}, begin);
}

template <class Work>
void ProcessGroup::measured_in_flight(Activity activity, Work&& work) {
  if (started_.empty()) return;
  settle();
  const std::int64_t begin = ticks();
  {
    const bool waits = activity == Activity::finish;
    const Inside inside(waits ? place_.get() : nullptr, Whereabouts::finishing,
                        started_.front().call);
    work();
  }
  count(started_.front().call, activity, started_.front().account, {}, begin);
}

void ProcessGroup::count(const Fingerprint& call, Activity activity, int account, Traffic traffic,
                         std::int64_t begin) {
  settle();
  const std::int64_t end = ticks_after();
  traffic.seconds = static_cast<double>(end - begin) * seconds_per_tick_;
  const auto k = static_cast<std::size_t>(call.kind);
  traffic_[k] += traffic;
  accounts_[static_cast<std::size_t>(account)].traffic[k] += traffic;
  if (timeline_ == nullptr) return;
  timeline_->add({.begin = begin,
                  .end = end,
                  .number = call.sequence,
                  .bytes_sent = traffic.bytes_sent,
                  .site = sites_[static_cast<std::size_t>(account)],
                  .group = recorded_as_,
                  .activity = activity,
                  .phase = call.phase,
                  .kind = call.kind});
}

void ProcessGroup::all_gather_bytes(void* buffer, Index count, std::span<const Range> pieces,
                                    Index unit, DataType type) {
  check_pieces(pieces, unit, count, size());
  const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
  measured(next_call(Collective::all_gather, count, type, detail_of(pieces, unit, SumOrder::any)),
           Activity::collective, bytes_of(own, type) * (size() - 1),
           [&] { transport_->all_gather(buffer, pieces, unit, type); });
}

void ProcessGroup::reduce_scatter_bytes(const void* send, Index send_count, void* receive,
                                        Index receive_count, std::span<const Range> pieces,
                                        Index unit, DataType type, SumOrder order) {
  const Index own = checked_own_count(pieces, unit, send_count, receive_count, size(), rank());
  measured(next_call(Collective::reduce_scatter, send_count, type, detail_of(pieces, unit, order)),
           Activity::collective, bytes_of(send_count - own, type),
           [&] { transport_->reduce_scatter(send, receive, pieces, unit, type, order); });
}

void ProcessGroup::all_reduce_bytes(void* buffer, Index count, DataType type, Reduction reduction,
                                    SumOrder order) {
  measured(next_call(Collective::all_reduce, count, type, detail_of(reduction, order)),
           Activity::collective, 2 * bytes_of(count, type) * (size() - 1) / size(),
           [&] { transport_->all_reduce(buffer, count, type, reduction, order); });
}

void ProcessGroup::start_all_gather_bytes(void* buffer, Index count, std::span<const Range> pieces,
                                          Index unit, DataType type) {
  check_pieces(pieces, unit, count, size());
  const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
  const Fingerprint call =
      next_call(Collective::all_gather, count, type, detail_of(pieces, unit, SumOrder::any));
  measured(call, Activity::start, bytes_of(own, type) * (size() - 1),
           [&] { transport_->start_all_gather(buffer, pieces, unit, type); });
  started_.push_back({call, account_});
}

void ProcessGroup::start_all_reduce_bytes(void* buffer, Index count, DataType type) {
  const Fingerprint call =
      next_call(Collective::all_reduce, count, type, detail_of(Reduction::sum, SumOrder::any));
  measured(call, Activity::start, 2 * bytes_of(count, type) * (size() - 1) / size(),
           [&] { transport_->start_all_reduce(buffer, count, type); });
  started_.push_back({call, account_});
}

void ProcessGroup::start_reduce_scatter_bytes(const void* send, Index send_count, void* receive,
                                              Index receive_count, std::span<const Range> pieces,
                                              Index unit, DataType type) {
  const Index own = checked_own_count(pieces, unit, send_count, receive_count, size(), rank());
  const Fingerprint call = next_call(Collective::reduce_scatter, send_count, type,
                                     detail_of(pieces, unit, SumOrder::any));
  measured(call, Activity::start, bytes_of(send_count - own, type),
           [&] { transport_->start_reduce_scatter(send, receive, pieces, unit, type); });
  started_.push_back({call, account_});
}

void ProcessGroup::progress() {
  measured_in_flight(Activity::progress, [&] { transport_->progress(); });
}

void ProcessGroup::finish_first() {
  measured_in_flight(Activity::finish, [&] { transport_->finish_first(); });
  if (!started_.empty()) started_.erase(started_.begin());
}

void ProcessGroup::finish() {
  while (is_under_way()) finish_first();
}

void ProcessGroup::broadcast_bytes(void* buffer, Index count, DataType type, int root) {
  const Index peers = rank() == root ? size() - 1 : 0;
  measured(next_call(Collective::broadcast, count, type, root), Activity::collective,
           bytes_of(count, type) * peers,
           [&] { transport_->broadcast(buffer, count, type, root); });
}

void ProcessGroup::barrier() {
  measured(next_call(Collective::barrier, 0, DataType::byte, 0), Activity::collective, 0,
           [&] { transport_->barrier(); });
}

ProcessGroup ProcessGroup::split_off(std::string_view name,
                                     const std::function<std::unique_ptr<Transport>()>& split) {
  const Fingerprint call = next_call(Collective::split, 0, DataType::byte, 0);
  const Inside inside(place_.get(), Whereabouts::inside, call);
  transport_->announce(call);
  ProcessGroup part(split(), name);
  part.world_rank_ = world_rank_;
  part.place_ = place_;
  part.transport_->watch(place_);
  part.record(timeline_);
  return part;
}

ProcessGroup ProcessGroup::split(int color, int key, std::string_view name) {
  return split_off(name, [&] { return transport_->split(color, key); });
}

ProcessGroup ProcessGroup::split_by_node() {
  return split_off("node", [&] { return transport_->split_by_node(); });
}

std::unique_ptr<SharedFile> ProcessGroup::open_shared(const std::string& path) {
  const Fingerprint call = next_call(Collective::file, 0, DataType::byte, 0);
  const Inside inside(place_.get(), Whereabouts::inside, call);
  transport_->announce(call);
  std::unique_ptr<SharedFile> file = transport_->open_shared(path);
  return place_ == nullptr ? std::move(file) : watched(std::move(file), place_, call);
}

void ProcessGroup::watch(std::shared_ptr<Place> place) {
  transport_->compare_announcements();
  transport_->watch(place);
  place_ = std::move(place);
}

void ProcessGroup::record(std::shared_ptr<Timeline> timeline) {
  timeline_ = std::move(timeline);
  if (timeline_ == nullptr) return;
  sites_.clear();
  for (const Account& account : accounts_) sites_.push_back(timeline_->site(account.name));
  std::array<std::int64_t, 2> id = {world_rank_, std::ssize(timeline_->groups())};
  const Fingerprint call = next_call(Collective::split, 2, DataType::int64, 0);
  const Inside inside(place_.get(), Whereabouts::inside, call);
  transport_->announce(call);
  transport_->broadcast(id.data(), 2, DataType::int64, 0);
  recorded_as_ = timeline_->add_group(
      {std::string(name_.view()), {static_cast<int>(id[0]), static_cast<int>(id[1])}, size()});
}

void ProcessGroup::observe(Observer& observer) {
  transport_ = observer.listen(std::move(transport_), name_.view());
  observer_ = &observer;
}

Traffic ProcessGroup::total_traffic() const {
  Traffic total;
  for (const Traffic& traffic : traffic_) total += traffic;
  return total;
}

int ProcessGroup::account(std::string_view name) {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [=](const Account& account) { return account.name == name; });
  if (found != accounts_.end()) return static_cast<int>(found - accounts_.begin());
  accounts_.push_back({.name = std::string(name)});
  if (timeline_ != nullptr) sites_.push_back(timeline_->site(name));
  return static_cast<int>(accounts_.size()) - 1;
}

void ProcessGroup::count_again(std::span<const Account> again) {
  for (std::size_t i = 0; i < again.size(); ++i) {
    for (std::size_t kind = 0; kind < collective_count; ++kind) {
      const Traffic once = {.calls = again[i].traffic[kind].calls,
                            .bytes_sent = again[i].traffic[kind].bytes_sent};
      traffic_[kind] += once;
      accounts_[i].traffic[kind] += once;
      calls_ += once.calls;
    }
  }
}

AccountScope ProcessGroup::charge(int account, Phase phase) {
  check_account(accounts_, account);
  return AccountScope(*this, account, phase);
}

Traffic ProcessGroup::traffic(int account, Collective kind) const {
  check_account(accounts_, account);
  return accounts_[static_cast<std::size_t>(account)].traffic[static_cast<std::size_t>(kind)];
}

}  // namespace colonnade
