// A transport for what a rank computes by itself.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "colonnade/transport.hpp"

namespace bench {

using colonnade::DataType;
using colonnade::Index;
using colonnade::Range;
using colonnade::Reduction;
using colonnade::SumOrder;
using colonnade::Transport;

/// A rank of several whose peers send zeros, at once: a group on it computes what a rank computes.
class SilentTransport final : public Transport {
 public:
  SilentTransport(int rank, int size) : rank_(rank), size_(size) {}
  std::string_view name() const override { return "silent"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    const Range own = pieces[static_cast<std::size_t>(rank_)];
    zero(buffer, {0, own.begin}, unit, type);
    zero(buffer, {own.end, pieces.back().end}, unit, type);
  }
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder) override {
    const Range own = pieces[static_cast<std::size_t>(rank_)];
    const auto bytes_of = [&](Index count) {
      return static_cast<std::size_t>(count * unit) * size_of(type);
    };
    std::memcpy(receive, static_cast<const char*>(send) + bytes_of(own.begin),
                bytes_of(own.size()));
  }
  void all_reduce(void*, Index, DataType, Reduction, SumOrder) override {}
  void broadcast(void*, Index, DataType, int) override {}
  void barrier() override {}
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override {
    all_gather(buffer, pieces, unit, type);
  }
  void start_all_reduce(void*, Index, DataType) override {}
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    reduce_scatter(send, receive, pieces, unit, type, SumOrder::any);
  }
  void progress() override {}
  void finish_first() override {}
  std::unique_ptr<Transport> split(int, int) override { return colonnade::make_self_transport(); }
  std::unique_ptr<Transport> split_by_node() override { return colonnade::make_self_transport(); }

 private:
  static void zero(void* buffer, Range range, Index unit, DataType type) {
    const std::size_t bytes = static_cast<std::size_t>(unit) * size_of(type);
    std::memset(static_cast<char*>(buffer) + static_cast<std::size_t>(range.begin) * bytes, 0,
                static_cast<std::size_t>(range.size()) * bytes);
  }
  int rank_;
  int size_;
};

}  // namespace bench
