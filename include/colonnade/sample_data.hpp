// Synthetic data for the demo, benches and tests.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string_view>

#include "colonnade/tensor.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

/// A [rows, cols] matrix of normal numbers keyed by (seed, name): the same on every rank.
Tensor sample_data(Index rows, Index cols, std::uint64_t seed, std::string_view name,
                   std::pmr::memory_resource* memory = device_memory());

}  // namespace colonnade::inline COLONNADE_PRECISION
