// The transport of a group whose ranks are on several nodes. Those of a node have memory in common
// (node.hpp), and MPI carries between nodes what must cross (node_transfers.hpp). What lies in no
// common memory, and small sums, are left to MpiTransport.
//
// Every collective begins or ends with a meeting of each node: there announcements are compared,
// and what was given back of common memory may be taken again. MPI may write into a common tensor
// as soon as the rank that receives has it: its place was taken after a meeting, which all ranks of
// the node entered when they had given back, and so had read, what lay there before.
#include <list>
#include <utility>
#include <vector>

#include "node.hpp"
#include "node_map.hpp"
#include "node_transfers.hpp"
#include "number_type.hpp"
#include "process_node.hpp"

namespace colonnade {

namespace {

/// From this many bytes on an all-reduce is limited by bandwidth, not by the number of messages.
constexpr Index long_message = 64 * 1024;

class ClusterTransport final : public Transport {
 public:
  ClusterTransport(MPI_Comm communicator, const NodeSharing& sharing, const NodeMap& map,
                   std::unique_ptr<Node> node);

  std::string_view name() const override { return "mpi+shared"; }
  int rank() const override { return mpi_->rank(); }
  int size() const override { return mpi_->size(); }

  void announce(const Fingerprint& next) override;
  void watch(std::shared_ptr<Place> place) override { node_->watch(std::move(place)); }
  void compare_announcements() override { mpi_->compare_announcements(); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override;
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override;
  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override;
  void broadcast(void* buffer, Index count, DataType type, int root) override {
    node_->enter();
    mpi_->broadcast(buffer, count, type, root);
  }
  void barrier() override {
    node_->enter();
    mpi_->barrier();
  }

  bool overlaps() const override { return true; }
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override;
  void start_all_reduce(void* buffer, Index count, DataType type) override;
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override;
  void progress() override;
  void finish_first() override;

  std::unique_ptr<Transport> split(int color, int key) override {
    node_->enter();
    return mpi_->split(color, key);
  }
  std::unique_ptr<Transport> split_by_node() override { return split(own_node_, rank()); }
  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    node_->enter();
    return mpi_->open_shared(path);
  }

  std::pmr::memory_resource* common_memory() override { return &node_->common_memory(); }
  std::pmr::memory_resource* visible_memory() override { return &node_->visible_memory(); }

 private:
  /// A collective between start and finish.
  struct Started {
    explicit Started(MPI_Comm communicator) : transfer(communicator) {}

    Fingerprint call;
    bool is_of_mpi = false;  // then mpi_ has it under way
    NodeTransfers::Transfer transfer;
  };

  bool has_order(SumOrder order) const { return order == SumOrder::any || tree_of_nodes_; }
  Started& spare();
  Started& add(const Fingerprint& call, bool is_of_mpi);

  MPI_Comm communicator_;           // mpi_'s
  std::unique_ptr<Transport> mpi_;  // of all ranks
  std::unique_ptr<Node> node_;      // the ranks of this one
  NodeTransfers between_nodes_;
  int own_node_;
  bool tree_of_nodes_;
  std::list<Started> under_way_;  // in this order
  std::list<Started> spare_;      // ended ones, whose memory serves again
  std::vector<Range> cut_;        // of an all-reduce
};

ClusterTransport::ClusterTransport(MPI_Comm communicator, const NodeSharing& sharing,
                                   const NodeMap& map, std::unique_ptr<Node> node)
    : communicator_(communicator),
      mpi_(make_mpi_transport(communicator, sharing)),
      node_(std::move(node)),
      between_nodes_(map, *node_, mpi_->rank()),
      own_node_(map.node_of(mpi_->rank())),
      tree_of_nodes_(map.is_tree_of_nodes()),
      cut_(static_cast<std::size_t>(mpi_->size())) {}

// --- Announcements -------------------------------------------------------------------------------

// Nodes compare what their ranks announce where these meet, and only for themselves; if asked to,
// MpiTransport compares what all say before anybody meets.
void ClusterTransport::announce(const Fingerprint& next) {
  node_->announce(next);
  mpi_->announce(next);
}

// --- Collectives ---------------------------------------------------------------------------------

void ClusterTransport::all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                  DataType type) {
  node_->show(buffer);
  node_->enter();
  if (!node_->all_are_one()) return mpi_->all_gather(buffer, pieces, unit, type);
  NodeTransfers::Transfer& transfer = spare().transfer;
  between_nodes_.start_gather(transfer, buffer, pieces, unit, type);
  transfer.messages.wait();
  node_->leave();
}

void ClusterTransport::reduce_scatter(const void* send, void* receive,
                                      std::span<const Range> pieces, Index unit, DataType type,
                                      SumOrder order) {
  check_number_type(type);
  node_->show(send);
  node_->enter();
  if (!node_->sees_what_is_shown() || !has_order(order))
    return mpi_->reduce_scatter(send, receive, pieces, unit, type, order);
  NodeTransfers::Transfer& transfer = spare().transfer;
  between_nodes_.start_scatter(transfer, receive, pieces, unit, type);
  between_nodes_.finish_scatter(transfer);
  node_->leave();
}

// A long sum is scattered and gathered within the buffers: of each a piece is read and written by
// one rank of its node alone.
void ClusterTransport::all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                                  SumOrder order) {
  check_number_type(type);
  node_->show(buffer);
  node_->enter();
  const bool is_long = count * static_cast<Index>(size_of(type)) >= long_message;
  if (reduction != Reduction::sum || !is_long || !node_->sees_what_is_shown() || !has_order(order))
    return mpi_->all_reduce(buffer, count, type, reduction, order);
  for (int each = 0; each < size(); ++each)
    cut_[static_cast<std::size_t>(each)] = shard_range(count, size(), each);
  const Range own = cut_[static_cast<std::size_t>(rank())];
  NodeTransfers::Transfer& transfer = spare().transfer;
  between_nodes_.start_scatter(transfer, element_at(buffer, own.begin, type), cut_, 1, type);
  between_nodes_.finish_scatter(transfer);
  between_nodes_.start_gather(transfer, buffer, cut_, 1, type);
  between_nodes_.hand_out_own(buffer, cut_, type);
  transfer.messages.wait();
  between_nodes_.hand_out_received(buffer, cut_, type);
  node_->leave();
}

