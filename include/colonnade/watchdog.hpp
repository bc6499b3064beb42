// Says which rank is missing when the others have waited for it too long.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "colonnade/process_group.hpp"

namespace colonnade {

/// Watches the ranks of this process from a thread of its own. When a collective of one of them
/// lasts too long, it asks every rank of the job where it is, past whatever the ranks wait in: also
/// one that computes, is stopped or has died is found. Outlives the collectives that it watches.
class Watchdog {
 public:
  /// One line: `rank 0 has waited for 60.2 s: rank 2 is computing after layers.1 forward all-gather
  /// #36 of tp, for 60.3 s; ranks 0, 1 are in layers.1 forward all-gather #37 of tp`.
  using Report = std::function<void(const std::string& line)>;

  /// `report` is called on the watchdog's thread, at most once, and as a rule by one process of the
  /// job. It is to end the job: the ranks that wait go on waiting.
  Watchdog(double seconds, Report report);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Watches this rank's collectives in `world` and in all groups that are split from it later, and
  /// has them compare fingerprints. Called by all ranks, once. Ranks that are threads of a process
  /// share its watchdog. Throws on all ranks if the processes cannot talk to one another.
  /// Collective.
  void watch(ProcessGroup& world);

 private:
  class Watcher;
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace colonnade
