// Work that a backend can record and do again. To ask a GPU for each of a small step's kernels
// takes longer than they do; to ask for all of them at once doesn't.
#pragma once

#include <functional>
#include <memory>

namespace colonnade {

class Replay {
 public:
  virtual ~Replay() = default;

  /// Does `work`, and keeps what this thread asks of the device meanwhile: launches and copies with
  /// the addresses and numbers that they have now. It must not wait for the device.
  virtual void record(const std::function<void()>& work) = 0;

  /// Asks for the same again. Something was recorded.
  virtual void run() = 0;
};

/// Null where nothing is gained.
std::unique_ptr<Replay> make_replay();

}  // namespace colonnade
