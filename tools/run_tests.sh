#!/bin/bash
# Runs every test of a build and ends with one line, `N passed, N failed`.
#   tools/run_tests.sh VARIANT_FOLDER RANK_COUNT...
# Tests of several ranks run on processes, of each RANK_COUNT, which share memory and then don't, some
# on pretended nodes, and on threads. VARIANT_FOLDER holds
# float/tests, double/tests and the programs that tests/test_*.sh try; of the first two TEST_SCALARS
# may name one. A run that crashes or exceeds its time counts as a failure and shows its output; one
# that passes shows nothing but its line.
set -uo pipefail

variant=$1
shift
passed=0
failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# Ranks of a test share the cores; a thread more each would only make them wait for one another.
export OMP_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
# MPI asks hwloc for the machine's shape, and hwloc loads plug-ins for graphics cards, which leak and
# are unloaded before LeakSanitizer could tell whose leaks they are. No test needs them.
export HWLOC_PLUGINS_PATH=/nonexistent
# UCX, below MPI, hooks into the memory calls of threads at a time when ThreadSanitizer has already
# taken them down.
export UCX_MEM_EVENTS=no
export UBSAN_OPTIONS=print_stacktrace=1
# For the scripts: the programs they try.
export COLONNADE=$variant/float/colonnade
if [ ! -x "$COLONNADE" ]; then COLONNADE=$variant/double/colonnade; fi
if [ -x "$variant/double/colonnade" ]; then export COLONNADE_DOUBLE=$variant/double/colonnade; fi

# Where the machine can't run a build's tests at all, the test program has said why.
why_skipped=''
skipped() {
  if [ -z "$why_skipped" ]; then why_skipped=$(sed -n 's/^SKIPPED [0-9]*: //p' "$output" | tail -n 1); fi
  [ -n "$why_skipped" ] || return 1
  printf '%-32s skipped %s: %s\n' "$1" "$(sed -n 's/^SKIPPED \([0-9]*\): .*/\1 tests/p' "$output")" "$why_skipped"
}

# A sum line is `N passed, N failed` of a script or `PASSED N FAILED N` of the test program.
#   count NAME EXIT_STATUS
count() {
  local sums
  if [ "$2" = 0 ] && skipped "$1"; then return; fi
  sums=$(sed -n -E 's/^(PASSED )?([0-9]+)( passed, | FAILED )([0-9]+)( failed)?$/\2 \4/p' "$output" | tail -n 1)
  local run_passed=${sums% *} run_failed=${sums#* }
  if [ -z "$sums" ]; then
    echo "$1: ended with status $2 and no result" >>"$output"
    run_passed=0 run_failed=1
  elif [ "$2" != 0 ] && [ "$run_failed" = 0 ]; then
    echo "$1: ended with status $2 after its tests" >>"$output"
    run_failed=1
  fi
  [ "$run_failed" = 0 ] || cat "$output"
  printf '%-32s %5d passed %5d failed %6.1f s\n' "$1" "$run_passed" "$run_failed" \
    "$((10 * (${EPOCHREALTIME/./} - started) / 1000000))e-1"
  passed=$((passed + run_passed))
  failed=$((failed + run_failed))
}

# processes NAME RANK_COUNT SCALAR OPTION...: tests on so many processes. mpiexec has a limit of its
# own, below the one for when mpiexec itself hangs.
processes() {
  local name=$1 ranks=$2 scalar=$3
  shift 3
  started=${EPOCHREALTIME/./}
  MPIEXEC_TIMEOUT=290 timeout -k 5 300 "${MPIEXEC:-mpiexec}" -n "$ranks" \
    "$variant/$scalar/tests" --fitting "$@" >"$output" 2>&1 </dev/null
  count "$name" $?
}

# threads NAME SCALAR OPTION...: the same on threads of one process, of all numbers that tests declare.
threads() {
  local name=$1 scalar=$2
  shift 2
  started=${EPOCHREALTIME/./}
  timeout -k 5 300 "$variant/$scalar/tests" --threads "$@" >"$output" 2>&1 </dev/null
  count "$name" $?
}

# device_memory SCALAR RANK_COUNT...: transports alone, with device memory where the host doesn't
# reach it, as in the program: on a GPU that ranks share, and on GPUs of their own. GPUs that are not
# pretended are as many as they are.
device_memory() {
  local scalar=$1 gpus ranks
  local -a transports=(--out-of-reach '--source-file=*test_process_group*,*tests/cuda/*')
  shift
  for gpus in 1 8; do
    for ranks in "$@"; do
      PRETENDED_GPUS=$gpus processes "$scalar, ranks $ranks, GPUs $gpus" "$ranks" "$scalar" "${transports[@]}"
      if [ "$ranks" -gt 1 ]; then
        PRETENDED_GPUS=$gpus processes "$scalar, ranks $ranks, GPUs $gpus, MPI" "$ranks" "$scalar" \
          --over-mpi "${transports[@]}"
      fi
    done
  done
  PRETENDED_GPUS=8 threads "$scalar, threads 1-8, GPUs 8" "$scalar" "${transports[@]}"
}

# What stands in for a GPU has tests of its own, which say `[doctest] test cases: 61 | 61 passed | 0 failed`.
pretended=$variant/double/tests_of_pretended_gpu
if [ -x "$pretended" ]; then
  started=${EPOCHREALTIME/./}
  timeout -k 5 300 "$pretended" >"$output" 2>&1 </dev/null
  status=$?
  sum=$(sed -n -E 's/.*test cases: .* ([0-9]+) passed \| *([0-9]+) failed.*/PASSED \1 FAILED \2/p' "$output")
  echo "$sum" >>"$output"
  count "the pretended GPU itself" "$status"
fi

# Where a kernel lacks a barrier, its result depends on the order in which a pretended GPU runs threads:
# they are shuffled, but for ranks that share memory.
for scalar in ${TEST_SCALARS-float double}; do
  for ranks in "$@"; do
    if [ "$ranks" -gt 1 ]; then
      processes "$scalar, ranks $ranks" "$ranks" "$scalar"
      PRETENDED_GPU_ORDER=77 processes "$scalar, ranks $ranks over MPI" "$ranks" "$scalar" --over-mpi
    else
      PRETENDED_GPU_ORDER=77 processes "$scalar, ranks $ranks" "$ranks" "$scalar"
    fi
  done
  # As if two of the ranks were on one node and the third on another.
  case " $* " in *" 3 "*) processes "$scalar, ranks 3 on two nodes" 3 "$scalar" --nodes=2+1 ;; esac
  # A pretended GPU is slow, and threads are new to it in their transports alone.
  case $(basename "$variant") in cuda-pretended*) ;; *) threads "$scalar, threads 1-8" "$scalar" ;; esac
  case $(basename "$variant") in cuda-*) device_memory "$scalar" "$@" ;; esac
done

# shellcheck disable=SC2086  # patterns and lists are meant to expand
for script in ${TEST_SCRIPTS-tests/test_*.sh}; do
  [ -e "$script" ] || continue
  if [ -n "$why_skipped" ]; then
    : >"$output"
    skipped "$script"
    continue
  fi
  started=${EPOCHREALTIME/./}
  # Where GPUs are pretended, one for each rank of the largest job.
  PRETENDED_GPUS=32 timeout -k 5 300 bash "$script" >"$output" 2>&1 </dev/null
  count "$script" $?
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
