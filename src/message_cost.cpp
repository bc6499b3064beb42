// Latency and bandwidth of collectives: what a group's messages take, and the line through that.
#include <algorithm>
#include <cmath>

#include "colonnade/limits.hpp"
#include "colonnade/tensor.hpp"

namespace colonnade {

namespace {

void check_messages(std::span<const TimedMessage> messages) {
  bool sizes_differ = false;
  for (const TimedMessage& message : messages) {
    sizes_differ = sizes_differ || message.bytes_sent != messages.front().bytes_sent;
    if (!(message.seconds > 0) || !std::isfinite(message.seconds)) {
      throw Error("a message without a time has no cost",
                  {.wanted = "seconds above 0", .found = std::to_string(message.seconds)});
    }
  }
  if (!sizes_differ) {
    throw Error("latency and bandwidth can't be told apart by messages of one size",
                {.wanted = "two sizes at least",
                 .found = std::to_string(messages.size()) + " messages of one size"});
  }
}

}  // namespace

// Minimizes the sum of ((latency + bytes beta - t) / t)^2: weighted least squares, by its two
// normal equations.
MessageCost fit_message_cost(std::span<const TimedMessage> messages) {
  check_messages(messages);
  double w = 0, wb = 0, wbb = 0, wt = 0, wbt = 0;
  for (const auto& [bytes, t] : messages) {
    const double weight = 1 / (t * t);
    w += weight;
    wb += weight * bytes;
    wbb += weight * bytes * bytes;
    wt += weight * t;
    wbt += weight * bytes * t;
  }
  const double determinant = w * wbb - wb * wb;
  const double latency = (wbb * wt - wb * wbt) / determinant;
  const double beta = (w * wbt - wb * wt) / determinant;
  // Where the best line has a negative number, the best without one has 0 in its place.
  if (latency < 0) return {.latency = 0, .seconds_per_byte = wbt / wbb};
  if (beta < 0) return {.latency = wt / w, .seconds_per_byte = 0};
  return {.latency = latency, .seconds_per_byte = beta};
}

double interpolate(std::span<const TimedMessage> messages, double bytes_sent) {
  if (messages.empty()) throw Error("no messages to interpolate between");
  const auto longer = std::find_if(messages.begin(), messages.end(), [&](const TimedMessage& m) {
    return m.bytes_sent >= bytes_sent;
  });
  if (longer == messages.begin()) return longer->seconds;
  const TimedMessage& shorter = *(longer - 1);
  if (longer == messages.end()) return shorter.seconds * bytes_sent / shorter.bytes_sent;
  const double share =
      (bytes_sent - shorter.bytes_sent) / (longer->bytes_sent - shorter.bytes_sent);
  return shorter.seconds + share * (longer->seconds - shorter.seconds);
}

inline namespace COLONNADE_PRECISION {

namespace {

/// One collective on buffers of `count` numbers, which lie where layers have theirs.
class Exchange {
 public:
  Exchange(ProcessGroup& group, Collective kind, SumOrder order, Index count)
      : group_(&group),
        kind_(kind),
        order_(order),
        cut_(count, group.size(), "numbers"),
        buffer_(1, count,
                kind == Collective::all_gather ? group.common_memory() : group.visible_memory()),
        whole_(buffer_.data(), static_cast<std::size_t>(count)),
        piece_(1, own().size(), group.memory()) {}

  void operator()() {
    switch (kind_) {
      case Collective::all_gather:
        return group_->all_gather(whole_, cut_.ranges());
      case Collective::reduce_scatter:
        return group_->reduce_scatter(
            std::span<const Scalar>(whole_),
            std::span(piece_.data(), static_cast<std::size_t>(piece_.size())), cut_.ranges(), 1,
            order_);
      default:
        return group_->all_reduce(whole_, Reduction::sum, order_);
    }
  }

  /// Each rank's numbers are its own: rank + 1. Leaves zeros behind, which stay zeros however often
  /// they are added.
  void check() {
    const int ranks = group_->size();
    fill(static_cast<Scalar>(group_->rank() + 1));
    (*this)();
    const bool scatters = kind_ == Collective::reduce_scatter;
    bool right = true;
    for (int owner = 0; owner < ranks && !scatters; ++owner) {
      const int want = kind_ == Collective::all_gather ? owner + 1 : ranks * (ranks + 1) / 2;
      right = right && all_are(buffer_.columns(cut_.range(owner)), want);
    }
    if (scatters) right = all_are(piece_, ranks * (ranks + 1) / 2);
    collectively(*group_, [&] {
      if (!right) {
        throw Error("wrong result of " + std::string(to_string(kind_)) + ", which is not timed");
      }
    });
    fill(0);
  }

  double bytes_sent() const {
    const auto ranks = static_cast<double>(group_->size());
    const double bytes = static_cast<double>(whole_.size() * sizeof(Scalar));
    return (kind_ == Collective::all_reduce ? 2 : 1) * bytes * (ranks - 1) / ranks;
  }

 private:
  /// What this rank writes before the collective.
  void fill(Scalar value) {
    const Range part = kind_ == Collective::all_gather ? own() : Range{0, buffer_.size()};
    write_from_host(buffer_.columns(part), [value](MatrixView numbers) {
      std::fill_n(numbers.data, numbers.size(), value);
    });
  }
  Range own() const { return cut_.range(group_->rank()); }
  static bool all_are(ConstMatrixView matrix, int want) {
    const OnHost numbers(matrix);
    return std::all_of(numbers.numbers().begin(), numbers.numbers().end(),
                       [&](Scalar x) { return x == static_cast<Scalar>(want); });
  }

  ProcessGroup* group_;
  Collective kind_;
  SumOrder order_;
  Sharding cut_;
  Tensor buffer_;
  std::span<Scalar> whole_;  // its numbers
  Tensor piece_;
};

}  // namespace

MeasuredCollective measure_collective(ProcessGroup& group, Collective kind, SumOrder order,
                                      double largest, const Patience& patience) {
  if (kind != Collective::all_gather && kind != Collective::reduce_scatter &&
      kind != Collective::all_reduce) {
    throw Error("this collective has no cost by size",
                {.wanted = "all-gather, reduce-scatter or all-reduce",
                 .found = std::string(to_string(kind))});
  }
  if (group.size() == 1) throw Error("one rank sends no messages that could be timed");
  constexpr double smallest = 64, at_least = 64 * 1024;
  MeasuredCollective measured{.kind = kind, .order = order, .messages = {}, .cost = {}};
  for (double bytes = smallest; bytes <= std::max(largest, at_least); bytes *= 4) {
    const Index numbers = static_cast<Index>(bytes / sizeof(Scalar));
    Exchange exchange(group, kind, order, std::max<Index>(numbers, group.size()));
    exchange.check();
    const Times times = time_together(group, patience, std::ref(exchange));
    measured.messages.push_back({exchange.bytes_sent(), times.smallest});
  }
  measured.cost = fit_message_cost(measured.messages);
  return measured;
}

}  // namespace COLONNADE_PRECISION
}  // namespace colonnade
