#include "colonnade/plan.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "colonnade/tree_sum.hpp"

namespace colonnade {

namespace {

/// A layer as one rank sees it: how many features it has of what, and which collectives join them.
struct LayerShape {
  std::string name;
  Index in, out;              // of the whole layer
  Index own_in, own_out;      // features of x and of s'(z) that this rank computes with
  Index weights, biases;      // that this rank holds
  bool gathers_output;        // column-parallel, y complete on every rank
  bool sums_output;           // row-parallel, y summed over ranks
  bool scatters_output;       // and every rank gets its own columns alone
  bool scatters_dx, sums_dx;  // column-parallel: what becomes of the partial dX
  bool keeps_derivative;      // s' isn't 1
};

/// How a rank's share of n features is found: by logical shards in exact mode. `what` names them in
/// the error if they are too few, as the layers do.
Index own_part(const Job& job, Index n, int tp_rank, const std::string& what) {
  return Sharding(n, job.mesh.tp, job.model.shards, what).range(tp_rank).size();
}

std::vector<LayerShape> layers_of(const Job& job, int tp_rank) {
  const MlpOptions& model = job.model;
  const std::size_t count = model.widths.size() - 1;
  std::vector<LayerShape> layers;
  for (std::size_t i = 0; i < count; ++i) {
    const bool first = i == 0, last = i + 1 == count;
    const bool pair = model.layout == Layout::pair, row = pair && i % 2 == 1;
    LayerShape layer{};
    layer.name = "layers." + std::to_string(i);
    layer.in = model.widths[i];
    layer.out = model.widths[i + 1];
    const bool column_output = !row || (last && model.shard_output);
    layer.own_in = row ? own_part(job, layer.in, tp_rank, "the inputs of " + layer.name) : layer.in;
    layer.own_out = column_output
                        ? own_part(job, layer.out, tp_rank, "the outputs of " + layer.name)
                        : layer.out;
    layer.weights = row ? layer.own_in * layer.out : layer.in * layer.own_out;
    layer.biases = model.bias ? layer.own_out : 0;
    layer.gathers_output = !row && (last ? !model.shard_output : !pair);
    layer.sums_output = row && column_output == false;
    layer.scatters_output = row && column_output;
    layer.scatters_dx = !row && !first && !pair;
    layer.sums_dx = !row && !first && pair;
    layer.keeps_derivative = last ? model.activate_last && model.activation != Activation::identity
                                  : model.activation != Activation::identity || model.dropout > 0;
    layers.push_back(layer);
  }
  return layers;
}

/// Adds up lines of one group.
class Ledger {
 public:
  Ledger(std::string group, Index ranks) : group_(std::move(group)), ranks_(ranks) {}

  void add(const std::string& account, Collective kind, Index bytes) {
    for (LedgerLine& line : lines_) {
      if (line.account != account || line.kind != kind) continue;
      ++line.calls;
      line.bytes_sent += bytes;
      return;
    }
    lines_.push_back({group_, account, kind, 1, bytes});
  }
  /// `total` bytes, of which the rank has `own` before: each peer gets these.
  void all_gather(const std::string& account, Index own) {
    add(account, Collective::all_gather, own * (ranks_ - 1));
  }
  /// Every peer gets its part; the own one stays.
  void reduce_scatter(const std::string& account, Index total, Index own) {
    add(account, Collective::reduce_scatter, total - own);
  }
  /// A reduce-scatter and an all-gather of even parts.
  void all_reduce(const std::string& account, Index total) {
    add(account, Collective::all_reduce, 2 * total * (ranks_ - 1) / ranks_);
  }
  const std::vector<LedgerLine>& lines() const { return lines_; }

