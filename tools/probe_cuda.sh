#!/bin/bash
# What BACKEND=cuda needs to know of this machine, as variables for make.
#   tools/probe_cuda.sh FILE CUDA_HOME CUDA_ARCH|'' pretended|''
# FILE is left untouched when nothing changed.
set -euo pipefail

file=$1
home=$2
arch=$3
gpu=$4

wanted_arch=sm_90

nvcc_of_home() {
  [ -x "$home/bin/nvcc" ] || {
    echo "BACKEND=cuda: there is no $home/bin/nvcc; set CUDA_HOME to where CUDA is installed" >&2
    exit 1
  }
  echo "$home/bin/nvcc"
}

# Every GPU that nvcc can compile for, the oldest first.
choose_arch() {
  local known
  known=$("$nvcc" --list-gpu-code)
  if [ -n "$arch" ]; then
    grep -qx "$arch" <<<"$known" || {
      echo "CUDA_ARCH=$arch: this nvcc knows ${known//$'\n'/ }" >&2
      exit 1
    }
  elif grep -qx "$wanted_arch" <<<"$known"; then
    arch=$wanted_arch
  else
    arch=$(tail -n 1 <<<"$known")
  fi
}

if [ "$gpu" = pretended ]; then
  text="cuda_arch := pretended
cuda_version := a pretended GPU, for tests
cuda_cflags := -isystem tests/pretended_gpu/include -DCOLONNADE_NCCL -DCOLONNADE_CUDA_ARCH=90
cuda_libs := -lrt"
else
  nvcc=$(nvcc_of_home)
  choose_arch
  version=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
  number=${arch#sm_}
  cflags="-isystem $home/include -DCOLONNADE_CUDA_ARCH=${number%[af]}"
  libs="-L$home/lib64 -Wl,-rpath,$home/lib64 -lcublasLt -lcudart"
  nccl="without NCCL: messages go through the computer's memory"
  for include in "$home/include" /usr/include; do
    [ -f "$include/nccl.h" ] || continue
    cflags+=" -DCOLONNADE_NCCL"
    libs+=" -lnccl"
    nccl="with NCCL"
    break
  done
  text="nvcc := $nvcc
cuda_arch := $arch
cuda_version := CUDA $version for $arch, $nccl
cuda_cflags := $cflags
cuda_libs := $libs"
fi
text="# Written by tools/probe_cuda.sh.
$text"
mkdir -p "$(dirname "$file")"
if [ ! -f "$file" ] || [ "$text" != "$(cat "$file")" ]; then
  printf '%s\n' "$text" >"$file"
fi
