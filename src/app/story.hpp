// A training step as `colonnade explain` tells it: what each rank had of every matrix, in the order
// of the step, and what the ranks sent one another. Plain data, made from what observers of all
// ranks have seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "colonnade/observer.hpp"
#include "colonnade/plan.hpp"

namespace colonnade::app {

/// What a rank has of a matrix: a run of the elements, in memory order, of a block of it.
struct Holding {
  Range rows = {};
  Range cols = {};
  Range run = {};
  std::vector<double> values = {};  // of the run

  bool same_place(const Holding& other) const {
    return rows == other.rows && cols == other.cols && run == other.run;
  }
};

/// How the ranks of a group have a matrix between them.
enum class Spread {
  alone,       // the group is of one rank
  replicated,  // each has the same
  sharded,     // each has another part
  partial      // what they have must be added up, or the largest taken
};
std::string_view to_string(Spread spread);

struct StoryMatrix {
  std::string name;
  std::string site;  // who computed it, by which equation
  std::string equation;
  Index rows = 0;  // of the whole
  Index cols = 0;
  bool is_result = false;
  Partial partial = Partial::no;    // over tensor-parallel ranks
  bool copies_differ = false;       // and a sum over data-parallel ranks
  bool sums_samples = false;        // of those that were at hand
  Spread tp = Spread::alone;        // among the ranks that share a copy of the model
  Spread dp = Spread::alone;        // among the copies
  std::vector<Holding> ranks = {};  // by rank of the world
};

struct Transfer {
  int from = 0;  // ranks of the world
  int to = 0;
  Index bytes = 0;
  Range piece = {};  // of what is cut among the ranks: the part that travels
};

/// A collective: in each group of ranks at once.
struct StoryCall {
  Collective kind = Collective::barrier;
  std::string group;    // "tp" or "dp"
  std::string account;  // that it is counted under
  Reduction reduction = Reduction::sum;
  bool overlaps = false;                   // it goes on while the ranks compute
  Index numbers_beside = 0;                // in the same buffer: votes, for one
  std::vector<std::vector<int>> groups;    // ranks of the world
  std::vector<Range> pieces;               // of each rank of the world, where they are cut
  bool by_columns = false;                 // which pieces count; else elements of the block
  std::vector<Index> bytes_sent;           // by each rank, as the ledger counts them
  std::vector<Transfer> transfers;         // their sum, pair by pair
  std::optional<StoryMatrix> before = {};  // what they move
  std::optional<StoryMatrix> after = {};
};

struct StoryStep {
  std::string section;  // "forward", "loss", "backward", "copies", "norm" or "update"
  std::string site;
  std::string equation;  // of a collective what it makes of what
  std::vector<StoryMatrix> matrices = {};
  std::optional<StoryCall> call = {};
};

struct StoryRank {
  int tp_rank = 0;
  int dp_rank = 0;
};

struct Story {
  Job job = {};
  Index batch = 0;
  std::vector<StoryRank> ranks;
  std::vector<StoryStep> steps;
};

/// `rank 0 sends columns 0-2 of Y to rank 1: 36 bytes`, a line for each rank of the world, and for
/// each piece that is another.
std::vector<std::string> sentences(const StoryCall& call);

/// Why the step needs no message, or needs one; of an update how it is computed.
std::string reason(const Story& story, const StoryStep& step);

/// `sharded by columns`, `partial sums`; where there are copies of the model both ways of the mesh.
std::string describe_spread(const StoryMatrix& matrix);

/// What the ranks have together, as they say that they have it: parts put in their places and
/// partial ones added up, copies held to be the same within `tolerance` of the largest number. NaN
/// where nobody has an element. Throws where copies differ.
std::vector<double> put_together(const Story& story, const StoryMatrix& matrix, double tolerance);

/// Holds every matrix of the story to the same one of a step on one rank. Returns how many there
/// were; throws at the first that differs.
int check_numbers(const Story& story, const Story& on_one_rank, double tolerance);

/// What a rank sends, as the plan has it: by group, account and kind.
std::vector<LedgerLine> traffic_of(const Story& story, int rank);

}  // namespace colonnade::app
