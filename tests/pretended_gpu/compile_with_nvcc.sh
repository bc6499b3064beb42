#!/bin/bash
# Compiles the tests of the pretended GPU with the real nvcc and the real headers: what the pretended
# ones declare must be a part of those. Says so and succeeds where there is no nvcc.
set -euo pipefail
cd "$(dirname "$0")/test"

nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if ! [ -x "$nvcc" ]; then
  echo "skipped: there is no nvcc (NVCC=... names one)"
  exit 0
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
# 177: what only the tests of the pretended GPU use.
# shellcheck disable=SC2016  # the inner shell's own
printf '%s\n' test_*.cpp | xargs -P "$(nproc)" -I SOURCE sh -c '
  "$1" -std=c++20 -arch=sm_90 -diag-suppress=177 -x cu -c "$3" -o "$2/$3.o" && echo "compiled $3"' \
  compile "$nvcc" "$objects" SOURCE
