// The inside of an exact product: operands copied into panels, and two panels multiplied in
// registers. A product's element is one chain of multiplications and additions (fused where the
// processor can) in the order of the inner dimension; it depends on its row and its column alone,
// not on how many others there are, on where they lie or on who computes them. No BLAS promises
// that.
#pragma once

#include <Eigen/Core>

#include "matmul.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

// As many sums at once as registers hold beside the factors, and enough of them that a processor
// with two multipliers never waits for a sum.
using Packet = Eigen::internal::packet_traits<Scalar>::type;
inline constexpr Index packet_size = Eigen::internal::packet_traits<Scalar>::size;
inline constexpr bool has_32_registers = sizeof(Packet) == 64;
inline constexpr Index panel_packets = has_32_registers ? 2 : 3;
inline constexpr Index panel_rows = panel_packets * packet_size;
inline constexpr Index panel_cols = has_32_registers ? 8 : 4;

/// Copies some rows of `a` to panels [panel_rows, a.cols], one after the other, and fills the last
/// one with zeros. Best called for packed_together rows: together they use whole cache lines.
void pack_rows(const Factor& a, Range rows, Scalar* panels);
/// The same for columns of `b`, to transposed panels [panel_cols, b.rows].
void pack_cols(const Factor& b, Range cols, Scalar* panels);
inline constexpr Index packed_together = 2 * panel_rows;
static_assert(packed_together % panel_cols == 0);

/// A [panel_rows, panel_cols] part of a stack of tiles: tile i of the stack is `tile` elements
/// after tile i - 1.
struct PanelSum {
  Scalar* top;  // where the product is to be, at a whole packet
  Index stride;
  Index tile;
  bool resume;  // the product's first part stands there already
  Index joins;  // the stack's topmost sums that it is then added to, one after the other
};

/// The product of `inner` columns of two panels, and what follows in the tree.
void multiply_panels(const Scalar* a, const Scalar* b, Index inner, const PanelSum& sum);

}  // namespace colonnade::inline COLONNADE_PRECISION
