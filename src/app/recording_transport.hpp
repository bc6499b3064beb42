// A transport that notes what is moved, and leaves the moving to the one that it wraps.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "app/step_recorder.hpp"

namespace colonnade::app {

class RecordingTransport final : public Transport {
 public:
  RecordingTransport(std::unique_ptr<Transport> wrapped, StepRecorder& recorder,
                     std::string_view group)
      : wrapped_(std::move(wrapped)), recorder_(&recorder), group_(group) {}

  std::string_view name() const override { return wrapped_->name(); }
  int rank() const override { return wrapped_->rank(); }
  int size() const override { return wrapped_->size(); }
  bool overlaps() const override { return wrapped_->overlaps(); }

  void announce(const Fingerprint& next) override {
    announced_ = next;
    wrapped_->announce(next);
  }
  void compare_announcements() override { wrapped_->compare_announcements(); }
  void watch(std::shared_ptr<Place> place) override { wrapped_->watch(std::move(place)); }

  void all_gather(void* buffer, std::span<const Range> pieces, Index unit, DataType type) override;
  void reduce_scatter(const void* send, void* receive, std::span<const Range> pieces, Index unit,
                      DataType type, SumOrder order) override;
  void all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                  SumOrder order) override;
  void start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                        DataType type) override;
  void start_all_reduce(void* buffer, Index count, DataType type) override;
  void start_reduce_scatter(const void* send, void* receive, std::span<const Range> pieces,
                            Index unit, DataType type) override;
  void progress() override { wrapped_->progress(); }
  void finish_first() override;

  // No step has these.
  void broadcast(void* buffer, Index count, DataType type, int root) override {
    wrapped_->broadcast(buffer, count, type, root);
  }
  void barrier() override { wrapped_->barrier(); }
  std::unique_ptr<Transport> split(int color, int key) override {
    return wrapped_->split(color, key);
  }
  std::unique_ptr<Transport> split_by_node() override { return wrapped_->split_by_node(); }

  std::pmr::memory_resource* common_memory() override { return wrapped_->common_memory(); }
  std::pmr::memory_resource* visible_memory() override { return wrapped_->visible_memory(); }
  std::unique_ptr<SharedFile> open_shared(const std::string& path) override {
    return wrapped_->open_shared(path);
  }

 private:
  std::size_t note_gather(const void* buffer, std::span<const Range> pieces, Index unit,
                          DataType type, bool overlaps);
  std::size_t note_scatter(const void* send, std::span<const Range> pieces, Index unit,
                           DataType type, bool overlaps);
  std::size_t note_sum(const void* buffer, Index count, DataType type, Reduction reduction,
                       bool overlaps);

  struct UnderWay {
    std::size_t event;
    const void* result;
  };
  std::unique_ptr<Transport> wrapped_;
  StepRecorder* recorder_;
  std::string group_;
  Fingerprint announced_;
  std::deque<UnderWay> under_way_;
};

}  // namespace colonnade::app
