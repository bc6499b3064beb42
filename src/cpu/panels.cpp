#include "cpu/panels.hpp"

#include <algorithm>

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

/// The longest vector of which a panel is a whole number wide.
template <bool is_packet>
struct PartOfPanel {
  using type = Packet;
};
template <>
struct PartOfPanel<false> {
  using type = Eigen::internal::unpacket_traits<Packet>::half;
};

/// Lanes of panels as they lie in an operand, and the steps from one to the next.
struct Lanes {
  const Scalar* data;
  Index count;
  Index stride;  // from lane to lane
  Index step;    // along a lane
  Index length;
};

/// At most one panel, its elements from `begin` on one by one.
template <Index width>
void pack_elements(const Lanes& from, Index begin, Scalar* panel) {
  for (Index l = begin; l < from.length; ++l) {
    const Scalar* const data = from.data + l * from.step;
    Scalar* const to = panel + l * width;
    for (Index i = 0; i < from.count; ++i) to[i] = data[i * from.stride];
    std::fill(to + from.count, to + width, Scalar{0});
  }
}

/// One panel whose lanes are contiguous: square blocks of them are transposed in registers.
template <Index width>
void pack_transposed(const Lanes& from, Scalar* panel) {
  using Part = typename PartOfPanel<(packet_size <= width)>::type;
  constexpr Index size = Eigen::internal::unpacket_traits<Part>::size;
  static_assert(width % size == 0);
  Index packed = 0;
  if constexpr (size > 1) {
    for (; packed + size <= from.length; packed += size) {
      for (Index lane = 0; lane < width; lane += size) {
        Eigen::internal::PacketBlock<Part, size> square;
        for (Index i = 0; i < size; ++i) {
          square.packet[i] = ploadu<Part>(from.data + (lane + i) * from.stride + packed);
        }
        ptranspose(square);
        for (Index i = 0; i < size; ++i) {
          pstoreu(panel + (packed + i) * width + lane, square.packet[i]);
        }
      }
    }
  }
  pack_elements<width>(from, packed, panel);
}

/// Panels side by side whose lanes lie side by side.
template <Index width>
void pack_contiguous(const Lanes& from, Scalar* panels) {
  for (Index l = 0; l < from.length; ++l) {
    const Scalar* const data = from.data + l * from.step;
    for (Index lane = 0; lane < from.count; lane += width) {
      std::copy_n(data + lane, width, panels + lane * from.length + l * width);
    }
  }
}

template <Index width>
void pack(const Lanes& from, Scalar* panels) {
  const Index whole = from.count / width * width;
  if (from.stride == 1) {
    pack_contiguous<width>({from.data, whole, 1, from.step, from.length}, panels);
  } else {
    for (Index lane = 0; lane < whole; lane += width) {
      pack_transposed<width>(
          {from.data + lane * from.stride, width, from.stride, from.step, from.length},
          panels + lane * from.length);
    }
  }
  if (whole < from.count) {
    pack_elements<width>(
        {from.data + whole * from.stride, from.count - whole, from.stride, from.step, from.length},
        0, panels + whole * from.length);
  }
}

}  // namespace

void pack_rows(const Factor& a, Range rows, Scalar* panels) {
  pack<panel_rows>(
      {a.data + rows.begin * a.row_step(), rows.size(), a.row_step(), a.col_step(), a.cols},
      panels);
}

void pack_cols(const Factor& b, Range cols, Scalar* panels) {
  pack<panel_cols>(
      {b.data + cols.begin * b.col_step(), cols.size(), b.col_step(), b.row_step(), b.rows},
      panels);
}

// All loops over the sums are unrolled: an array whose elements are named lives in registers.
void multiply_panels(const Scalar* a, const Scalar* b, Index inner, const PanelSum& sum) {
  Packet sums[panel_cols][panel_packets];
#pragma GCC unroll 16
  for (Index j = 0; j < panel_cols; ++j) {
#pragma GCC unroll 16
    for (Index i = 0; i < panel_packets; ++i) {
      const Scalar* const begun = sum.top + j * sum.stride + i * packet_size;
      sums[j][i] = sum.resume ? pload<Packet>(begun) : pset1<Packet>(Scalar{0});
    }
  }
  for (Index l = 0; l < inner; ++l) {
    Packet rows[panel_packets];
#pragma GCC unroll 16
    for (Index i = 0; i < panel_packets; ++i) {
      rows[i] = pload<Packet>(a + l * panel_rows + i * packet_size);
    }
#pragma GCC unroll 16
    for (Index j = 0; j < panel_cols; ++j) {
      const Packet factor = pset1<Packet>(b[l * panel_cols + j]);
#pragma GCC unroll 16
      for (Index i = 0; i < panel_packets; ++i) sums[j][i] = pmadd(rows[i], factor, sums[j][i]);
    }
  }
  Scalar* to = sum.top;
  for (Index join = 0; join < sum.joins; ++join) {
    to -= sum.tile;
#pragma GCC unroll 16
    for (Index j = 0; j < panel_cols; ++j) {
#pragma GCC unroll 16
      for (Index i = 0; i < panel_packets; ++i) {
        sums[j][i] = padd(pload<Packet>(to + j * sum.stride + i * packet_size), sums[j][i]);
      }
    }
  }
#pragma GCC unroll 16
  for (Index j = 0; j < panel_cols; ++j) {
#pragma GCC unroll 16
    for (Index i = 0; i < panel_packets; ++i) {
      pstore(to + j * sum.stride + i * packet_size, sums[j][i]);
    }
  }
}

}  // namespace colonnade::inline COLONNADE_PRECISION
