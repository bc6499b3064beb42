// Collectives of ranks that have memory in common: threads of one process, or processes of a node.
// They meet, and then read from one another's memory what they need.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "colonnade/transport.hpp"
#include "node.hpp"

namespace colonnade {

/// All ranks of the group are on `node`.
class NodeTransport : public Transport {
 public:
  int rank() const final { return node_->rank(); }
  int size() const final { return node_->size(); }

  void announce(const Fingerprint& next) final { node_->announce(next); }
  void watch(std::shared_ptr<Place> place) final { node_->watch(std::move(place)); }
  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) final;
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) final;
  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) final;
  void broadcast(void* buffer, Index count, DataType type, int root) final;
  void barrier() final { node_->enter(); }
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) final;
  void start_all_reduce(void* buffer, Index count, DataType type) final;
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) final;
  void progress() final {}
  void finish_first() final;
  std::pmr::memory_resource* common_memory() final { return &node_->common_memory(); }
  std::pmr::memory_resource* visible_memory() final { return &node_->visible_memory(); }

 protected:
  explicit NodeTransport(std::unique_ptr<Node> node) : node_(std::move(node)) {}
  Node& node() { return *node_; }

 private:
  /// What was started: finish_first() does all of it.
  struct Started {
    Fingerprint call = {};
    const void* send = nullptr;  // of a reduce-scatter
    void* buffer = nullptr;
    Index count = 0;  // of an all-reduce
    Index unit = 1;
    DataType type = DataType::byte;
  };
  void keep(const Started& what, std::span<const Range> pieces);

  void gather_through_slots(std::byte* buffer, std::span<const Range> pieces, std::size_t scale,
                            std::size_t longest);
  template <class T>
  void scatter_sums(const T* send, T* receive, std::span<const Range> pieces, Index unit);
  template <class T>
  void scatter_through_slots(const T* send, T* receive, std::span<const Range> pieces, Index unit);
  template <class T>
  void reduce_for_all(T* buffer, Index count, Reduction reduction);
  template <class T>
  void reduce_in_place(Range part, Reduction reduction);
  template <class T>
  void reduce_through_slots(T* buffer, Index count, Reduction reduction);

  std::unique_ptr<Node> node_;
  std::vector<Started> started_;          // in this order
  std::vector<Range> pieces_of_started_;  // size() of each, an all-reduce's meaning nothing
};

}  // namespace colonnade
