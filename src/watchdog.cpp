// The watchdog's thread wakes a few times a second, looks at the ranks of its process, answers
// questions of other processes, and asks them itself when a rank has waited for too long.
#include "colonnade/watchdog.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "colonnade/render.hpp"
#include "place.hpp"
#include "rank_list.hpp"
#include "side_channel.hpp"

namespace colonnade {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds answer_time{1.5};  // after which a process counts as stopped or dead
constexpr Seconds resend_time{0.15};

Clock::duration clock_duration(Seconds seconds) {
  return std::chrono::duration_cast<Clock::duration>(seconds);
}

double seconds_of(std::int64_t nanoseconds) {
  return 1e-9 * static_cast<double>(nanoseconds);
}

Secret random_secret() {
  Secret secret{};
  if (getrandom(secret.data(), sizeof secret, 0) == static_cast<ssize_t>(sizeof secret))
    return secret;
  throw Error("no random numbers to be had for the watchdog", {.found = system_message()});
}

RankPhrase phrase_of(int rank, const std::optional<Sighting>& sighting) {
  if (!sighting) return {.rank = rank, .text = "not answering: stopped or dead"};
  const std::string call = describe(sighting->call);
  switch (sighting->where) {
    case Whereabouts::nowhere:
      break;
    case Whereabouts::inside:
      return {.rank = rank, .text = "in " + call};
    case Whereabouts::finishing:
      return {.rank = rank, .text = "waiting for the end of " + call};
    case Whereabouts::outside:
      return {rank, "computing after " + call, seconds_of(sighting->nanoseconds)};
  }
  return {.rank = rank, .text = "yet to call a collective"};
}

}  // namespace

class Watchdog::Watcher {
 public:
  Watcher(double seconds, Report report);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void watch(ProcessGroup& world);

 private:
  /// What has been found out about the ranks, on behalf of one that waits.
  struct Round {
    int rank = 0;
    std::uint64_t number = 0;
    Clock::time_point ends, asks_again;
    std::vector<std::optional<Sighting>> sightings;

    bool is_complete() const {
      return std::all_of(sightings.begin(), sightings.end(),
                         [](const auto& sighting) { return sighting.has_value(); });
    }
  };

  void meet_processes(ProcessGroup& world, const std::vector<std::string>& identities);
  void start();
  void run();
  void sleep() const;
  void receive(Clock::time_point now);
  bool is_here(int rank) const { return places_[static_cast<std::size_t>(rank)] != nullptr; }
  Sighting look(int rank, Clock::time_point now) const;
  double patience(int rank) const;
  std::optional<int> first_overdue(Clock::time_point now) const;
  void begin_round(int rank, Clock::time_point now);
  void continue_round(Clock::time_point now);
  void conclude(const Round& round, Clock::time_point now);

  const double seconds_;
  const Report report_;
  const Secret own_secret_ = random_secret();
  const Clock::duration tick_;
  int wake_ = -1;
  std::thread thread_;
  std::atomic<bool> stops_ = false;

  // Filled in by watch() before the thread starts.
  std::mutex mutex_;  // ranks that are threads come together
  int ranks_to_come_ = 0;
  std::vector<std::shared_ptr<Place>> places_;  // by rank of the world; null: in another process
  std::vector<std::string> addresses_;          // by rank of the world
  SideChannel channel_;

  // The thread's own.
  Clock::time_point awake_since_ = Clock::now();
  Clock::time_point quiet_until_ = Clock::now();
  std::optional<Round> round_;
  std::uint64_t rounds_ = 0;
  bool reported_ = false;
};

Watchdog::Watcher::Watcher(double seconds, Report report)
    : seconds_(seconds),
      report_(std::move(report)),
      tick_(clock_duration(Seconds(std::clamp(seconds / 8, 0.005, 0.25)))),
      wake_(eventfd(0, EFD_CLOEXEC)) {
  if (wake_ < 0) throw Error("cannot start the watchdog", {.found = system_message()});
}

Watchdog::Watcher::~Watcher() {
  stops_ = true;
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  close(wake_);
}

// A rank's identity is its process's: the watchdog's secret, and the network it is in. The first
// rank's secret becomes the job's.
void Watchdog::Watcher::watch(ProcessGroup& world) {
  char secret[40];
  std::snprintf(secret, sizeof secret, "%016llx%016llx",
                static_cast<unsigned long long>(own_secret_[0]),
                static_cast<unsigned long long>(own_secret_[1]));
  const std::string identity = secret + (" " + SideChannel::network());
  const std::vector<std::string> identities = gather_text(world, identity);
  const auto here = std::count(identities.begin(), identities.end(), identity);
  if (here < world.size()) meet_processes(world, identities);
  auto place = std::make_shared<Place>();
  collectively(world, [&] {
    const std::lock_guard lock(mutex_);
    if (ranks_to_come_ == 0) ranks_to_come_ = static_cast<int>(here);
    places_.resize(static_cast<std::size_t>(world.size()));
    places_[static_cast<std::size_t>(world.rank())] = place;
    if (--ranks_to_come_ == 0) start();
  });
  world.watch(std::move(place));
}

void Watchdog::Watcher::meet_processes(ProcessGroup& world,
                                       const std::vector<std::string>& identities) {
  const auto network = [](const std::string& identity) { return identity.substr(33); };
  const bool one_network = std::all_of(
      identities.begin(), identities.end(),
      [&](const std::string& identity) { return network(identity) == network(identities[0]); });
  std::string address;
  collectively(world, [&] {
    const std::lock_guard lock(mutex_);
    if (channel_.descriptor() < 0) channel_.open(one_network);
    address = channel_.address();
  });
  const std::vector<std::string> addresses = gather_text(world, address);
  const auto number = [&](std::size_t begin) {
    return std::uint64_t{std::stoull(identities[0].substr(begin, 16), nullptr, 16)};
  };
  const std::lock_guard lock(mutex_);
  addresses_ = addresses;
  channel_.set_secret({number(0), number(16)});
}

