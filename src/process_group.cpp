#include "colonnade/process_group.hpp"

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
                      DataType type) override {
    const auto bytes = static_cast<std::size_t>(pieces[0].size() * unit) * size_of(type);
    if (bytes > 0) std::memcpy(receive, send, bytes);
  }
  void all_reduce(void*, Index, DataType, Reduction) override {}
  void broadcast(void*, Index, DataType, int) override {}
  void barrier() override {}
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

Index bytes_of(Index count, DataType type) {
  return count * static_cast<Index>(size_of(type));
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
  traffic_[static_cast<std::size_t>(kind)] += {1, bytes_sent, elapsed.count()};
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
                                        Index unit, DataType type) {
  check_pieces(pieces, unit, send_count, size());
  const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
  if (receive_count != own) {
    throw Error(
        "receive buffer of a reduce-scatter doesn't fit the rank's piece",
        {.wanted = std::to_string(own) + " elements", .found = std::to_string(receive_count)});
  }
  measured(Collective::reduce_scatter, bytes_of(send_count - own, type),
           [&] { transport_->reduce_scatter(send, receive, pieces, unit, type); });
}

void ProcessGroup::all_reduce_bytes(void* buffer, Index count, DataType type, Reduction reduction) {
  measured(Collective::all_reduce, 2 * bytes_of(count, type) * (size() - 1) / size(),
           [&] { transport_->all_reduce(buffer, count, type, reduction); });
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
