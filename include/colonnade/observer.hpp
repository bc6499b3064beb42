// Whoever wants to see what a step computes with: each op tells it the matrices it read and wrote,
// and each collective passes through a transport of its own. Attached to process groups
// (ProcessGroup::observe), which everything that computes a step has at hand; where none is
// attached it costs a branch.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "colonnade/fingerprint.hpp"
#include "colonnade/shard.hpp"
#include "colonnade/transport.hpp"

namespace colonnade {

/// What the ranks of a group must do with what each of them has of a matrix, before it is the
/// matrix: nothing, or add it up, or take the largest.
enum class Partial { no, sum, max };

/// A matrix as one rank has it: a block of the whole, or a run of that block's elements.
struct ObservedMatrix {
  enum class Rows {
    fixed,    // are rows of the whole matrix
    samples,  // are samples: those at hand, in the order of the batch, each time a matrix is seen
    summed    // are what they are, and each number is a sum over the samples at hand
  };
  std::string_view name;  // as the equation has it
  Index rows = 0;         // of the whole; where they are samples, of those at hand
  Index cols = 0;
  Range own_rows = {};  // the block
  Range own_cols = {};
  Range run = {};              // of the block's elements in memory order
  const void* data = nullptr;  // of the run, without gaps
  DataType type = DataType::float64;
  Rows kind = Rows::fixed;
  Partial partial = Partial::no;  // over the ranks of the group that tells
  bool copies_differ = false;     // and a sum over data-parallel ranks is still to come
  bool is_result = false;         // else it was read
};

/// Of one rank, whose thread alone calls it.
class Observer {
 public:
  virtual ~Observer() = default;

  /// This rank has computed an equation, for `site`: a layer, or "loss", or "norm". The data are
  /// valid during the call.
  virtual void computed(std::string_view site, Phase phase, std::string_view equation,
                        std::span<const ObservedMatrix> matrices) = 0;

  /// What a group of this name is to call in the place of `transport`, which it may well wrap.
  virtual std::unique_ptr<Transport> listen(std::unique_ptr<Transport> transport,
                                            std::string_view group) = 0;
};

}  // namespace colonnade
