# tools/sanitize_gpu.sh, with programs that stand in for the tests and for compute-sanitizer.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

#   stand_in FILE LINE...: a script of these lines
stand_in() {
  local file=$1
  shift
  mkdir -p "$(dirname "$file")"
  printf '%s\n' '#!/bin/bash' "$@" >"$file"
  chmod +x "$file"
}

export CUDA_HOME=$scratch/nowhere
sanitize=(tools/sanitize_gpu.sh)
# shellcheck disable=SC2016  # for the stand-in to expand
stand_in "$scratch/right" 'echo "$@" >>"$0.calls"'
# shellcheck disable=SC2016
stand_in "$scratch/finds_races" '[ "$2" != racecheck ]'
stand_in "$scratch/cuda-sm_90/tests" 'echo PASSED 0 FAILED 0'
stand_in "$scratch/cuda-sm_90/tests_without_gpu" 'echo "SKIPPED 7: this build computes on a GPU: there is none"'
stand_in "$scratch/cuda-pretended/tests" 'echo PASSED 0 FAILED 0'
stand_in "$scratch/cpu-openblas/tests" 'echo PASSED 0 FAILED 0'

prints "without a GPU" '^skipped: this build computes on a GPU: there is none$' \
  "${sanitize[@]}" "$scratch/cuda-sm_90/tests_without_gpu"
prints "with a pretended one" '^skipped: the GPU is pretended' "${sanitize[@]}" "$scratch/cuda-pretended/tests"
mkdir "$scratch/bin"
ln -s "$(command -v sed)" "$scratch/bin"
prints "without compute-sanitizer" '^skipped: compute-sanitizer is neither in CUDA_HOME/bin nor on the PATH$' \
  env PATH="$scratch/bin" "${sanitize[@]}" "$scratch/cuda-sm_90/tests"
refuses "tests of the CPU" 'tests computes on no GPU; wanted BACKEND=cuda$' \
  "${sanitize[@]}" "$scratch/cpu-openblas/tests"

export COMPUTE_SANITIZER=$scratch/right
passes "no error found" "${sanitize[@]}" "$scratch/cuda-sm_90/tests"
for tool in memcheck racecheck; do
  passes "$tool, as an error of the run" \
    grep -q -- "^--tool $tool .*--error-exitcode [1-9][0-9]* $scratch/cuda-sm_90/tests --fitting$" "$scratch/right.calls"
  passes "$tool of transports" grep -q -- "^--tool $tool .*tests/cuda/" "$scratch/right.calls"
done

export COMPUTE_SANITIZER=$scratch/finds_races
refuses "a race found" '^compute-sanitizer found errors, or a test failed$' \
  "${sanitize[@]}" "$scratch/cuda-sm_90/tests"
finish
