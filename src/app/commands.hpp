// The program's commands. Each is collective and returns the exit code of the job.
#pragma once

#include "app/options.hpp"
#include "colonnade/device.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade::app {

/// The original job: a few layers, synthetic data, a few steps, and the proof of its gradients.
int run_demo(ProcessGroup& world, const Device& device, const DemoOptions& options);

/// Trains a multi-layer perceptron on files.
int run_train_mlp(ProcessGroup& world, const Device& device, const TrainOptions& options);

/// Measures what the machine can do, and times the step of a job on sample data against it.
int run_bench_mlp(ProcessGroup& world, const Device& device, const BenchOptions& options);

/// Proves a job: the same that would be trained, on sample data and on these ranks. 1 unless every
/// check holds.
int run_check(ProcessGroup& world, const Device& device, const CheckOptions& options);

/// Tells one step of a small job: every matrix on every rank, and every message.
int run_explain(ProcessGroup& world, const ExplainOptions& options);

/// Runs mistakes that real systems shipped beside the right code. 1 unless a check catches each of
/// them that shows on this number of ranks, and none the right code.
int run_zoo(ProcessGroup& world, const ZooOptions& options);

/// Shows what a safetensors file holds, and verifies it if it has checksums.
int run_inspect(ProcessGroup& world, const InspectOptions& options);

/// Makes a page of the logs of runs. The first rank does, the others have nothing to do.
int run_report(ProcessGroup& world, const ReportOptions& options);

/// Runs the test set through a trained model and shows which classes it takes for which.
int run_predict(ProcessGroup& world, const Device& device, const PredictOptions& options);

/// What a bug report needs.
int run_info(ProcessGroup& world, const Device& device);

}  // namespace colonnade::app
