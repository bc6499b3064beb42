#include "colonnade/process_group.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace colonnade {

std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::byte:
      return 1;
    case DataType::float32:
      return 4;
    case DataType::int64:
    case DataType::float64:
      return 8;
  }
  return 0;
}

std::string_view to_string(Collective kind) {
  switch (kind) {
    case Collective::all_gather:
      return "all-gather";
    case Collective::reduce_scatter:
      return "reduce-scatter";
    case Collective::all_reduce:
      return "all-reduce";
    case Collective::broadcast:
      return "broadcast";
    case Collective::barrier:
      return "barrier";
  }
  return "";
}

Traffic& Traffic::operator+=(const Traffic& other) {
  calls += other.calls;
  bytes_sent += other.bytes_sent;
  seconds += other.seconds;
  return *this;
}

namespace {

class SelfTransport final : public Transport {
 public:
  std::string_view name() const override { return "self"; }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_gather(void*, std::span<const Range>, Index, DataType) override {}
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder) override {
    const auto bytes = static_cast<std::size_t>(pieces[0].size() * unit) * size_of(type);
    if (bytes > 0) std::memcpy(receive, send, bytes);
  }
  void all_reduce(void*, Index, DataType, Reduction, SumOrder) override {}
  void broadcast(void*, Index, DataType, int) override {}
  void barrier() override {}
  void start_all_reduce(void*, Index, DataType) override {}
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    reduce_scatter(send, receive, pieces, unit, type, SumOrder::any);
  }
  void progress() override {}
  void finish() override {}
  std::unique_ptr<Transport> split(int, int) override { return make_self_transport(); }
  std::unique_ptr<Transport> split_by_node() override { return make_self_transport(); }
};

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

void check_account(std::span<const Account> accounts, int account) {
  if (account >= 0 && static_cast<std::size_t>(account) < accounts.size()) return;
  throw Error("no such account of a process group's traffic",
              {.wanted = "less than " + std::to_string(accounts.size()),
               .found = std::to_string(account),
               .hint = "ProcessGroup::account gives the index of a name"});
}

}  // namespace

std::unique_ptr<Transport> make_self_transport() {
  return std::make_unique<SelfTransport>();
}

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)), memory_(std::make_unique<RecyclingMemory>()) {}

template <class Call>
void ProcessGroup::measured(Collective kind, Index bytes_sent, Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  count(kind, account_, {1, bytes_sent, elapsed.count()});
}

template <class Call>
void ProcessGroup::measured_in_flight(Call&& call) {
  if (!started_) return;
  const auto begin = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  count(started_->kind, started_->account, {0, 0, elapsed.count()});
}

void ProcessGroup::count(Collective kind, int account, const Traffic& traffic) {
  const auto k = static_cast<std::size_t>(kind);
  traffic_[k] += traffic;
  accounts_[static_cast<std::size_t>(account)].traffic[k] += traffic;
}

void ProcessGroup::all_gather_bytes(void* buffer, Index count, std::span<const Range> pieces,
                                    Index unit, DataType type) {
  check_pieces(pieces, unit, count, size());
  const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
  measured(Collective::all_gather, bytes_of(own, type) * (size() - 1),
           [&] { transport_->all_gather(buffer, pieces, unit, type); });
}

void ProcessGroup::reduce_scatter_bytes(const void* send, Index send_count, void* receive,
                                        Index receive_count, std::span<const Range> pieces,
                                        Index unit, DataType type, SumOrder order) {
  const Index own = checked_own_count(pieces, unit, send_count, receive_count, size(), rank());
  measured(Collective::reduce_scatter, bytes_of(send_count - own, type),
           [&] { transport_->reduce_scatter(send, receive, pieces, unit, type, order); });
}

void ProcessGroup::all_reduce_bytes(void* buffer, Index count, DataType type, Reduction reduction,
                                    SumOrder order) {
  measured(Collective::all_reduce, 2 * bytes_of(count, type) * (size() - 1) / size(),
           [&] { transport_->all_reduce(buffer, count, type, reduction, order); });
}

void ProcessGroup::start_all_reduce_bytes(void* buffer, Index count, DataType type) {
  measured(Collective::all_reduce, 2 * bytes_of(count, type) * (size() - 1) / size(),
           [&] { transport_->start_all_reduce(buffer, count, type); });
  started_ = {Collective::all_reduce, account_};
}

void ProcessGroup::start_reduce_scatter_bytes(const void* send, Index send_count, void* receive,
                                              Index receive_count, std::span<const Range> pieces,
                                              Index unit, DataType type) {
  const Index own = checked_own_count(pieces, unit, send_count, receive_count, size(), rank());
  measured(Collective::reduce_scatter, bytes_of(send_count - own, type),
           [&] { transport_->start_reduce_scatter(send, receive, pieces, unit, type); });
  started_ = {Collective::reduce_scatter, account_};
}

void ProcessGroup::progress() {
  measured_in_flight([&] { transport_->progress(); });
}

void ProcessGroup::finish() {
  measured_in_flight([&] { transport_->finish(); });
  started_.reset();
}

void ProcessGroup::broadcast_bytes(void* buffer, Index count, DataType type, int root) {
  const Index peers = rank() == root ? size() - 1 : 0;
  measured(Collective::broadcast, bytes_of(count, type) * peers,
           [&] { transport_->broadcast(buffer, count, type, root); });
}

void ProcessGroup::barrier() {
  measured(Collective::barrier, 0, [&] { transport_->barrier(); });
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
  return static_cast<int>(accounts_.size()) - 1;
}

AccountScope ProcessGroup::charge(int account) {
  check_account(accounts_, account);
  return AccountScope(*this, account);
}

Traffic ProcessGroup::traffic(int account, Collective kind) const {
  check_account(accounts_, account);
  return accounts_[static_cast<std::size_t>(account)].traffic[static_cast<std::size_t>(kind)];
}

namespace {

/// Gives every rank the text of `speaker`, whatever its length.
void broadcast_text(ProcessGroup& group, std::string& text, int speaker) {
  std::int64_t length = static_cast<std::int64_t>(text.size());
  group.broadcast(std::span(&length, 1), speaker);
  text.resize(static_cast<std::size_t>(length));
  group.broadcast(std::span(text.data(), text.size()), speaker);
}

}  // namespace

void collectively(ProcessGroup& group, const std::function<void()>& work) {
  std::string text;
  bool failed = false;
  try {
    work();
  } catch (const std::bad_alloc&) {
    failed = true;
    text =
        Error("not enough memory", {.hint = "use more nodes or less data, width or batch"}).what();
  } catch (const std::exception& error) {
    failed = true;
    text = error.what();
  }
  const std::int64_t none = group.size();
  const std::int64_t first = group.all_reduce(failed ? group.rank() : none, Reduction::min);
  if (first == none) return;
  broadcast_text(group, text, static_cast<int>(first));
  throw Error::agreed(text);
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
