#include "app/recording_transport.hpp"

#include <vector>

namespace colonnade::app {

namespace {

const char* at(const void* buffer, Index element, DataType type) {
  return static_cast<const char*>(buffer) + static_cast<std::size_t>(element) * size_of(type);
}

Index bytes_of(Index count, DataType type) {
  return count * static_cast<Index>(size_of(type));
}

std::vector<Range> copy_of(std::span<const Range> pieces) {
  return {pieces.begin(), pieces.end()};
}

}  // namespace

// Before a gather only the own piece may be looked at: where memory is common, others write theirs.
std::size_t RecordingTransport::note_gather(const void* buffer, std::span<const Range> pieces,
                                            Index unit, DataType type, bool overlaps) {
  const Range own = pieces[static_cast<std::size_t>(rank())];
  return recorder_->call_begins(announced_,
                                {.kind = Collective::all_gather,
                                 .group = group_,
                                 .account = {},
                                 .type = type,
                                 .overlaps = overlaps,
                                 .pieces = copy_of(pieces),
                                 .unit = unit,
                                 .bytes_sent = bytes_of(own.size() * unit, type) * (size() - 1)},
                                at(buffer, own.begin * unit, type), own.size() * unit);
}

std::size_t RecordingTransport::note_scatter(const void* send, std::span<const Range> pieces,
                                             Index unit, DataType type, bool overlaps) {
  const Index own = pieces[static_cast<std::size_t>(rank())].size() * unit;
  const Index count = pieces.back().end * unit;
  return recorder_->call_begins(announced_,
                                {.kind = Collective::reduce_scatter,
                                 .group = group_,
                                 .account = {},
                                 .type = type,
                                 .overlaps = overlaps,
                                 .pieces = copy_of(pieces),
                                 .unit = unit,
                                 .bytes_sent = bytes_of(count - own, type)},
                                send, count);
}

// Of a sum over all ranks even parts are added up, each on a rank, and sent to the others.
std::size_t RecordingTransport::note_sum(const void* buffer, Index count, DataType type,
                                         Reduction reduction, bool overlaps) {
  return recorder_->call_begins(announced_,
                                {.kind = Collective::all_reduce,
                                 .group = group_,
                                 .account = {},
                                 .type = type,
                                 .reduction = reduction,
                                 .overlaps = overlaps,
                                 .bytes_sent = 2 * bytes_of(count, type) * (size() - 1) / size()},
                                buffer, count);
}

void RecordingTransport::all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                    DataType type) {
  const std::size_t event = note_gather(buffer, pieces, unit, type, false);
  wrapped_->all_gather(buffer, pieces, unit, type);
  recorder_->call_ends(event, buffer, rank());
}

void RecordingTransport::reduce_scatter(const void* send, void* receive,
                                        std::span<const Range> pieces, Index unit, DataType type,
                                        SumOrder order) {
  const std::size_t event = note_scatter(send, pieces, unit, type, false);
  wrapped_->reduce_scatter(send, receive, pieces, unit, type, order);
  recorder_->call_ends(event, receive, rank());
}

void RecordingTransport::all_reduce(void* buffer, Index count, DataType type, Reduction reduction,
                                    SumOrder order) {
  const std::size_t event = note_sum(buffer, count, type, reduction, false);
  wrapped_->all_reduce(buffer, count, type, reduction, order);
  recorder_->call_ends(event, buffer, rank());
}

void RecordingTransport::start_all_gather(void* buffer, std::span<const Range> pieces, Index unit,
                                          DataType type) {
  under_way_.push_back({note_gather(buffer, pieces, unit, type, true), buffer});
  wrapped_->start_all_gather(buffer, pieces, unit, type);
}

void RecordingTransport::start_all_reduce(void* buffer, Index count, DataType type) {
  under_way_.push_back({note_sum(buffer, count, type, Reduction::sum, true), buffer});
  wrapped_->start_all_reduce(buffer, count, type);
}

void RecordingTransport::start_reduce_scatter(const void* send, void* receive,
                                              std::span<const Range> pieces, Index unit,
                                              DataType type) {
  under_way_.push_back({note_scatter(send, pieces, unit, type, true), receive});
  wrapped_->start_reduce_scatter(send, receive, pieces, unit, type);
}

void RecordingTransport::finish_first() {
  wrapped_->finish_first();
  const UnderWay first = under_way_.front();
  under_way_.pop_front();
  recorder_->call_ends(first.event, first.result, rank());
}

}  // namespace colonnade::app
