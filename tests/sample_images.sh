# Small data for scripts: images in MNIST's layout, of random numbers that are the same each time.
#     sample_images FOLDER [SEED]: 40 of 4x4 to train on and 12 to test, with labels below 9
# shellcheck shell=bash

# sample_numbers SEED COUNT BELOW: bytes
sample_numbers() {
  awk -v seed="$1" -v count="$2" -v below="$3" 'BEGIN {
    for (; count > 0; --count) {
      seed = (seed * 1103515245 + 12345) % 2147483648
      printf "\\0%o", int(seed / 65536) % below
    }
  }' | xargs -0 printf '%b'
}

# sample_set STEM COUNT SEED: an IDX file of images and one of labels
sample_set() {
  local count
  printf -v count '\\0%o' "$2"
  { printf '%b' "\0\0\10\3\0\0\0$count\0\0\0\4\0\0\0\4"; sample_numbers "$3" "$((16 * $2))" 256; } \
    >"$1-images-idx3-ubyte"
  { printf '%b' "\0\0\10\1\0\0\0$count"; sample_numbers "$3" "$2" 9; } >"$1-labels-idx1-ubyte"
}

sample_images() {
  mkdir -p "$1"
  sample_set "$1/train" 40 "${2:-1}"
  sample_set "$1/t10k" 12 "$((${2:-1} + 1))"
}
