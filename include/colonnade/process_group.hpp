// A group of ranks and its collectives, typed, counted and timed. It is passed to whatever
// communicates and never global. Groups of one rank take the same path as all others.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "colonnade/device_memory.hpp"
#include "colonnade/memory.hpp"
#include "colonnade/timeline.hpp"
#include "colonnade/transport.hpp"

namespace colonnade {

template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, double> ||
    std::same_as<T, std::int64_t> || std::same_as<T, char>;

template <Element T>
constexpr DataType data_type() {
  if constexpr (std::same_as<T, float>) return DataType::float32;
  if constexpr (std::same_as<T, double>) return DataType::float64;
  if constexpr (std::same_as<T, std::int64_t>) return DataType::int64;
  return DataType::byte;
}

/// What one kind of collective, or all, cost this rank. bytes_sent is what a rank must send at
/// least, its peers being direct neighbours: M bytes on P ranks cost (P-1)/P M in a reduce-scatter,
/// as much in an all-gather, twice that in an all-reduce. What a library really sends may be more.
struct Traffic {
  std::int64_t calls = 0;
  std::int64_t bytes_sent = 0;
  double seconds = 0;

  Traffic& operator+=(const Traffic& other);
  friend Traffic operator-(const Traffic& a, const Traffic& b) {
    return {a.calls - b.calls, a.bytes_sent - b.bytes_sent, a.seconds - b.seconds};
  }
};

/// A part of a group's traffic, kept under a name: what a layer or a phase of a step cost.
struct Account {
  std::string name;
  std::array<Traffic, collective_count> traffic{};
};

class AccountScope;
class Observer;
class Place;

/// Move-only; one that was moved from has no ranks and must not be used. Tensors made with memory()
/// must be gone before their group is.
class ProcessGroup {
 public:
  /// `name` is for messages, up to 8 letters.
  explicit ProcessGroup(std::unique_ptr<Transport> transport, std::string_view name = "world");

  /// A group of this rank alone.
  static ProcessGroup self() { return ProcessGroup(make_self_transport(), "self"); }

  int rank() const { return transport_->rank(); }
  int size() const { return transport_->size(); }
  std::string_view transport_name() const { return transport_->name(); }

  // The collectives of Transport, whose tables of buffers say what each does.

  template <Element T>
  void all_gather(std::span<T> buffer, std::span<const Range> pieces, Index unit = 1) {
    all_gather_bytes(buffer.data(), static_cast<Index>(buffer.size()), pieces, unit,
                     data_type<T>());
  }

  template <Element T>
  void reduce_scatter(std::span<const T> send, std::span<T> receive, std::span<const Range> pieces,
                      Index unit = 1, SumOrder order = SumOrder::any) {
    reduce_scatter_bytes(send.data(), static_cast<Index>(send.size()), receive.data(),
                         static_cast<Index>(receive.size()), pieces, unit, data_type<T>(), order);
  }

  template <Element T>
  void all_reduce(std::span<T> buffer, Reduction reduction = Reduction::sum,
                  SumOrder order = SumOrder::any) {
    all_reduce_bytes(buffer.data(), static_cast<Index>(buffer.size()), data_type<T>(), reduction,
                     order);
  }

  /// all_reduce of one number.
  template <Element T>
  T all_reduce(T value, Reduction reduction = Reduction::sum, SumOrder order = SumOrder::any) {
    all_reduce(std::span<T>(&value, 1), reduction, order);
    return value;
  }

  /// One number of each rank, in rank order.
  template <Element T>
  std::vector<T> all_gather(T value) {
    std::vector<T> values(static_cast<std::size_t>(size()));
    values[static_cast<std::size_t>(rank())] = value;
    const Sharding one_each(size(), size(), "ranks");
    all_gather(std::span<T>(values), one_each.ranges());
    return values;
  }

  template <Element T>
  void broadcast(std::span<T> buffer, int root) {
    broadcast_bytes(buffer.data(), static_cast<Index>(buffer.size()), data_type<T>(), root);
  }

  void barrier();

  // Collectives that overlap with computing: Transport says what may be done with buffers
  // meanwhile. They count as what they are, calls and bytes when they start, and as seconds what
  // this rank spends in start, progress and finish, under the account they were started with. Of
  // several that are under way progress counts for the first.

  /// Whether it is of use to compute between start and finish.
  bool overlaps() const { return transport_->overlaps(); }

  template <Element T>
  void start_all_gather(std::span<T> buffer, std::span<const Range> pieces, Index unit = 1) {
    start_all_gather_bytes(buffer.data(), static_cast<Index>(buffer.size()), pieces, unit,
                           data_type<T>());
  }

