// What moves bytes between ranks. A transport knows ranks, buffers and nothing else; counting,
// timing and types are ProcessGroup's. To add one, derive from Transport and pass
// tests/test_process_group.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>

#include "colonnade/fingerprint.hpp"
#include "colonnade/shard.hpp"
#include "colonnade/shared_file.hpp"

namespace colonnade {

class Place;

enum class Reduction { sum, min, max };

/// In which order the ranks' numbers are added. `any`: whatever is fastest. `tree`: along the tree
/// of tree_sum.hpp, the ranks being its leaves in rank order, so that a sum has the same bits on
/// every transport. Integers, minimum and maximum are the same in any order.
enum class SumOrder { any, tree };

/// What moves numbers within a group of ranks, which every rank must call in the same order.
///
/// `pieces` holds one range for each rank, in rank order, without gaps, starting at 0, counted in
/// units of `unit` elements: with unit = rows, pieces are ranges of columns. Ranges may differ in
/// length. Buffers are documented by example, for two ranks that own 1 and 2 elements.
class Collectives {
 public:
  virtual ~Collectives() = default;

  ///                 rank 0      rank 1
  ///   before        a . .       . b c
  ///   after         a b c       a b c
  virtual void all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                          DataType type) = 0;

  ///                 rank 0      rank 1
  ///   send          a b c       d e f
  ///   receive       a+d         b+e c+f
  virtual void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                              Index unit, DataType type, SumOrder order) = 0;

  ///                 rank 0      rank 1
  ///   before        a b         c d
  ///   after (sum)   a+c b+d     a+c b+d      the same bits on every rank
  virtual void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                          SumOrder order) = 0;

  ///                 rank 0      rank 1
  ///   before        a b         . .
  ///   after root=0  a b         a b
  virtual void broadcast(void* buffer, Index count, DataType type, int root) = 0;

  // Collectives that go on while the rank computes. The buffers of what was started must not be
  // touched, nor be given back, before it is finished, but that a rank may read its own piece of a
  // gather; `pieces` may be gone as soon as start returns. Starting and finishing stand in the same
  // order on every rank as all other collectives, which may come in between. A rank whose exception
  // passes a finish leaves messages under way: it must end the job.

  /// Begins all_gather.
  virtual void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                DataType type) = 0;

  /// Begins all_reduce with Reduction::sum and SumOrder::any.
  virtual void start_all_reduce(void* buffer, Index count, DataType type) = 0;

  /// Begins reduce_scatter with SumOrder::any.
  virtual void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                                    Index unit, DataType type) = 0;

  /// Lets what was started get on, without waiting. A rank may call it as often as it likes.
  virtual void progress() = 0;

  /// Returns when what was started first, of all that is under way, has ended. Something is under
  /// way.
  virtual void finish_first() = 0;
};

/// A group of ranks: who they are, their collectives, and the memory that they have in common.
class Transport : public Collectives {
 public:
  virtual std::string_view name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Says what this rank calls next: any of the collectives, those that start one, or a split. A
  /// transport that compares what the ranks say throws different_collectives() on all of them, here
  /// or in the call, before it has moved anything.
  virtual void announce(const Fingerprint& /*next*/) {}

  /// From now on announcements are compared, here and in groups split off later, even if that costs
  /// messages. All ranks call it, before the next announcement.
  virtual void compare_announcements() {}

  /// Where to say that this rank waits for others outside of the collectives; for Watchdog.
  virtual void watch(std::shared_ptr<Place> /*place*/) {}

  /// Says that all ranks have chosen the devices that they compute on, which may decide by what
  /// way device memory goes. Before any has gone. Collective.
  virtual void device_chosen() {}

  /// Returns on no rank before every rank has called it.
  virtual void barrier() = 0;

  /// Whether what was started gets on while this rank computes and calls progress() now and then.
  /// Otherwise all of it is done when it is finished. The same on all ranks.
  virtual bool overlaps() const { return false; }

  /// The ranks that call with the same color form a group, ordered by key, and by rank where keys
  /// are equal. Colors are not negative.
  virtual std::unique_ptr<Transport> split(int color, int key) = 0;

  /// The ranks that share the memory of one node, in the order of this group.
  virtual std::unique_ptr<Transport> split_by_node() = 0;

  /// Whether collectives of buffers in device memory are ops there among others, which the device
  /// can do again without a call of this rank. The same on all ranks.
  virtual bool is_replayable() const { return false; }

  // Memory for tensors of a step, where ranks share some; null where they don't. All ranks take and
  // give back tensors of the same sizes in the same order, beside the collectives of this group.

  /// A tensor here is one for all ranks of a node: each writes its own part, all_gather moves
  /// nothing within the node, and from then on nobody writes to it.
  virtual std::pmr::memory_resource* common_memory() { return nullptr; }

  /// A tensor here is a rank's own, and sums over the ranks read it where it is. It can't be
  /// gathered.
  virtual std::pmr::memory_resource* visible_memory() { return nullptr; }

  /// A file that is there, for all ranks to write. Without a better way each writes by itself.
  virtual std::unique_ptr<SharedFile> open_shared(const std::string& path) {
    return make_own_file(path);
  }
};

/// A group of one: no message, no library.
std::unique_ptr<Transport> make_self_transport();

}  // namespace colonnade