 private:
  std::string group_;
  Index ranks_;
  std::vector<LedgerLine> lines_;
};

void add_forward_sum(Ledger& tp, const LayerShape& layer, Index row_bytes) {
  if (layer.sums_output) tp.all_reduce(layer.name, layer.out * row_bytes);
  if (layer.scatters_output) {
    tp.reduce_scatter(layer.name, layer.out * row_bytes, layer.own_out * row_bytes);
  }
}

void add_micro_batch(Ledger& tp, const Job& job, const LayerShape& layer, int tp_rank, Index rows) {
  const Index row_bytes = rows * job.scalar_bytes;
  add_forward_sum(tp, layer, row_bytes);
  if (layer.gathers_output) tp.all_gather(layer.name, layer.own_out * row_bytes);
  if (job.model.recompute && layer.keeps_derivative) add_forward_sum(tp, layer, row_bytes);
  if (layer.scatters_output) tp.all_gather(layer.name, layer.own_out * row_bytes);
  if (layer.scatters_dx) {
    tp.reduce_scatter(layer.name, layer.in * row_bytes,
                      own_part(job, layer.in, tp_rank, "the inputs of " + layer.name) * row_bytes);
  }
  if (layer.sums_dx) tp.all_reduce(layer.name, layer.in * row_bytes);
}

void add_gradient(Ledger& dp, const Job& job, const LayerShape& layer, int dp_rank, Index size) {
  if (size == 0) return;
  const Index own = shard_range(size, job.mesh.dp, dp_rank).size();
  if (job.zero1 && job.model.shards == 0) {
    dp.reduce_scatter(layer.name, size * job.scalar_bytes, own * job.scalar_bytes);
  } else {
    dp.all_reduce(layer.name, size * job.scalar_bytes);
  }
}

}  // namespace

GradientSum gradient_sum(const Job& job) {
  if (job.model.shards > 0) return GradientSum::exact;
  return job.zero1 ? GradientSum::own_run : GradientSum::everywhere;
}

std::vector<LedgerLine> predict_traffic(const Job& job, int tp_rank, int dp_rank,
                                        std::span<const Range> micro_batches) {
  constexpr Index double_bytes = 8;
  const std::vector<LayerShape> layers = layers_of(job, tp_rank);
  Ledger tp("tp", job.mesh.tp), dp("dp", job.mesh.dp);
  Index tensors = 0;
  for (const LayerShape& layer : layers) {
    tensors += job.model.bias ? 2 : 1;
    for (const Range rows : micro_batches) {
      if (rows.size() == 0) continue;
      const Index parts = std::min(job.model.row_parts, rows.size());
      for (Index part = 0; part < parts; ++part) {
        add_micro_batch(tp, job, layer, tp_rank, shard_range(rows.size(), parts, part).size());
      }
    }
    if (job.mesh.dp == 1) continue;
    for (const Index size : {layer.weights, layer.biases}) {
      add_gradient(dp, job, layer, dp_rank, size);
    }
  }
  if (job.loss.kind == LossKind::cross_entropy) {
    for (const Range rows : micro_batches) {
      if (rows.size() == 0) continue;
      tp.all_reduce("loss", rows.size() * double_bytes);
      tp.all_reduce("loss", 3 * rows.size() * double_bytes);
    }
  }
  // Beside the squares: the votes to stop, and the losses that are not finite.
  tp.all_reduce("norm", (tensors + 2) * double_bytes);
  if (job.mesh.dp > 1) {
    dp.all_reduce("loss", 2 * double_bytes);  // and the votes
    if (job.zero1 && job.model.shards == 0) dp.all_reduce("norm", tensors * double_bytes);
  }
  if (job.zero1) {
    for (const LayerShape& layer : layers) {
      for (const Index size : {layer.weights, layer.biases}) {
        if (size == 0) continue;
        dp.all_gather("update", shard_range(size, job.mesh.dp, dp_rank).size() * job.scalar_bytes);
      }
    }
  }
  std::vector<LedgerLine> lines = tp.lines();
  lines.insert(lines.end(), dp.lines().begin(), dp.lines().end());
  return lines;
}

namespace {

void add_counted(const std::string& name, const ProcessGroup& group,
                 std::vector<LedgerLine>& lines) {
  for (const Account& account : group.accounts()) {
    for (std::size_t kind = 0; kind < collective_count; ++kind) {
      const Traffic& traffic = account.traffic[kind];
      if (traffic.calls == 0) continue;
      lines.push_back(
          {name, account.name, static_cast<Collective>(kind), traffic.calls, traffic.bytes_sent});
    }
  }
}

}  // namespace

const LedgerLine* find_line(const std::vector<LedgerLine>& lines, const LedgerLine& like) {
  for (const LedgerLine& line : lines) {
    if (line.group == like.group && line.account == like.account && line.kind == like.kind) {
      return &line;
    }
  }
  return nullptr;
}

std::vector<LedgerLine> counted_traffic(Mesh& mesh) {
  std::vector<LedgerLine> lines;
  add_counted("tp", mesh.tp(), lines);
  add_counted("dp", mesh.dp(), lines);
  return lines;
}

std::vector<LedgerLine> traffic_between(const std::vector<LedgerLine>& before,
                                        const std::vector<LedgerLine>& after) {
  std::vector<LedgerLine> lines;
  for (LedgerLine line : after) {
    if (const LedgerLine* old = find_line(before, line)) {
      line.calls -= old->calls;
      line.bytes_sent -= old->bytes_sent;
    }
    if (line.calls > 0) lines.push_back(line);
  }
  return lines;
}

bool same_traffic(const std::vector<LedgerLine>& a, const std::vector<LedgerLine>& b) {
  const auto has_line = [&](const LedgerLine& line) {
    const LedgerLine* other = find_line(b, line);
    return other != nullptr && *other == line;
  };
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), has_line);
}

MemoryPlan predict_memory(const Job& job, int tp_rank, int dp_rank,
                          std::span<const Range> micro_batches) {
  Index rows = 0;
  for (const Range part : micro_batches) rows = std::max(rows, part.size());
  const auto bytes = [&](double numbers) {
    return numbers * static_cast<double>(job.scalar_bytes);
  };
  MemoryPlan plan;
  const MlpOptions& model = job.model;
  double features = static_cast<double>(model.widths.back());  // of the target
  for (const LayerShape& layer : layers_of(job, tp_rank)) {
    const Index size = layer.weights + layer.biases;
    plan.parameters += bytes(static_cast<double>(size));
    Index moments = 0;
    for (const Index numbers : {layer.weights, layer.biases}) {
      moments += job.zero1 ? shard_range(numbers, job.mesh.dp, dp_rank).size() : numbers;
    }
    plan.moments += bytes(2 * static_cast<double>(moments));
    features += static_cast<double>(layer.own_in);
    if (layer.keeps_derivative && !model.recompute) features += static_cast<double>(layer.own_out);
  }
  features += static_cast<double>(model.shard_output
                                      ? own_part(job, model.widths.back(), tp_rank, "the output")
                                      : model.widths.back());
  const Index copies =
      model.shards > 0 ? std::max<Index>(tree_stack_height(std::ssize(micro_batches)) - 1, 1) : 1;
  plan.gradients = static_cast<double>(copies) * plan.parameters;
  plan.activations = bytes(features * static_cast<double>(rows));
  return plan;
}

}  // namespace colonnade
