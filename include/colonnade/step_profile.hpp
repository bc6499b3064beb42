// Where the time of a training step goes: the spans of a timeline, step by step and added up by
// what they were for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "colonnade/mesh.hpp"
#include "colonnade/timeline.hpp"

namespace colonnade {

/// A step that a timeline holds as a whole.
struct RecordedStep {
  std::int64_t number = 0;
  std::int64_t nanoseconds = 0;
  std::int64_t rest = 0;               // of them, those of no span inside
  std::span<const SpanRecord> spans;   // inside, in the order in which they ended
  std::vector<std::int64_t> own = {};  // of each span: its nanoseconds without what nests in it
};

/// The steps among these records, which come in the order in which they ended; the first of them is
/// left out where its beginning may be missing. `own` and `rest` add up to `nanoseconds`.
std::vector<RecordedStep> recorded_steps(std::span<const SpanRecord> records, bool first_is_whole);

/// A part of a step, as the mean over steps.
struct ProfileLine {
  Activity activity = Activity::step;
  std::string group = {};  // of messages, as are the other two
  std::string site = {};
  Collective kind = Collective::barrier;

  double seconds = 0;  // a step, without waiting
  double waiting = 0;  // a step: before the last rank came
  double calls = 0;
  double bytes_sent = 0;

  bool is_message() const { return activity >= Activity::collective; }
};

struct StepProfile {
  std::int64_t steps = 0;  // over which the mean was taken
  double seconds = 0;      // of a step
  double rest = 0;         // of them, those that no line has
  std::vector<ProfileLine> lines;
};

/// This rank's profile: the mean over that half of the recorded steps whose times are nearest the
/// median, so that what else the machine did is left out of it. A rank has waited in a collective
/// for as long as it was in there beyond the rank that was in there shortest, which came last; so
/// the clocks of the ranks needn't agree. Throws where a rank has recorded no whole step. All ranks
/// have recorded the same steps. Collective over the mesh.
StepProfile profile_steps(Mesh& mesh, const Timeline& timeline);

}  // namespace colonnade
