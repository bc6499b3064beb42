#!/bin/bash
# What this machine has, as variables for make.
#   tools/probe.sh FILE COMPILER BLAS install|report
# FILE is left untouched when nothing changed. Missing packages are installed or reported.
set -euo pipefail

file=$1
read -ra compiler <<<"$2"
blas=$3
on_missing=$4

missing=$(tools/deps.sh list "$2")
if [ -n "$missing" ]; then
  if [ "$on_missing" = install ]; then
    tools/deps.sh install "$2"
  else
    echo "missing: ${missing//$'\n'/ }; \`make deps\` installs what is missing" >&2
    exit 1
  fi
fi

# Foreign headers as system headers: their warnings are not ours. Of the linker's flags only what
# names a library: a distribution's own flags (-flto, -Bsymbolic) are its business.
as_system() { sed -E 's/(^| )-I ?/\1-isystem /g'; }
words_with() { tr ' ' '\n' | grep -E "$1" | tr '\n' ' ' || true; }
cflags_of() { pkg-config --cflags "$@" | words_with '^-[ID]' | as_system; }
libs_of() { pkg-config --libs "$1" | words_with '^-[Ll]'; }

if pkg-config --exists mpich; then
  mpi_cflags=$(cflags_of mpich)
  mpi_libs=$(libs_of mpich)
  mpi_version="MPICH $(pkg-config --modversion mpich)"
else
  wrapper=${MPICXX:-mpicxx}
  mpi_cflags=$("$wrapper" -show | words_with '^-[ID]' | as_system)
  mpi_libs=$("$wrapper" -show | words_with '^-[Ll]')
  mpi_version="as $wrapper has it"
fi

# Debian's BLIS comes without a .pc file, so linking it is the only question to ask.
has_blis() {
  echo 'extern "C" char* bli_info_get_version_str(); int main() { bli_info_get_version_str(); }' |
    "${compiler[@]}" -x c++ - -lblis -o /dev/null 2>/dev/null
}

has_openblas() { pkg-config --exists openblas; }

wanted=$blas
if [ "$wanted" = auto ]; then
  if has_openblas; then blas=openblas; elif has_blis; then blas=blis; else blas=eigen; fi
fi
blas_cflags='' blas_libs='' blas_version="none, Eigen's own kernels"
case $blas in
  openblas)
    has_openblas || {
      echo "BLAS=openblas: pkg-config knows no openblas; install libopenblas-openmp-dev or use BLAS=eigen" >&2
      exit 1
    }
    blas_cflags=$(cflags_of openblas)
    blas_libs=$(libs_of openblas)
    blas_version="OpenBLAS $(pkg-config --modversion openblas)"
    ;;
  blis)
    has_blis || {
      echo "BLAS=blis: linking with -lblis fails; install libblis-openmp-dev or use BLAS=eigen" >&2
      exit 1
    }
    blas_libs=-lblis
    blas_version=BLIS
    ;;
esac

text="# Written by tools/probe.sh.
compiler := $("${compiler[@]}" --version | head -n 1)
mpi_libs := $mpi_libs
mpi_version := $mpi_version
blas := $blas
blas_libs := $blas_libs
blas_cflags := $blas_cflags
blas_version := $blas_version
found_cflags := $mpi_cflags $(cflags_of eigen3)"
mkdir -p "$(dirname "$file")"
if [ ! -f "$file" ] || [ "$text" != "$(cat "$file")" ]; then
  printf '%s\n' "$text" >"$file"
fi
