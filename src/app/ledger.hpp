// `--ledger` and `--dry-run`: what a job will send and hold, on the screen and held to the count.
#pragma once

#include <span>
#include <vector>

#include "colonnade/plan.hpp"

namespace colonnade::app {

/// Holds each step's traffic to the prediction. Usage: before() and after() around a step.
class LedgerCheck {
 public:
  LedgerCheck(Mesh& mesh, const Job& job) : mesh_(&mesh), job_(job) {}

  /// `micro_batches`: the rows of this rank's.
  void before(std::span<const Range> micro_batches);
  /// Prints both columns after the first step, from the world's rank 0. Throws, agreed by all
  /// ranks, if prediction and count differ on any. A step that was skipped sends no update.
  /// Collective over the mesh's world.
  void after(bool updated);

 private:
  Mesh* mesh_;
  Job job_;
  std::vector<LedgerLine> predicted_;
  std::vector<LedgerLine> before_;
  bool printed_ = false;
};

/// Memory and messages of rank 0 for a step of these micro-batches.
void print_plan(const Job& job, std::span<const Range> micro_batches);

}  // namespace colonnade::app