  template <Element T>
  void start_all_reduce(std::span<T> buffer) {
    start_all_reduce_bytes(buffer.data(), static_cast<Index>(buffer.size()), data_type<T>());
  }

  template <Element T>
  void start_reduce_scatter(std::span<const T> send, std::span<T> receive,
                            std::span<const Range> pieces, Index unit = 1) {
    start_reduce_scatter_bytes(send.data(), static_cast<Index>(send.size()), receive.data(),
                               static_cast<Index>(receive.size()), pieces, unit, data_type<T>());
  }

  /// Whether something was started and not finished.
  bool is_under_way() const { return !started_.empty(); }

  /// Nothing happens where nothing is under way.
  void progress();
  /// Ends what was started first of all that is under way.
  void finish_first();
  /// Ends all that is under way.
  void finish();

  /// The ranks with the same color, ordered by key and then rank. Collective.
  ProcessGroup split(int color, int key, std::string_view name = "part");

  ProcessGroup split_by_node();

  /// From now on this group, and every one that is split from it, compares fingerprints and writes
  /// to `place` where this rank is. Collective; for Watchdog.
  void watch(std::shared_ptr<Place> place);

  /// From now on this group, and every one that is split from it, records in `timeline` what this
  /// rank does; null ends it here. All ranks give one, or none of them. Collective, and not
  /// counted.
  void record(std::shared_ptr<Timeline> timeline);

  bool is_recorded() const { return timeline_ != nullptr; }

  /// Whether the seconds of traffic are what collectives took. On GPUs they return before they are
  /// done, and only a recorded group waits for them.
  bool times_collectives() const { return is_recorded() || host_reaches_device_memory(); }

  /// Records what this rank does until the end of the scope, as a part of the account and phase
  /// that its collectives are charged to now. `number` is that of a step. The group must stay where
  /// it is meanwhile.
  Span span(Activity activity, std::int64_t number = 0) {
    return span_from(Span::Begin::now, activity, number);
  }
  /// The same for what follows at once on what was recorded last: one look at the clock is the end
  /// of that and the beginning of this.
  Span next_span(Activity activity) { return span_from(Span::Begin::at_last_look, activity, 0); }

  /// From now on `observer`, which must outlive the group, sees what is computed beside this group
  /// and stands between it and its transport. Nothing may be under way.
  void observe(Observer& observer);
  /// Null where nobody observes.
  Observer* observer() const { return observer_; }
  /// That of the innermost charge().
  Phase phase() const { return phase_; }

  /// Says that the ranks of this group have chosen their devices, as choose_device does.
  /// Collective, and not counted.
  void device_chosen() { transport_->device_chosen(); }

  /// A file that is there, for all ranks to write their parts of. Collective, and not counted.
  std::unique_ptr<SharedFile> open_shared(const std::string& path);

  const Traffic& traffic(Collective kind) const { return traffic_[static_cast<std::size_t>(kind)]; }
  Traffic total_traffic() const;

  // All traffic is also kept by account, so that the sums above can be told apart. Account 0, whose
  // name is empty, takes what is not charged to another.

  /// The index of the account of this name, which is added if there is none.
  int account(std::string_view name);

  /// What this rank calls during the life of the scope goes to `account`, and messages about it say
  /// which phase it belongs to. Scopes nest.
  [[nodiscard]] AccountScope charge(int account, Phase phase = Phase::none);

  Traffic traffic(int account, Collective kind) const;
  std::span<const Account> accounts() const { return accounts_; }

  // For work that a device does again (Replay), collectives included.

  /// Whether it may: no rank calls anything then, so that nobody can record, watch or observe it.
  /// The same on all ranks.
  bool is_replayable() const {
    return transport_->is_replayable() && timeline_ == nullptr && observer_ == nullptr;
  }
  /// Counts calls and bytes of `again` once more, but no time: nobody knows it. The accounts are
  /// this group's.
  void count_again(std::span<const Account> again);

  /// What tensors of the recorded work lay in, nobody else's until the reservation ends.
  RecyclingMemory::Reservation reserve_memory() { return RecyclingMemory::Reservation(*memory_); }

  /// Where tensors of a step live: device memory, kept from step to step.
  std::pmr::memory_resource* memory() { return memory_.get(); }
  /// The same in the program's own memory, for what is no tensor.
  std::pmr::memory_resource* host_memory() { return host_memory_.get(); }

  // Where those live that a collective of this group moves, so that ranks which share memory need
  // not copy them. All ranks take and give back tensors of the same sizes in the same order beside
  // these collectives. Where ranks share no memory both are memory().

