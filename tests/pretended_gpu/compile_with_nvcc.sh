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
for source in test_*.cpp; do
  # 177: what only the tests of the pretended GPU use.
  "$nvcc" -std=c++20 -arch=sm_90 -diag-suppress=177 -x cu -c "$source" -o "$objects/${source%.cpp}.o"
  echo "compiled $source"
done
