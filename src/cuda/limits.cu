// What the limits of limits.hpp need of the backend: how fast the GPU multiplies and adds,
// and passes over memory.
#include <cmath>

#include "cuda/elementwise.hpp"
#include "cuda/scratch.hpp"
#include "memory_pass.hpp"

namespace colonnade::inline COLONNADE_PRECISION {

namespace {

/// Sums that a thread keeps going at once, so that it need not wait for one of them.
constexpr int chains = 8;

/// x = a x + b from 0 on in all chains of all threads, `rounds` times: with a = 1/2 and b = 1,
/// which the compiler doesn't know, after as many rounds as the number type has digits it is 2, and
/// stays 2. *wrong becomes 1 if any is not.
__global__ void multiply_and_add(Scalar a, Scalar b, int rounds, int* wrong) {
  Scalar x[chains] = {};
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < chains; ++i) x[i] = std::fma(a, x[i], b);
  }
  for (int i = 0; i < chains; ++i) {
    if (x[i] != 2) *wrong = 1;
  }
}

/// Of numbers that all become 2, or stay what they are.
struct GoThrough {
  MemoryPass pass;
  const Scalar* g;
  Scalar* w;
  Scalar* m;
  Scalar* v;

  template <int count>
  __device__ void at(Index i) const {
    const Pack<count> from = load<count>(g + i);
    if (pass == MemoryPass::copy) return store(from, w + i);
    const Scalar half = 0.5;
    Pack<count> first = load<count>(m + i);
    if (pass == MemoryPass::triad) {
      for (int j = 0; j < count; ++j) first[j] = from[j] + half * first[j];
      return store(first, w + i);
    }
    Pack<count> to = load<count>(w + i), second = load<count>(v + i);
    for (int j = 0; j < count; ++j) {
      first[j] = half * first[j] + from[j];
      second[j] = half * second[j] + from[j];
      to[j] = half * to[j] + from[j];
    }
    store(first, m + i);
    store(second, v + i);
    store(to, w + i);
  }
};

int multiprocessors() {
  int count = 0;
  gpu::check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, gpu::index()),
             "cudaDeviceGetAttribute");
  return count;
}

}  // namespace

void go_through(MemoryPass pass, PassArrays& arrays) {
  const Scalar* const g = arrays.gradient.data();
  Scalar* const w = arrays.w.data();
  Scalar* const m = arrays.m.data();
  Scalar* const v = arrays.v.data();
  for_each_element("memory pass", arrays.w.size(), {g, w, m, v}, GoThrough{pass, g, w, m, v});
}

// By its cores; those for tensors have another rate, which products show.
double measure_fma(ProcessGroup& group, const Patience& patience) {
  constexpr int rounds = 1024, blocks_a_multiprocessor = 4;
  const unsigned blocks = static_cast<unsigned>(multiprocessors() * blocks_a_multiprocessor);
  gpu::Scratch scratch;
  int* const wrong = scratch.reserve<int>(1);
  zero_bytes(wrong, sizeof *wrong);
  const Times times = time_together(group, patience, [&] {
    gpu::launch("multiply and add", multiply_and_add, {.blocks = blocks}, Scalar{0.5}, Scalar{1},
                rounds, wrong);
  });
  int any_wrong = 0;
  copy_bytes(wrong, &any_wrong, sizeof any_wrong);
  collectively(group, [&] {
    if (any_wrong != 0) throw Error("wrong result of multiply-adds, whose rate is not told");
  });
  const double operations = 2.0 * rounds * chains * gpu::block_threads * blocks;
  return operations / times.smallest;
}

}  // namespace colonnade::inline COLONNADE_PRECISION