// --- What is under way ---------------------------------------------------------------------------

ClusterTransport::Started& ClusterTransport::spare() {
  if (spare_.empty()) spare_.emplace_back(communicator_);
  return spare_.front();
}

ClusterTransport::Started& ClusterTransport::add(const Fingerprint& call, bool is_of_mpi) {
  Started& started = spare();
  under_way_.splice(under_way_.end(), spare_, spare_.begin());
  started.call = call;
  started.is_of_mpi = is_of_mpi;
  started.transfer.buffer = nullptr;
  return started;
}

// Nobody waits here: a rank sends what it has, and receives where its node doesn't look yet.
void ClusterTransport::start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                        DataType type) {
  const bool is_common = node_->common_memory().place_of(buffer).has_value();
  Started& started = add(node_->announced(), !is_common);
  if (!is_common) return mpi_->start_all_gather(buffer, pieces, unit, type);
  between_nodes_.start_gather(started.transfer, buffer, pieces, unit, type);
}

void ClusterTransport::start_all_reduce(void* buffer, Index count, DataType type) {
  add(node_->announced(), true);
  mpi_->start_all_reduce(buffer, count, type);
}

// Ranks of a node wait here for one another, so that their sums are on their way early.
void ClusterTransport::start_reduce_scatter(const void* send, void* receive,
                                            std::span<const Range> pieces, Index unit,
                                            DataType type) {
  check_number_type(type);
  const Fingerprint call = node_->announced();
  node_->show(send);
  node_->enter();
  const bool are_visible = node_->sees_what_is_shown();
  Started& started = add(call, !are_visible);
  if (!are_visible) return mpi_->start_reduce_scatter(send, receive, pieces, unit, type);
  between_nodes_.start_scatter(started.transfer, receive, pieces, unit, type);
}

// One look moves a message on by one step at most.
void ClusterTransport::progress() {
  mpi_->progress();
  constexpr int looks = 4;
  for (int look = 0; look < looks; ++look) {
    bool ended = true;
    for (auto started = under_way_.begin(); ended && started != under_way_.end(); ++started)
      if (!started->is_of_mpi) ended = started->transfer.messages.test();  // looking for all
    if (ended) break;
  }
}

void ClusterTransport::finish_first() {
  Started& first = under_way_.front();
  spare_.splice(spare_.end(), under_way_, under_way_.begin());
  const bool is_gather = first.call.kind == Collective::all_gather;
  if (first.is_of_mpi) {
    mpi_->finish_first();
  } else if (is_gather) {
    first.transfer.messages.wait();
  } else {
    between_nodes_.finish_scatter(first.transfer);
  }
  node_->announce(first.call);
  node_->show(first.transfer.buffer);
  node_->enter();
  if (first.is_of_mpi || !is_gather || node_->all_are_one()) return;
  throw Error("ranks of a node gather into different tensors",
              {.hint = "ProcessGroup::common_memory says what may live there"});
}

}  // namespace

std::unique_ptr<Transport> make_cluster_transport(MPI_Comm communicator,
                                                  const NodeSharing& sharing) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
  MPI_Comm own = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(communicator, sharing.node, rank, &own), "MPI_Comm_split");
  std::unique_ptr<Node> node = make_process_node(own, sharing);
  MPI_Comm_free(&own);
  int reached = node ? 1 : 0;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &reached, 1, MPI_INT, MPI_MIN, communicator),
            "MPI_Allreduce");
  if (reached == 0) return nullptr;
  return std::make_unique<ClusterTransport>(communicator, sharing, nodes_of(communicator, sharing),
                                            std::move(node));
}

}  // namespace colonnade
