// How a network is cut among tensor-parallel ranks.
#pragma once

#include <string_view>

namespace colonnade {

/// gather: every layer is column-parallel and its output is gathered; backward scatters dX.
/// pair: column- and row-parallel layers take turns, and the activation between the two of a pair
/// never travels: one all-reduce forward and one backward for two layers.
enum class Layout { gather, pair };

std::string_view to_string(Layout layout);
Layout layout_from(std::string_view name);

}  // namespace colonnade
