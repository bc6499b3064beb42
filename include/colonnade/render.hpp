// Numbers as people read them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace colonnade {

/// `12.34us`, `5.67ms`, `8.90s`, from two minutes on `3m20s` and `1h05m`.
std::string render_duration(double seconds);

/// The same without fractions, for estimates: `0s`, `43s`, `3m20s`, `1h05m`.
std::string render_whole_seconds(double seconds);

/// `512 B`, `1.5 KiB`, `2.0 MiB`, `3.2 GiB`.
std::string render_bytes(double bytes);

/// A number with a fixed count of decimals.
std::string render_fixed(double value, int decimals);

/// Thousands separated, for counts: `1,863,690`.
std::string render_count(std::int64_t value);

/// `rank 2`, `ranks 2, 3 and 5`.
std::string render_ranks(std::span<const std::int64_t> ranks);

}  // namespace colonnade
