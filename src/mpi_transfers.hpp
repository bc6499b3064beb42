// Collectives over MPI that go on while the rank computes: messages between each two ranks, and
// sums that are added when all have come. MPI's own would pass data on from rank to rank, each time
// only as soon as the rank between looks up from its work.
#pragma once

#include <cstddef>
#include <list>
#include <span>
#include <vector>

#include "messages.hpp"

namespace colonnade {

/// What a rank has under way on a communicator, in the order it was started in.
class MpiTransfers {
 public:
  MpiTransfers(MPI_Comm communicator, int rank, int size)
      : communicator_(communicator), rank_(rank), size_(size) {}

  // As Transport has them.

  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type);
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type);
  void start_all_reduce(void* buffer, Index count, DataType type);
  void progress();
  void finish_first();

 private:
  struct Transfer {
    explicit Transfer(MPI_Comm communicator) : messages(communicator) {}

    Messages messages;
    // Of a reduce-scatter: the others' pieces, the nearest rank below first, and what to add them
    // to.
    std::vector<std::byte> received;
    const void* own = nullptr;
    void* sum = nullptr;
    Index count = 0;
    DataType type = DataType::byte;
  };

  Transfer& add();
  template <class T>
  void add_pieces(const Transfer& transfer) const;

  MPI_Comm communicator_;
  int rank_;
  int size_;
  std::list<Transfer> under_way_;
  std::list<Transfer> spare_;  // ended ones, whose memory serves again
};

}  // namespace colonnade
