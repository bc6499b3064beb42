#include "mpi_transfers.hpp"

#include "add_along_tree.hpp"
#include "number_type.hpp"

namespace colonnade {

MpiTransfers::Transfer& MpiTransfers::add() {
  if (spare_.empty()) spare_.emplace_back(communicator_);
  under_way_.splice(under_way_.end(), spare_, spare_.begin());
  Transfer& transfer = under_way_.back();
  transfer.sum = nullptr;
  return transfer;
}

void MpiTransfers::start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                    DataType type) {
  Transfer& transfer = add();
  const auto piece_of = [&](int rank) { return pieces[static_cast<std::size_t>(rank)]; };
  for (int distance = 1; distance < size_; ++distance) {
    const int from = (rank_ - distance + size_) % size_;
    transfer.messages.receive(element_at(buffer, piece_of(from).begin * unit, type),
                              piece_of(from).size() * unit, type, from);
  }
  const Range own = piece_of(rank_);
  for (int distance = 1; distance < size_; ++distance)
    transfer.messages.send(element_at(buffer, own.begin * unit, type), own.size() * unit, type,
                           (rank_ + distance) % size_);
}

void MpiTransfers::start_reduce_scatter(const void* send_buffer, void* receive_buffer,
                                        std::span<const Range> pieces, Index unit, DataType type) {
  check_number_type(type);
  Transfer& transfer = add();
  const auto piece_of = [&](int rank) { return pieces[static_cast<std::size_t>(rank)]; };
  const Range own = piece_of(rank_);
  transfer.own = element_at(send_buffer, own.begin * unit, type);
  transfer.sum = receive_buffer;
  transfer.count = own.size() * unit;
  transfer.type = type;
  transfer.received.resize(static_cast<std::size_t>(transfer.count * (size_ - 1)) * size_of(type));
  for (int distance = 1; distance < size_; ++distance)
    transfer.messages.receive(
        element_at(transfer.received.data(), transfer.count * (distance - 1), type), transfer.count,
        type, (rank_ - distance + size_) % size_);
  for (int distance = 1; distance < size_; ++distance) {
    const int to = (rank_ + distance) % size_;
    transfer.messages.send(element_at(send_buffer, piece_of(to).begin * unit, type),
                           piece_of(to).size() * unit, type, to);
  }
}

void MpiTransfers::start_all_reduce(void* buffer, Index count, DataType type) {
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, buffer, mpi_count(count), mpi_type(type), MPI_SUM,
                           communicator_, &add().messages.add()),
            "MPI_Iallreduce");
}

// One look moves a message on by one step at most: it is announced, answered, or a segment of it
// goes out or comes in.
void MpiTransfers::progress() {
  constexpr int looks = 4;
  for (int look = 0; look < looks; ++look) {
    bool ended = true;
    for (auto transfer = under_way_.begin(); ended && transfer != under_way_.end(); ++transfer)
      ended = transfer->messages.test();  // looking once was looking for all
    if (ended) return;
  }
}

void MpiTransfers::finish_first() {
  Transfer& first = under_way_.front();
  spare_.splice(spare_.end(), under_way_, under_way_.begin());
  first.messages.wait();
  if (first.sum == nullptr || first.count == 0) return;
  with_number_type(first.type, [&]<class T>(T) { add_pieces<T>(first); });
}

// Along the tree, so that the sum doesn't depend on which message came first.
template <class T>
void MpiTransfers::add_pieces(const Transfer& transfer) const {
  const T* const received = reinterpret_cast<const T*>(transfer.received.data());
  const auto piece_from = [&](Index peer) -> const T* {
    const Index distance = (rank_ - peer + size_) % size_;
    return distance == 0 ? static_cast<const T*>(transfer.own)
                         : received + (distance - 1) * transfer.count;
  };
  add_along_tree(size_, piece_from, transfer.count, static_cast<T*>(transfer.sum));
}

}  // namespace colonnade
