// The two limits that are the backend's: how fast cores multiply and add, and how fast they move
// numbers between memory and themselves.
#include "colonnade/limits.hpp"

#include <omp.h>
#include <Eigen/Core>
#include <array>
#include <atomic>

#include "cpu/eigen.hpp"

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
  static const volatile Scalar half = Scalar{0.5}, one = 1;
  const Packet a = Eigen::internal::pset1<Packet>(half), b = Eigen::internal::pset1<Packet>(one);
  std::array<Packet, chains> x;
  for (Packet& chain : x) chain = Eigen::internal::pset1<Packet>(Scalar{0});
  for (Index round = 0; round < rounds; ++round) {
    for (Packet& chain : x) chain = Eigen::internal::pmadd(chain, a, b);
  }
  bool right = true;
  for (const Packet& chain : x) {
    right = right && Eigen::internal::predux_min(chain) == Scalar{2} &&
            Eigen::internal::predux_max(chain) == Scalar{2};
  }
  return right;
}

struct Arrays {
  explicit Arrays(Index elements)
      : gradient(Tensor::zeros(elements, 1)),
        w(Tensor::zeros(elements, 1)),
        m(Tensor::zeros(elements, 1)),
        v(Tensor::zeros(elements, 1)) {
    for_each_chunk(elements, [&](Index begin, Index count) {
      array(gradient.data() + begin, count).setOnes();
    });
  }
  Tensor gradient, w, m, v;
};

void go_through(MemoryPass pass, Arrays& arrays) {
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

/// After one pass from zeros every array that was written holds ones.
void check_pass(ProcessGroup& group, MemoryPass pass, Index elements) {
  Arrays arrays(elements);
  go_through(pass, arrays);
  const auto sum = [](const Tensor& x) { return array(x.data(), x.size()).sum(); };
  const auto all = static_cast<Scalar>(elements);
  const bool updates = pass == MemoryPass::update;
  const bool right = sum(arrays.w) == all && sum(arrays.m) == (updates ? all : 0) &&
                     sum(arrays.v) == (updates ? all : 0);
  collectively(group, [&] {
    if (!right) {
      throw Error("wrong result of " + std::string(to_string(pass)) + ", which is not timed");
    }
  });
}

}  // namespace

double measure_memory(ProcessGroup& group, MemoryPass pass, Index elements,
                      const Patience& patience) {
  check_pass(group, pass, std::min<Index>(elements, 3 * chunk_size + 1));
  Arrays arrays(elements);
  const Times times = time_together(group, patience, [&] { go_through(pass, arrays); });
  const double bytes = numbers_moved(pass) * sizeof(Scalar) * static_cast<double>(elements);
  return bytes / times.smallest;
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
