#include "mpi_transfers.hpp"

#include "add_along_tree.hpp"

namespace colonnade {

namespace {

/// Of all messages of transfers. Between two ranks they arrive in the order in which both started
/// them, so that nothing else has to tell them apart.
constexpr int transfer_tag = 1;

const std::byte* at(const void* data, Index element, DataType type) {
  return static_cast<const std::byte*>(data) + static_cast<std::size_t>(element) * size_of(type);
}

std::byte* at(void* data, Index element, DataType type) {
  return static_cast<std::byte*>(data) + static_cast<std::size_t>(element) * size_of(type);
}

}  // namespace

MpiTransfers::Transfer& MpiTransfers::add() {
  if (spare_.empty()) spare_.emplace_back();
  under_way_.splice(under_way_.end(), spare_, spare_.begin());
  Transfer& transfer = under_way_.back();
  transfer.requests.clear();
  transfer.sum = nullptr;
  return transfer;
}

// A request is a null one until MPI fills it in, so that one whose start failed is waited for in no
// time. A piece without elements needs no message: both sides know its length.

void MpiTransfers::send(const void* data, Index count, DataType type, int to, Transfer& transfer) {
  if (count == 0) return;
  check_mpi(MPI_Isend(data, mpi_count(count), mpi_type(type), to, transfer_tag, communicator_,
                      &transfer.requests.emplace_back(MPI_REQUEST_NULL)),
            "MPI_Isend");
}

void MpiTransfers::receive(void* data, Index count, DataType type, int from, Transfer& transfer) {
  if (count == 0) return;
  check_mpi(MPI_Irecv(data, mpi_count(count), mpi_type(type), from, transfer_tag, communicator_,
                      &transfer.requests.emplace_back(MPI_REQUEST_NULL)),
            "MPI_Irecv");
}

void MpiTransfers::start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                    DataType type) {
  Transfer& transfer = add();
  const auto piece_of = [&](int rank) { return pieces[static_cast<std::size_t>(rank)]; };
  for (int distance = 1; distance < size_; ++distance) {
    const int from = (rank_ - distance + size_) % size_;
    receive(at(buffer, piece_of(from).begin * unit, type), piece_of(from).size() * unit, type, from,
            transfer);
  }
  const Range own = piece_of(rank_);
  for (int distance = 1; distance < size_; ++distance)
    send(at(buffer, own.begin * unit, type), own.size() * unit, type, (rank_ + distance) % size_,
         transfer);
}

void MpiTransfers::start_reduce_scatter(const void* send_buffer, void* receive_buffer,
                                        std::span<const Range> pieces, Index unit, DataType type) {
  Transfer& transfer = add();
  const auto piece_of = [&](int rank) { return pieces[static_cast<std::size_t>(rank)]; };
  const Range own = piece_of(rank_);
  transfer.own = at(send_buffer, own.begin * unit, type);
  transfer.sum = receive_buffer;
  transfer.count = own.size() * unit;
  transfer.type = type;
  transfer.received.resize(static_cast<std::size_t>(transfer.count * (size_ - 1)) * size_of(type));
  for (int distance = 1; distance < size_; ++distance)
    receive(at(transfer.received.data(), transfer.count * (distance - 1), type), transfer.count,
            type, (rank_ - distance + size_) % size_, transfer);
  for (int distance = 1; distance < size_; ++distance) {
    const int to = (rank_ + distance) % size_;
    send(at(send_buffer, piece_of(to).begin * unit, type), piece_of(to).size() * unit, type, to,
         transfer);
  }
}

void MpiTransfers::start_all_reduce(void* buffer, Index count, DataType type) {
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, buffer, mpi_count(count), mpi_type(type), MPI_SUM,
                           communicator_, &add().requests.emplace_back(MPI_REQUEST_NULL)),
            "MPI_Iallreduce");
}

// One look moves a message on by one step at most: it is announced, answered, or a segment of it
// goes out or comes in.
void MpiTransfers::progress() {
  constexpr int looks = 4;
  for (int look = 0; look < looks; ++look) {
    int ended = 0;
    for (auto transfer = under_way_.begin(); transfer != under_way_.end(); ++transfer) {
      check_mpi(MPI_Testall(static_cast<int>(transfer->requests.size()), transfer->requests.data(),
                            &ended, MPI_STATUSES_IGNORE),
                "MPI_Testall");
      if (ended == 0) break;  // MPI has looked after all messages
    }
    if (ended != 0) return;
  }
}

void MpiTransfers::finish_first() {
  Transfer& first = under_way_.front();
  spare_.splice(spare_.end(), under_way_, under_way_.begin());
  check_mpi(MPI_Waitall(static_cast<int>(first.requests.size()), first.requests.data(),
                        MPI_STATUSES_IGNORE),
            "MPI_Waitall");
  if (first.sum == nullptr || first.count == 0) return;
  if (first.type == DataType::float32) add_pieces<float>(first);
  if (first.type == DataType::float64) add_pieces<double>(first);
  if (first.type == DataType::int64) add_pieces<std::int64_t>(first);
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
