// What one rank's observer has seen of a step, and the story that all of them tell together.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "app/story.hpp"
#include "colonnade/mesh.hpp"
#include "colonnade/observer.hpp"

namespace colonnade::app {

/// A matrix as this rank has it.
struct SeenMatrix {
  std::string name;
  std::string site;
  std::string equation;
  Index rows = 0;
  Index cols = 0;
  Holding own = {};
  bool of_samples = false;  // its rows are
  bool sums_samples = false;
  Partial partial = Partial::no;
  bool copies_differ = false;
  bool is_result = false;
};

struct SeenCall {
  Collective kind = Collective::barrier;
  std::string group;
  std::string account;
  DataType type = DataType::byte;
  Reduction reduction = Reduction::sum;
  bool overlaps = false;
  std::vector<Range> pieces = {};  // of each rank of the group, in units
  Index unit = 1;
  Index bytes_sent = 0;
  Index numbers_beside = 0;  // in the same buffer as what it moves
  std::optional<SeenMatrix> before = {};
  std::optional<SeenMatrix> after = {};
};

struct SeenEvent {
  std::string site;
  Phase phase = Phase::none;
  std::string equation;
  std::vector<SeenMatrix> matrices = {};
  std::optional<SeenCall> call = {};
};

/// Writes down a step that this rank takes part in. Usage: observe both groups of a mesh, go
/// through one step, read events().
class StepRecorder final : public Observer {
 public:
  /// `rows`: of the batch that this rank sees, out of `batch`.
  StepRecorder(Range rows, Index batch) : rows_(rows), batch_(batch) {}

  void computed(std::string_view site, Phase phase, std::string_view equation,
                std::span<const ObservedMatrix> matrices) override;
  std::unique_ptr<Transport> listen(std::unique_ptr<Transport> transport,
                                    std::string_view group) override;

  // For the transport that it puts in between. Returns the event's number.
  std::size_t call_begins(const Fingerprint& announced, SeenCall call, const void* send,
                          Index count);
  void call_ends(std::size_t event, const void* result, int group_rank);

  const std::vector<SeenEvent>& events() const { return events_; }

 private:
  const SeenMatrix* find(const SeenCall& call, const std::vector<double>& numbers,
                         const void* send) const;

  /// What was seen where, the newest last.
  struct Sight {
    const void* data;
    SeenMatrix matrix;
  };
  Range rows_;
  Index batch_;
  std::vector<SeenEvent> events_;
  std::vector<Sight> sights_;
  std::map<std::tuple<std::string, Phase, std::string>, Index> samples_seen_;
};

/// The story of all ranks, on each of them. Collective over the mesh's world.
Story tell_together(Mesh& mesh, const Job& job, Index batch, const std::vector<SeenEvent>& events);

}  // namespace colonnade::app
