#!/bin/bash
# Runs the tests of one rank under NVIDIA's compute-sanitizer, once looking for accesses outside of
# memory and once for races within a block.
#   tools/sanitize_gpu.sh TESTS...     test programs that were built with BACKEND=cuda
# Where there is no GPU or no compute-sanitizer it says that it was skipped, and why. CUDA_HOME is
# where CUDA is installed, COMPUTE_SANITIZER the tool where that is elsewhere.
set -uo pipefail

skip() {
  echo "skipped: $1"
  exit 0
}

for tests in "$@"; do
  # A test program says at once why no op can run here.
  why=$("$tests" --fitting --test-case=none | sed -n 's/^SKIPPED [0-9]*: //p') || true
  [ -z "$why" ] || skip "$why"
  case $tests in
    */cuda-pretended/*) skip "the GPU is pretended, and checks addresses itself" ;;
    */cuda-*) ;;
    *)
      echo "$tests computes on no GPU; wanted BACKEND=cuda" >&2
      exit 1
      ;;
  esac
done

sanitizer=${COMPUTE_SANITIZER:-}
for candidate in "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer" "$(command -v compute-sanitizer)"; do
  [ -n "$sanitizer" ] || [ ! -x "$candidate" ] || sanitizer=$candidate
done
[ -n "$sanitizer" ] || skip "compute-sanitizer is neither in CUDA_HOME/bin nor on the PATH"

export OMP_NUM_THREADS=1
failed=0
for tests in "$@"; do
  for tool in memcheck racecheck; do
    # Tests look at tensors in memory that the host reaches; those of transports, with what is below
    # them, also see what the program has.
    for options in --fitting '--fitting --out-of-reach --source-file=*test_process_group*,*tests/cuda/*'; do
      read -ra words <<<"$options"
      echo "$tool: $tests $options"
      # The program may start itself again, with another environment.
      "$sanitizer" --tool "$tool" --target-processes all --error-exitcode 99 \
        "$tests" "${words[@]}" </dev/null || failed=1
    done
  done
done
[ "$failed" = 0 ] || echo "compute-sanitizer found errors, or a test failed" >&2
exit "$failed"
