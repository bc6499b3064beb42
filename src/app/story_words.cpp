// What a story says in words.
#include <algorithm>
#include <array>
#include <cstdio>

#include "app/explain.hpp"
#include "colonnade/render.hpp"

namespace colonnade::app {

namespace {

/// `columns 0-2`, `element 3`
std::string piece_words(Range piece, bool by_columns) {
  const std::string what = by_columns ? "column" : "element";
  if (piece.size() == 0) return "nothing";
  if (piece.size() == 1) return what + " " + std::to_string(piece.begin);
  return what + "s " + std::to_string(piece.begin) + "-" + std::to_string(piece.end - 1);
}

std::string bytes_words(Index bytes) {
  return render_count(bytes) + (bytes == 1 ? " byte" : " bytes");
}

/// How the ranks have cut the matrix: into blocks, or into runs of the elements of these.
std::string cut_of(const StoryMatrix& matrix) {
  bool by_rows = false, by_columns = false, by_elements = false;
  for (const Holding& a : matrix.ranks) {
    for (const Holding& b : matrix.ranks) {
      by_rows |= !(a.rows == b.rows);
      by_columns |= !(a.cols == b.cols);
      by_elements |= a.rows == b.rows && a.cols == b.cols && !(a.run == b.run);
    }
  }
  std::string text;
  for (const auto& [cuts, what] : {std::pair(by_rows, "rows"), std::pair(by_columns, "columns"),
                                   std::pair(by_elements, "elements")}) {
    if (cuts) text.append(text.empty() ? "" : " and ").append(what);
  }
  return text;
}

std::string spread_words(Spread spread, const StoryMatrix& matrix, bool tp) {
  switch (spread) {
    case Spread::alone:
      return "whole";
    case Spread::replicated:
      return "replicated";
    case Spread::sharded:
      return "sharded by " + cut_of(matrix);
    case Spread::partial:
      return tp && matrix.partial == Partial::max ? "partial: the largest counts" : "partial sums";
  }
  return "";
}

std::string reason_of_call(const StoryCall& call, const std::string& section) {
  switch (call.kind) {
    case Collective::all_gather:
      return call.by_columns
                 ? "Each rank has computed its own columns, and the next step reads all "
                   "of them: every rank sends its own to all others."
                 : "Each copy has updated its own run of the elements, and every copy "
                   "needs all of them.";
    case Collective::reduce_scatter:
      if (call.by_columns) {
        return std::string(
                   "The partial sums are added up, and each rank gets the columns of the sum that "
                   "it goes on with.") +
               (section == "backward" ? " This is the reverse of forward's all-gather." : "");
      }
      return "The copies have seen different samples: their gradients are added up, and each "
             "copy gets the run of elements whose moments it keeps.";
    case Collective::all_reduce:
      if (call.group == "dp")
        return "The copies have seen different samples: what they have is added up, and each gets "
               "all of the sum.";
      return call.reduction == Reduction::max
                 ? "The largest of all ranks' numbers goes to every rank."
                 : "The partial sums are added up, and every rank gets all of the sum: as a "
                   "reduce-scatter would do it, and an all-gather after it.";
    default:
      return "";
  }
}

std::string number_words(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", number);
  return text.data();
}

/// The first step of AdamW in full: whoever has the numbers can compute the new ones.
std::string reason_of_update(const Story& story, bool is_bias) {
  const AdamWOptions& adamw = story_adamw;
  const std::string name = is_bias ? "b" : "W";
  const double decay = is_bias && !adamw.decay_bias ? 0 : adamw.weight_decay;
  const double kept1 = 1 - adamw.beta1, kept2 = 1 - adamw.beta2;
  std::string text =
      "Each rank updates what it keeps moments of, by its own gradients. As this is the first "
      "step, m = " +
      number_words(kept1) + " g, v = " + number_words(kept2) + " g², " + name + "′ = " + name +
      " − " + number_words(adamw.learning_rate) + " (" + number_words(1 / kept1) + " m / (√(" +
      number_words(1 / kept2) + " v) + " + number_words(adamw.eps) + ")";
  if (decay > 0) text += " + " + number_words(decay) + " " + name;
  text += ").";
  if (story.job.clip > 0) {
    const std::string most = number_words(story.job.clip);
    text += " If ‖g‖ is above " + most + ", g is d" + name + " times " + most + " / ‖g‖.";
  }
  return text;
}

}  // namespace

std::string facts_of(const Story& story) {
  std::string widths;
  for (const Index width : story.job.model.widths)
    widths += (widths.empty() ? "" : ",") + std::to_string(width);
  return "Widths " + widths + "; layout " + std::string(to_string(story.job.model.layout)) +
         "; loss " + std::string(to_string(story.job.loss.kind)) + "; batch " +
         std::to_string(story.batch) + "; mesh " + to_string(story.job.mesh) +
         (story.job.loss.label_smoothing > 0
              ? "; label smoothing ε = " + number_words(story.job.loss.label_smoothing)
              : "") +
         (story.job.model.dropout > 0 ? "; dropout " + number_words(story.job.model.dropout) : "") +
         (story.job.clip > 0 ? "; clipped to " + number_words(story.job.clip) : "") +
         (story.job.zero1 ? "; ZeRO stage 1" : "") +
         (story.job.model.recompute ? "; recomputing" : "") +
         (story.job.model.shards > 0 ? "; exact" : "");
}

std::string describe_spread(const StoryMatrix& matrix) {
  if (matrix.tp == Spread::alone) return spread_words(matrix.dp, matrix, false);
  const std::string tp = spread_words(matrix.tp, matrix, true);
  if (matrix.dp == Spread::alone || matrix.tp == matrix.dp) return tp;
  return "tp: " + tp + "; dp: " + spread_words(matrix.dp, matrix, false);
}

std::vector<std::string> sentences(const StoryCall& call) {
  std::vector<std::string> lines;
  const std::string name = call.before->name;
  for (std::size_t i = 0; i < call.transfers.size();) {
    const Transfer& first = call.transfers[i];
    std::vector<std::int64_t> receivers;
    while (i < call.transfers.size() && call.transfers[i].from == first.from &&
           call.transfers[i].piece == first.piece && call.transfers[i].bytes == first.bytes) {
      receivers.push_back(call.transfers[i++].to);
    }
    std::string what = name;
    if (call.kind == Collective::all_reduce) {
      what = call.reduction == Reduction::max ? "parts of " + name : "parts of the sum " + name;
    } else {
      const std::string part =
          call.kind == Collective::reduce_scatter ? "its part of the sum's " : "";
      what = part + piece_words(first.piece, call.by_columns) + " of " + name;
    }
    lines.push_back("rank " + std::to_string(first.from) + " sends " + what + " to " +
                    render_ranks(receivers) + ": " + bytes_words(first.bytes) +
                    (receivers.size() > 1 ? " each" : ""));
  }
  if (call.groups.size() > 1) {
    std::string groups = call.group == "tp" ? "within a copy, among " : "between copies, among ";
    for (std::size_t i = 0; i < call.groups.size(); ++i) {
      const std::vector<std::int64_t> ranks(call.groups[i].begin(), call.groups[i].end());
      groups += (i > 0 ? ", and among " : "") + render_ranks(ranks);
    }
    lines.insert(lines.begin(), groups);
  }
  if (call.numbers_beside > 0 && !lines.empty()) {
    lines.push_back(render_count(call.numbers_beside) +
                    (call.numbers_beside == 1 ? " more number goes" : " more numbers go") +
                    " along in the same messages");
  }
  if (lines.empty()) lines.push_back("a rank alone sends nothing");
  return lines;
}

std::string reason(const Story& story, const StoryStep& step) {
  if (step.call) return reason_of_call(*step.call, step.section);
  const auto has = [&](std::string_view text) { return step.equation.starts_with(text); };
  const auto result = std::find_if(step.matrices.rbegin(), step.matrices.rend(),
                                   [](const StoryMatrix& matrix) { return matrix.is_result; });
  const Spread tp = result == step.matrices.rend() ? Spread::alone : result->tp;
  if (has("Z = ")) {
    if (tp == Spread::sharded)
      return "Each rank has all of X and its own columns of W: its columns of Z are complete.";
    if (tp == Spread::partial)
      return "Each rank has some columns of X and the same rows of W: a term of the sum that Z is.";
    return "The product of the layer.";
  }
  if (has("dX = ")) {
    if (tp == Spread::partial)
      return "Each rank has some columns of dZ and of W: a term of the sum that dX is.";
    if (tp == Spread::sharded)
      return "Each rank has all of dZ and its own rows of W: its columns of dX are complete.";
    return "What the layer below is told.";
  }
  if (has("dW += "))
    return "The gradient of a rank's own part of W takes nothing that the rank doesn't have.";
  if (has("Y = ") || has("dZ = "))
    return "Element by element, and a bias column by column: each rank computes what it has.";
  if (has("W′ = ") || has("b′ = ")) return reason_of_update(story, has("b′ = "));
  if (has("‖g‖² = ")) return "Each rank squares the gradients that it has; shared ones count once.";
  return "";
}

}  // namespace colonnade::app
