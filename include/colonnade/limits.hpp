// What the machine can do at most, measured: arithmetic, products of matrices, memory, messages. It
// is what a training step is held against. All ranks of a group measure at once, so that they share
// caches, memory and power as they do in a step; each counts its own work, and the time is that of
// the slowest. A limit is the best of several blocks of repetitions.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "colonnade/mlp.hpp"
#include "colonnade/process_group.hpp"

namespace colonnade {

// --- Time --------------------------------------------------------------------------------------

/// Seconds of one repetition; median, smallest and largest of several blocks of them.
struct Times {
  double median = 0;
  double smallest = 0;
  double largest = 0;
};

/// Of at least one number.
Times summarize(std::vector<double> seconds);

/// How long to measure: so many blocks, each of at least so many seconds.
struct Patience {
  double block_seconds = 2e-3;
  int blocks = 9;
};

/// Times one call of `work`, which is repeated in blocks: all ranks start a block together and make
/// the same number of calls, so that work may be collective. Collective.
Times time_together(ProcessGroup& group, const Patience& patience,
                    const std::function<void()>& work);

// --- Messages ----------------------------------------------------------------------------------

/// What a collective costs: seconds = latency + bytes sent by a rank, as Traffic counts them, times
/// seconds a byte. They are the alpha and beta of the literature.
struct MessageCost {
  double latency = 0;           // seconds a call
  double seconds_per_byte = 0;  // one over the bandwidth
};

struct TimedMessage {
  double bytes_sent = 0;  // by this rank, in one call
  double seconds = 0;
};

/// The line whose relative errors have the smallest sum of squares, so that short messages count as
/// much as long ones; neither number of it is negative. Throws unless there are two sizes at least,
/// and all times positive.
MessageCost fit_message_cost(std::span<const TimedMessage> messages);

/// Seconds of a call that sends so many bytes, between the two measured sizes that are nearest.
/// What is shorter than the shortest takes as long, and what is longer than the longest has its
/// rate. `messages` are in the order of their sizes, and one at least.
double interpolate(std::span<const TimedMessage> messages, double bytes_sent);

struct MeasuredCollective {
  Collective kind = Collective::barrier;
  SumOrder order = SumOrder::any;
  std::vector<TimedMessage> messages;
  MessageCost cost;  // fitted to them
};

// --- Memory and arithmetic ---------------------------------------------------------------------

/// How arrays are gone through. Bytes are those that the program reads and writes; that a processor
/// reads a line before it overwrites it is not counted.
enum class MemoryPass {
  copy,    // b = a: 2 numbers an element
  triad,   // c = a + s b: 3
  update,  // an optimizer's: reads gradient, w, m, v and writes w, m, v: 7
};

std::string_view to_string(MemoryPass pass);

/// Numbers that a pass reads and writes for each element.
double numbers_moved(MemoryPass pass);

/// Bytes a second of each pass.
struct MemoryRates {
  double copy = 0;
  double triad = 0;
  double update = 0;
};

inline namespace COLONNADE_PRECISION {

/// All-gather, reduce-scatter or all-reduce of buffers of Scalars from 64 bytes up to `largest`
/// bytes, and to 64 KiB at least, in pieces as even as can be. The results are checked before they
/// are timed. Throws for another kind, and on a group of one rank, where nothing is sent.
/// Collective.
MeasuredCollective measure_collective(ProcessGroup& group, Collective kind, SumOrder order,
                                      double largest, const Patience& patience = {});

/// Bytes a second that this rank moves over arrays of so many elements, pass by pass. Collective.
MemoryRates measure_memory(ProcessGroup& group, Index elements, const Patience& patience = {});

/// Floating-point operations a second of this rank's cores, in independent multiply-adds on the
/// widest vectors of the build, on all its threads; two for each multiply-add. Collective.
double measure_fma(ProcessGroup& group, const Patience& patience = {});

// --- Products ----------------------------------------------------------------------------------

enum class Product { forward, backward_input, backward_weight };

/// One product of a layer on this rank: x [n, k], w [k, m].
struct MeasuredProduct {
  std::string layer;
  Product product = Product::forward;
  Index n = 0, k = 0, m = 0;
  double flops = 0;  // of one call: 2 n k m
  Times seconds;     // of one call, on the slowest rank
};

/// Every product of a step of this model over a micro-batch of `rows` rows, through the ops that
/// the step calls, on matrices of the same shapes; `rows` may differ among ranks, and may be 0.
/// Each is timed alone, with its operands as near as the caches can hold them. Results are checked
/// before they are timed. Collective over `group`, which has all ranks that are to measure at once.
std::vector<MeasuredProduct> measure_products(ProcessGroup& group, const Mlp& model, Index rows,
                                              const Patience& patience = {});

}  // namespace COLONNADE_PRECISION

std::string_view to_string(Product product);

}  // namespace colonnade
