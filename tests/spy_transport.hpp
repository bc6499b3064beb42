// A transport that writes down what is asked of it.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "colonnade/process_group.hpp"

namespace harness {

/// Two ranks of which one is there: a sum is what that one has, and the other sends zeros. Events
/// read `tp all-reduce sum along the tree`, `dp start sum`, `dp finish`.
class SpyTransport final : public colonnade::Transport {
 public:
  using Ranges = std::span<const colonnade::Range>;

  SpyTransport(std::string name, std::vector<std::string>& events, bool overlaps = false)
      : name_(std::move(name)), events_(&events), overlaps_(overlaps) {}

  std::string_view name() const override { return "spy"; }
  int rank() const override { return 0; }
  int size() const override { return 2; }

  void all_gather(void* buffer, Ranges pieces, colonnade::Index unit,
                  colonnade::DataType type) override {
    note("all-gather");
    zero_other(buffer, pieces, unit, type);
  }
  void reduce_scatter(const void* send, void* receive, Ranges pieces, colonnade::Index unit,
                      colonnade::DataType type, colonnade::SumOrder order) override {
    note("reduce-scatter sum" + text(order));
    copy_own(send, receive, pieces, unit, type);
  }
  void all_reduce(void*, colonnade::Index, colonnade::DataType, colonnade::Reduction reduction,
                  colonnade::SumOrder order) override {
    note(reduction == colonnade::Reduction::sum ? "all-reduce sum" + text(order)
                                                : "all-reduce max");
  }
  void broadcast(void*, colonnade::Index, colonnade::DataType, int) override { note("broadcast"); }
  void barrier() override { note("barrier"); }
  void start_all_gather(void* buffer, Ranges pieces, colonnade::Index unit,
                        colonnade::DataType type) override {
    note("start all-gather");
    zero_other(buffer, pieces, unit, type);
  }
  void start_all_reduce(void*, colonnade::Index, colonnade::DataType) override {
    note("start sum");
  }
  void start_reduce_scatter(const void* send, void* receive, Ranges pieces, colonnade::Index unit,
                            colonnade::DataType type) override {
    note("start sum");
    copy_own(send, receive, pieces, unit, type);
  }
  bool overlaps() const override { return overlaps_; }
  void progress() override { note("progress"); }
  void finish_first() override { note("finish"); }
  std::unique_ptr<Transport> split(int, int) override { return colonnade::make_self_transport(); }
  std::unique_ptr<Transport> split_by_node() override { return colonnade::make_self_transport(); }

 private:
  static std::string text(colonnade::SumOrder order) {
    return order == colonnade::SumOrder::tree ? " along the tree" : "";
  }
  static void zero_other(void* buffer, Ranges pieces, colonnade::Index unit,
                         colonnade::DataType type) {
    const auto own = static_cast<std::size_t>(pieces[0].size() * unit) * size_of(type);
    const auto other = static_cast<std::size_t>(pieces[1].size() * unit) * size_of(type);
    if (other > 0) std::memset(static_cast<char*>(buffer) + own, 0, other);
  }
  static void copy_own(const void* send, void* receive, Ranges pieces, colonnade::Index unit,
                       colonnade::DataType type) {
    const auto numbers = static_cast<std::size_t>(pieces[0].size() * unit);
    if (numbers > 0) std::memcpy(receive, send, numbers * size_of(type));
  }
  void note(const std::string& event) { events_->push_back(name_ + " " + event); }

  std::string name_;
  std::vector<std::string>* events_;
  bool overlaps_;
};

inline colonnade::ProcessGroup spy_group(const std::string& name, std::vector<std::string>& events,
                                         bool overlaps = false) {
  return colonnade::ProcessGroup(std::make_unique<SpyTransport>(name, events, overlaps));
}

}  // namespace harness
