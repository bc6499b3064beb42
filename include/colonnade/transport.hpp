// What moves bytes between ranks. A transport knows ranks, buffers and nothing else; counting,
// timing and types are ProcessGroup's. To add one, derive from Transport and pass
// tests/test_process_group.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "colonnade/shard.hpp"

namespace colonnade {

enum class DataType { byte, int64, float32, float64 };
std::size_t size_of(DataType type);

enum class Reduction { sum, min, max };

/// The ranks of one group and their collectives, which every rank must call in the same order.
///
/// `pieces` holds one range for each rank, in rank order, without gaps, starting at 0, counted in
/// units of `unit` elements: with unit = rows, pieces are ranges of columns. Ranges may differ in
/// length. Buffers are documented by example, for two ranks that own 1 and 2 elements.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual std::string_view name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  ///                 rank 0      rank 1
  ///   before        a . .       . b c
  ///   after         a b c       a b c
  virtual void all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                          DataType type) = 0;

  ///                 rank 0      rank 1
  ///   send          a b c       d e f
  ///   receive       a+d         b+e c+f
  virtual void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                              Index unit, DataType type) = 0;

  ///                 rank 0      rank 1
  ///   before        a b         c d
  ///   after (sum)   a+c b+d     a+c b+d      the same bits on every rank
  virtual void all_reduce(void* buffer, Index count, DataType type, Reduction reduction) = 0;

  ///                 rank 0      rank 1
  ///   before        a b         . .
  ///   after root=0  a b         a b
  virtual void broadcast(void* buffer, Index count, DataType type, int root) = 0;

  /// Returns on no rank before every rank has called it.
  virtual void barrier() = 0;

  /// The ranks that share the memory of one node, in the order of this group.
  virtual std::unique_ptr<Transport> split_by_node() = 0;
};

/// A group of one: no message, no library.
std::unique_ptr<Transport> make_self_transport();

}  // namespace colonnade
