// Collectives through the computer's memory: what must travel is copied down from the GPU, the
// transport that ranks have without GPUs moves it, and what has come is copied up.
//
// The host touches pinned memory only when all is done that was queued before on the ops' stream,
// and so what a former collective copies up from there. That is why blocks are given back, and
// serve again, without waiting for such a copy.
#include <list>
#include <utility>
#include <vector>

#include "colonnade/memory.hpp"
#include "cuda/block.hpp"
#include "cuda/device_collectives.hpp"
#include "cuda/event.hpp"
#include "number_type.hpp"

namespace colonnade {

namespace {

/// From and to pinned memory the GPU copies by itself, at the bus's full speed.
class PinnedMemory final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t bytes, std::size_t /*alignment*/) override {
    void* address = nullptr;
    gpu::check(cudaHostAlloc(&address, bytes, cudaHostAllocDefault), "cudaHostAlloc");
    return address;
  }
  void do_deallocate(void* address, std::size_t /*bytes*/, std::size_t /*alignment*/) override {
    cudaFreeHost(address);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

void copy_elements(const void* from, void* to, Range elements, DataType type, cudaStream_t stream) {
  if (elements.size() == 0) return;
  gpu::check(
      cudaMemcpyAsync(element_at(to, elements.begin, type), element_at(from, elements.begin, type),
                      static_cast<std::size_t>(elements.size()) * size_of(type), cudaMemcpyDefault,
                      stream),
      "cudaMemcpyAsync");
}

class StagedCollectives final : public DeviceCollectives {
 public:
  explicit StagedCollectives(Transport& inner) : inner_(&inner) {}
  ~StagedCollectives() override { copied_up_.wait_quietly(); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override {
    const gpu::Block host = make_block(pieces.back().end * unit, type);
    const Range own = own_piece(pieces, unit);
    copy_down(buffer, host, own, type);
    inner_->all_gather(host.get(), pieces, unit, type);
    copy_up(host, buffer, {0, own.begin}, type);
    copy_up(host, buffer, {own.end, pieces.back().end * unit}, type);
  }

  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override {
    const Index count = pieces.back().end * unit, own = own_piece(pieces, unit).size();
    const gpu::Block host = make_block(count, type), sum = make_block(own, type);
    copy_down(send, host, {0, count}, type);
    inner_->reduce_scatter(host.get(), sum.get(), pieces, unit, type, order);
    copy_up(sum, receive, {0, own}, type);
  }

  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override {
    const gpu::Block host = make_block(count, type);
    copy_down(buffer, host, {0, count}, type);
    inner_->all_reduce(host.get(), count, type, reduction, order);
    copy_up(host, buffer, {0, count}, type);
  }

  void broadcast(void* buffer, Index count, DataType type, int root) override {
    const gpu::Block host = make_block(count, type);
    const bool sends = inner_->rank() == root;
    copy_down(buffer, host, sends ? Range{0, count} : Range{0, 0}, type);
    inner_->broadcast(host.get(), count, type, root);
    if (!sends) copy_up(host, buffer, {0, count}, type);
  }

  // --- What is under way ------------------------------------------------------------------------
  //
  // What is started can't begin before the ops have computed it. The host doesn't wait for that:
  // the inner transport's start is put off until progress() finds the copy done, or another call of
  // it is due.

  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override {
    Started& started = add(Collective::all_gather, pieces, unit, type);
    started.host = make_block(pieces.back().end * unit, type);
    started.result = buffer;
    start_copy_down(started, buffer, own_piece(pieces, unit));
  }

  void start_all_reduce(void* buffer, Index count, DataType type) override {
    const Range all = {0, count};
    Started& started = add(Collective::all_reduce, {&all, 1}, 1, type);
    started.host = make_block(count, type);
    started.result = buffer;
    start_copy_down(started, buffer, all);
  }

  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override {
    Started& started = add(Collective::reduce_scatter, pieces, unit, type);
    started.host = make_block(pieces.back().end * unit, type);
    started.sum = make_block(own_piece(pieces, unit).size(), type);
    started.result = receive;
    start_copy_down(started, send, {0, pieces.back().end * unit});
  }

  void progress() override {
    if (put_off_ != nullptr && put_off_->copied_down.is_there()) catch_up();
  }

  void catch_up() override {
    if (put_off_ == nullptr) return;
    const Started& started = *std::exchange(put_off_, nullptr);
    started.copied_down.wait();
    const std::span<const Range> pieces = started.pieces;
    if (started.kind == Collective::all_gather) {
      inner_->start_all_gather(started.host.get(), pieces, started.unit, started.type);
    } else if (started.kind == Collective::reduce_scatter) {
      inner_->start_reduce_scatter(started.host.get(), started.sum.get(), pieces, started.unit,
                                   started.type);
    } else {
      inner_->start_all_reduce(started.host.get(), pieces.back().end, started.type);
    }
  }

  void finish_first() override {
    catch_up();
    inner_->finish_first();
    Started& first = under_way_.front();
    const Index count = first.pieces.back().end * first.unit;
    if (first.kind == Collective::all_gather) {
      const Range own = own_piece(first.pieces, first.unit);
      copy_up(first.host, first.result, {0, own.begin}, first.type);
      copy_up(first.host, first.result, {own.end, count}, first.type);
    } else if (first.kind == Collective::reduce_scatter) {
      const Index own = own_piece(first.pieces, first.unit).size();
      copy_up(first.sum, first.result, {0, own}, first.type);
    } else {
      copy_up(first.host, first.result, {0, count}, first.type);
    }
    first.host = {};
    first.sum = {};
    spare_.splice(spare_.end(), under_way_, under_way_.begin());
  }

 private:
  /// A collective between start and finish.
  struct Started {
    Collective kind = Collective::all_gather;
    std::vector<Range> pieces;  // of an all-reduce one, the whole
    Index unit = 1;
    DataType type = DataType::byte;
    gpu::Block host, sum;
    void* result = nullptr;
    gpu::Event ready, copied_down;
  };

  Started& add(Collective kind, std::span<const Range> pieces, Index unit, DataType type) {
    if (spare_.empty()) spare_.emplace_back();
    under_way_.splice(under_way_.end(), spare_, spare_.begin());
    Started& started = under_way_.back();
    started.kind = kind;
    started.pieces.assign(pieces.begin(), pieces.end());
    started.unit = unit;
    started.type = type;
    return started;
  }

  gpu::Block make_block(Index count, DataType type) {
    return {host_memory_, count * static_cast<Index>(size_of(type))};
  }

  Range own_piece(std::span<const Range> pieces, Index unit) const {
    const Range own = pieces[static_cast<std::size_t>(inner_->rank())];
    return {own.begin * unit, own.end * unit};
  }

  /// Returns when it is done, and all that was queued before.
  static void copy_down(const void* from, const gpu::Block& to, Range elements, DataType type) {
    copy_elements(from, to.get(), elements, type, gpu::stream());
    gpu::check(cudaStreamSynchronize(gpu::stream()), "cudaStreamSynchronize");
  }

  void copy_up(const gpu::Block& from, void* to, Range elements, DataType type) {
    copy_elements(from.get(), to, elements, type, gpu::stream());
    copied_up_.record(gpu::stream());
  }

  /// Beside the ops that are queued later.
  void start_copy_down(Started& started, const void* from, Range elements) {
    catch_up();
    started.ready.record(gpu::stream());
    started.ready.hold(beside_.get());
    copy_elements(from, started.host.get(), elements, started.type, beside_.get());
    started.copied_down.record(beside_.get());
    put_off_ = &started;
  }

  Transport* inner_;
  PinnedMemory pinned_;
  RecyclingMemory host_memory_{&pinned_};
  gpu::SideStream beside_;
  gpu::Event copied_up_;          // the last of such copies
  std::list<Started> under_way_;  // in this order
  std::list<Started> spare_;      // ended ones, whose memory serves again
  Started* put_off_ = nullptr;    // the last of them, where the inner transport hasn't started it
};

}  // namespace

std::unique_ptr<DeviceCollectives> make_staged_collectives(Transport& inner) {
  return std::make_unique<StagedCollectives>(inner);
}

}  // namespace colonnade