/// Signals are for the threads of the program.
void Watchdog::Watcher::start() {
  sigset_t all, former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::exception& error) {
    pthread_sigmask(SIG_SETMASK, &former, nullptr);
    throw Error("cannot start the watchdog", {.found = error.what()});
  }
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

void Watchdog::Watcher::run() {
  for (Clock::time_point last = Clock::now(); !stops_;) {
    sleep();
    const Clock::time_point now = Clock::now();
    // A process that was itself stopped for a while has waited for nobody meanwhile.
    if (now - last > tick_ + std::chrono::seconds(1)) awake_since_ = now;
    last = now;
    receive(now);
    if (round_) {
      continue_round(now);
    } else if (!reported_ && now >= quiet_until_) {
      if (const std::optional<int> rank = first_overdue(now)) begin_round(*rank, now);
    }
  }
}

void Watchdog::Watcher::sleep() const {
  const Clock::duration time = round_ ? std::min(tick_, clock_duration(resend_time)) : tick_;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  pollfd events[] = {{wake_, POLLIN, 0}, {channel_.descriptor(), POLLIN, 0}};
  poll(events, 2, static_cast<int>(milliseconds));
}

void Watchdog::Watcher::receive(Clock::time_point now) {
  if (channel_.descriptor() < 0) return;
  while (std::optional<Datagram> datagram = channel_.receive()) {
    const std::int64_t rank = datagram->rank;
    if (rank < 0 || rank >= std::ssize(places_)) continue;
    if (datagram->kind == Datagram::Kind::question && is_here(static_cast<int>(rank))) {
      datagram->kind = Datagram::Kind::answer;
      datagram->sighting = look(static_cast<int>(rank), now);
      channel_.reply(*datagram);
    } else if (datagram->kind == Datagram::Kind::answer && round_ &&
               datagram->round == round_->number) {
      round_->sightings[static_cast<std::size_t>(rank)] = datagram->sighting;
    }
  }
}

Sighting Watchdog::Watcher::look(int rank, Clock::time_point now) const {
  return places_[static_cast<std::size_t>(rank)]->look(now);
}

// Ranks that wait for the same one lose patience one after the other, so that as a rule the first
// asks alone.
double Watchdog::Watcher::patience(int rank) const {
  const double share = static_cast<double>(rank) / static_cast<double>(places_.size());
  return seconds_ + std::min(seconds_ / 2, 2.0) * share;
}

std::optional<int> Watchdog::Watcher::first_overdue(Clock::time_point now) const {
  const double awake = Seconds(now - awake_since_).count();
  for (int rank = 0; rank < std::ssize(places_); ++rank) {
    if (!is_here(rank)) continue;
    const Sighting sighting = look(rank, now);
    if (sighting.waits() && std::min(seconds_of(sighting.nanoseconds), awake) > patience(rank))
      return rank;
  }
  return std::nullopt;
}

void Watchdog::Watcher::begin_round(int rank, Clock::time_point now) {
  round_.emplace(Round{.rank = rank,
                       .number = ++rounds_,
                       .ends = now + clock_duration(answer_time),
                       .asks_again = now,
                       .sightings = std::vector<std::optional<Sighting>>(places_.size())});
  continue_round(now);
}

void Watchdog::Watcher::continue_round(Clock::time_point now) {
  for (int rank = 0; rank < std::ssize(places_); ++rank)
    if (is_here(rank)) round_->sightings[static_cast<std::size_t>(rank)] = look(rank, now);
  if (round_->is_complete() || now >= round_->ends) {
    const Round round = *std::exchange(round_, std::nullopt);
    return conclude(round, now);
  }
  if (now < round_->asks_again) return;
  round_->asks_again = now + clock_duration(resend_time);
  for (std::size_t rank = 0; rank < places_.size(); ++rank) {
    if (round_->sightings[rank]) continue;
    channel_.send({.round = round_->number, .rank = static_cast<std::int64_t>(rank)},
                  addresses_[rank]);
  }
}

// Of the ranks that wait the first one speaks. The others leave it the time to end the job; if it
// hasn't by then, it may be waiting for something else that will come.
void Watchdog::Watcher::conclude(const Round& round, Clock::time_point now) {
  const auto& own = round.sightings[static_cast<std::size_t>(round.rank)];
  if (first_overdue(now) != round.rank) return;
  const auto before = round.sightings.begin() + round.rank;
  const bool is_first = std::none_of(round.sightings.begin(), before, [](const auto& sighting) {
    return sighting && sighting->waits();
  });
  const double waited = seconds_of(own->nanoseconds);
  if (!is_first && waited < 3 * seconds_) {
    quiet_until_ = now + clock_duration(Seconds(seconds_ / 2));
    return;
  }
  std::vector<RankPhrase> phrases;
  for (std::size_t rank = 0; rank < round.sightings.size(); ++rank)
    phrases.push_back(phrase_of(static_cast<int>(rank), round.sightings[rank]));
  reported_ = true;
  report_("rank " + std::to_string(round.rank) + " has waited for " + render_fixed(waited, 1) +
          " s: " + who_is_where(std::move(phrases)));
}

Watchdog::Watchdog(double seconds, Report report)
    : watcher_(std::make_unique<Watcher>(seconds, std::move(report))) {}

Watchdog::~Watchdog() = default;

void Watchdog::watch(ProcessGroup& world) {
  watcher_->watch(world);
}

}  // namespace colonnade
