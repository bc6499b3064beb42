#include "colonnade/sample_data.hpp"

#include "colonnade/random.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

Tensor sample_data(Index rows, Index cols, std::uint64_t seed, std::string_view name,
                   std::pmr::memory_resource* memory) {
  const KeyedRandom random(seed, name);
  Tensor data(rows, cols, memory);
  write_from_host(data, [&](MatrixView numbers) {
    for (Index i = 0; i < numbers.size(); ++i) {
      numbers.data[i] = static_cast<Scalar>(random.normal(static_cast<std::uint64_t>(i)));
    }
  });
  return data;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
