#include "cpu/panels.hpp"

#include <algorithm>
#include <type_traits>

// A vector type loses its may_alias as a template argument, which matters to none of them here.
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Eigen::internal::padd;
using Eigen::internal::pload;
using Eigen::internal::ploadu;
using Eigen::internal::pmadd;
using Eigen::internal::pset1;
using Eigen::internal::pstore;
using Eigen::internal::pstoreu;

/// Lanes of a panel as they lie in an operand, and the steps from one to the next.
struct Lanes {
  const Scalar* data;
  Index count;
  Index stride;  // from lane to lane
  Index step;    // along a lane
  Index length;
};

template <Index width>
void pack_elements(const Lanes& from, Index begin, Scalar* panel) {
  for (Index l = begin; l < from.length; ++l) {
    const Scalar* const data = from.data + l * from.step;
    Scalar* const to = panel + l * width;
    for (Index i = 0; i < from.count; ++i) to[i] = data[i * from.stride];
    std::fill(to + from.count, to + width, Scalar{0});
  }
}

/// All lanes, each contiguous: square blocks of them are transposed in registers.
template <Index width>
void pack_transposed(const Lanes& from, Scalar* panel) {
  using Part = std::conditional_t<(packet_size <= width), Packet,
                                  Eigen::internal::unpacket_traits<Packet>::half>;
  constexpr Index size = Eigen::internal::unpacket_traits<Part>::size;
  static_assert(width % size == 0);
  const Index whole = size > 1 ? from.length / size * size : 0;
  if constexpr (size > 1) {
    for (Index l = 0; l < whole; l += size) {
      for (Index lane = 0; lane < width; lane += size) {
        Eigen::internal::PacketBlock<Part, size> square;
        for (Index i = 0; i < size; ++i) {
          square.packet[i] = ploadu<Part>(from.data + (lane + i) * from.stride + l);
        }
        ptranspose(square);
        for (Index i = 0; i < size; ++i) {
          pstoreu(panel + (l + i) * width + lane, square.packet[i]);
        }
      }
    }
  }
  pack_elements<width>(from, whole, panel);
}

template <Index width>
void pack_contiguous(const Lanes& from, Scalar* panel) {
  for (Index l = 0; l < from.length; ++l) {
    std::copy_n(from.data + l * from.step, width, panel + l * width);
  }
}

template <Index width>
void pack(const Lanes& from, Scalar* panel) {
  if (from.count < width) {
    pack_elements<width>(from, 0, panel);
  } else if (from.stride == 1) {
    pack_contiguous<width>(from, panel);
  } else if (from.step == 1) {
    pack_transposed<width>(from, panel);
  } else {
    pack_elements<width>(from, 0, panel);
  }
}

}  // namespace

void pack_rows(const Operand& a, Index first, Scalar* panel) {
  pack<panel_rows>({a.data + first * a.row_stride, std::min(panel_rows, a.rows - first),
                    a.row_stride, a.col_stride, a.cols},
                   panel);
}

void pack_cols(const Operand& b, Index first, Scalar* panel) {
  pack<panel_cols>({b.data + first * b.col_stride, std::min(panel_cols, b.cols - first),
                    b.col_stride, b.row_stride, b.rows},
                   panel);
}

void multiply_panels(const Scalar* a, const Scalar* b, Index inner, const PanelSum& sum) {
  Packet sums[panel_cols][panel_packets];
  for (Index j = 0; j < panel_cols; ++j) {
    for (Index i = 0; i < panel_packets; ++i) {
      const Scalar* const begun = sum.top + j * sum.stride + i * packet_size;
      sums[j][i] = sum.resume ? pload<Packet>(begun) : pset1<Packet>(Scalar{0});
    }
  }
  for (Index l = 0; l < inner; ++l) {
    Packet rows[panel_packets];
    for (Index i = 0; i < panel_packets; ++i) {
      rows[i] = pload<Packet>(a + l * panel_rows + i * packet_size);
    }
    for (Index j = 0; j < panel_cols; ++j) {
      const Packet factor = pset1<Packet>(b[l * panel_cols + j]);
      for (Index i = 0; i < panel_packets; ++i) sums[j][i] = pmadd(rows[i], factor, sums[j][i]);
    }
  }
  Scalar* to = sum.top;
  for (Index join = 0; join < sum.joins; ++join) {
    to -= sum.tile;
    for (Index j = 0; j < panel_cols; ++j) {
      for (Index i = 0; i < panel_packets; ++i) {
        sums[j][i] = padd(pload<Packet>(to + j * sum.stride + i * packet_size), sums[j][i]);
      }
    }
  }
  for (Index j = 0; j < panel_cols; ++j) {
    for (Index i = 0; i < panel_packets; ++i) {
      pstore(to + j * sum.stride + i * packet_size, sums[j][i]);
    }
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
