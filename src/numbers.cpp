#include "colonnade/numbers.hpp"

#include "colonnade/memory.hpp"

namespace colonnade {

Numbers::Numbers(Index count, std::pmr::memory_resource* memory) : memory_(memory) {
  const std::size_t size = static_cast<std::size_t>(count);
  if (size == 0) return;
  span_ = {static_cast<double*>(memory->allocate(size * sizeof(double), tensor_alignment)), size};
}

Numbers::~Numbers() {
  if (!span_.empty()) memory_->deallocate(span_.data(), span_.size_bytes(), tensor_alignment);
}

std::vector<double> Numbers::on_host() const {
  std::vector<double> copy(span_.size());
  copy_bytes(span_.data(), copy.data(), span_.size_bytes());
  return copy;
}

}  // namespace colonnade
