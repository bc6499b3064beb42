// Messages that a rank has under way together.
#pragma once

#include <vector>

#include "mpi_transport.hpp"

namespace colonnade {

/// Of all that are started on a communicator, those between two ranks arrive in the order in which
/// both started them, so that nothing else has to tell them apart. What they carry must stay until
/// wait() has returned. A message without elements isn't sent: both sides know its length.
class Messages {
 public:
  explicit Messages(MPI_Comm communicator) : communicator_(communicator) {}

  void send(const void* data, Index count, DataType type, int to) {
    if (count == 0) return;
    check_mpi(MPI_Isend(data, mpi_count(count), mpi_type(type), to, tag, communicator_, &add()),
              "MPI_Isend");
  }

  void receive(void* data, Index count, DataType type, int from) {
    if (count == 0) return;
    check_mpi(MPI_Irecv(data, mpi_count(count), mpi_type(type), from, tag, communicator_, &add()),
              "MPI_Irecv");
  }

  /// For what else MPI starts. Null until MPI fills it in, so that one whose start failed is waited
  /// for in no time.
  MPI_Request& add() { return requests_.emplace_back(MPI_REQUEST_NULL); }

  /// Lets them get on; whether all have ended.
  bool test() {
    int ended = 0;
    check_mpi(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &ended,
                          MPI_STATUSES_IGNORE),
              "MPI_Testall");
    return ended != 0;
  }

  void wait() {
    const int code =
        MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
    requests_.clear();
    check_mpi(code, "MPI_Waitall");
  }

 private:
  static constexpr int tag = 1;  // that of no other message of ours

  MPI_Comm communicator_;
  std::vector<MPI_Request> requests_;
};

}  // namespace colonnade
