// What the limits of limits.hpp need of the backend: how fast cores multiply and add,
// and passes over memory.
#include <omp.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <atomic>

#include "cpu/eigen.hpp"
#include "memory_pass.hpp"

// A vector type loses its may_alias as a template argument, which matters to none of them here.
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

using Packet = Eigen::internal::packet_traits<Scalar>::type;
constexpr Index packet_size = Eigen::internal::packet_traits<Scalar>::size;

/// Sums that a core keeps going at once. Two multipliers with a latency of four or five cycles want
/// ten, and with the two factors they fit sixteen registers.
constexpr Index chains = 12;

/// x = x / 2 + 1 from 0 on in all lanes of all chains, `rounds` times: after as many rounds as the
/// number type has digits it is 2, and stays 2. Returns whether it is. The factors come from memory
/// so that the compiler can't know that.
bool multiply_and_add(Index rounds) {
  volatile Scalar half_in_memory = Scalar{0.5}, one_in_memory = 1;
  const Scalar half = half_in_memory, one = one_in_memory;
  const Packet a = Eigen::internal::pset1<Packet>(half), b = Eigen::internal::pset1<Packet>(one);
  std::array<Packet, chains> x;
  for (Packet& chain : x) chain = Eigen::internal::pset1<Packet>(Scalar{0});
  for (Index round = 0; round < rounds; ++round) {
    for (Packet& chain : x) chain = Eigen::internal::pmadd(chain, a, b);
  }
  std::array<Scalar, chains * packet_size> lanes;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Eigen::internal::pstoreu(lanes.data() + static_cast<Index>(i) * packet_size, x[i]);
  }
  return std::all_of(lanes.begin(), lanes.end(), [](Scalar lane) { return lane == 2; });
}

}  // namespace

void go_through(MemoryPass pass, PassArrays& arrays) {
  const Scalar* const g = arrays.gradient.data();
  Scalar* const w = arrays.w.data();
  Scalar* const m = arrays.m.data();
  Scalar* const v = arrays.v.data();
  const Scalar half = Scalar{0.5};
  for_each_chunk(arrays.w.size(), [=](Index begin, Index count) {
    const auto from = array(g + begin, count);
    auto to = array(w + begin, count), first = array(m + begin, count);
    auto second = array(v + begin, count);
    switch (pass) {
      case MemoryPass::copy:
        to = from;
        break;
      case MemoryPass::triad:
        to = from + half * first;
        break;
      case MemoryPass::update:  // every number tends to 2, and all come from memory
        first = half * first + from;
        second = half * second + from;
        to = half * to + from;
        break;
    }
  });
}

double measure_fma(ProcessGroup& group, const Patience& patience) {
  constexpr Index rounds = 4096;
  std::atomic<int> threads = 0;
  std::atomic<bool> right = true;
  const Times times = time_together(group, patience, [&] {
#pragma omp parallel
    {
      if (!multiply_and_add(rounds)) right = false;
#pragma omp master
      threads = omp_get_num_threads();
    }
  });
  collectively(group, [&] {
    if (!right) throw Error("wrong result of multiply-adds, whose rate is not told");
  });
  const double operations = 2.0 * rounds * chains * packet_size * threads;
  return operations / times.smallest;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