  /// For the buffer of an all-gather: one tensor for all ranks of a node. Each rank writes its own
  /// columns before the all-gather, and nobody writes to it after.
  std::pmr::memory_resource* common_memory() { return or_own(transport_->common_memory()); }

  /// For the buffer that a reduce-scatter or all-reduce sums: each rank has its own. Not for that
  /// of an all-gather.
  std::pmr::memory_resource* visible_memory() { return or_own(transport_->visible_memory()); }

 private:
  Span span_from(Span::Begin begin, Activity activity, std::int64_t number) {
    if (timeline_ == nullptr) return {};
    return {*timeline_,   begin, activity, phase_, sites_[static_cast<std::size_t>(account_)],
            recorded_as_, number};
  }
  void all_gather_bytes(void* buffer, Index count, std::span<const Range> pieces, Index unit,
                        DataType type);
  void reduce_scatter_bytes(const void* send, Index send_count, void* receive, Index receive_count,
                            std::span<const Range> pieces, Index unit, DataType type,
                            SumOrder order);
  void all_reduce_bytes(void* buffer, Index count, DataType type, Reduction reduction,
                        SumOrder order);
  void start_all_gather_bytes(void* buffer, Index count, std::span<const Range> pieces, Index unit,
                              DataType type);
  void start_all_reduce_bytes(void* buffer, Index count, DataType type);
  void start_reduce_scatter_bytes(const void* send, Index send_count, void* receive,
                                  Index receive_count, std::span<const Range> pieces, Index unit,
                                  DataType type);
  void broadcast_bytes(void* buffer, Index count, DataType type, int root);
  std::pmr::memory_resource* or_own(std::pmr::memory_resource* shared) {
    return shared != nullptr ? shared : memory_.get();
  }
  ProcessGroup split_off(std::string_view name,
                         const std::function<std::unique_ptr<Transport>()>& split);
  Fingerprint next_call(Collective kind, Index count, DataType type, std::int32_t detail);
  template <class Work>
  void measured(const Fingerprint& call, Activity activity, Index bytes_sent, Work&& work);
  template <class Work>
  void measured_in_flight(Activity activity, Work&& work);
  void settle() const {
    if (timeline_ != nullptr) timeline_->settle();
  }
  void count(const Fingerprint& call, Activity activity, int account, Traffic traffic,
             std::int64_t begin);

  friend class AccountScope;

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<RecyclingMemory> memory_;
  std::unique_ptr<RecyclingMemory> host_memory_;
  std::array<Traffic, collective_count> traffic_{};  // the sum over accounts
  std::vector<Account> accounts_ = std::vector<Account>(1);
  int account_ = 0;
  Phase phase_ = Phase::none;
  struct Started {
    Fingerprint call;
    int account;
  };
  std::vector<Started> started_;  // what is under way, in this order
  ShortText<9> name_;
  int world_rank_;
  double seconds_per_tick_;
  std::int64_t calls_ = 0;
  std::shared_ptr<Place> place_;        // null: nobody watches
  std::shared_ptr<Timeline> timeline_;  // null: nobody records
  Observer* observer_ = nullptr;
  std::vector<std::uint16_t> sites_;  // of each account, in the timeline
  std::uint16_t recorded_as_ = 0;     // this group's index in the timeline
};

/// Charges a group's traffic to one account until its end, and to the former one again after it.
/// The group must stay where it is meanwhile.
class [[nodiscard]] AccountScope {
 public:
  AccountScope(ProcessGroup& group, int account, Phase phase)
      : group_(group),
        former_(std::exchange(group.account_, account)),
        former_phase_(std::exchange(group.phase_, phase)) {}
  ~AccountScope() {
    group_.account_ = former_;
    group_.phase_ = former_phase_;
  }
  AccountScope(const AccountScope&) = delete;
  AccountScope& operator=(const AccountScope&) = delete;

 private:
  ProcessGroup& group_;
  int former_;
  Phase former_phase_;
};

/// Runs `work`, which must not communicate, on every rank and lets all ranks agree on how it went:
/// if it threw on any, every rank throws the error of the lowest of these ranks, as an agreed one.
/// So bad input on one rank ends all ranks alike and leaves none of them waiting.
void collectively(ProcessGroup& group, const std::function<void()>& work);

/// Gives every rank the text of `speaker`, whatever its length. Collective.
void broadcast_text(ProcessGroup& group, std::string& text, int speaker);

/// The text of every rank, in rank order, on every rank. Collective.
std::vector<std::string> gather_text(ProcessGroup& group, const std::string& text);

}  // namespace colonnade
