// The transport of one rank: no message, no library.
#include "colonnade/device_memory.hpp"
#include "colonnade/transport.hpp"

namespace colonnade {

namespace {

class SelfTransport final : public Transport {
 public:
  std::string_view name() const override { return "self"; }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_gather(void*, std::span<const Range>, Index, DataType) override {}
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder) override {
    copy_bytes(send, receive, static_cast<std::size_t>(pieces[0].size() * unit) * size_of(type));
  }
  void all_reduce(void*, Index, DataType, Reduction, SumOrder) override {}
  void broadcast(void*, Index, DataType, int) override {}
  void barrier() override {}
  void start_all_gather(void*, std::span<const Range>, Index, DataType) override {}
  void start_all_reduce(void*, Index, DataType) override {}
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    reduce_scatter(send, receive, pieces, unit, type, SumOrder::any);
  }
  void progress() override {}
  void finish_first() override {}
  bool is_replayable() const override { return true; }
  std::unique_ptr<Transport> split(int, int) override { return make_self_transport(); }
  std::unique_ptr<Transport> split_by_node() override { return make_self_transport(); }
};

}  // namespace

std::unique_ptr<Transport> make_self_transport() {
  return std::make_unique<SelfTransport>();
}

}  // namespace colonnade
