#!/usr/bin/env bash
# Measures what docs/*.svg show: steps of 4 layers on a batch of 64, by width and by number of ranks
# of one thread each. Each run writes a JSON file into the folder, which tools/plots.py draws; a file
# that is there is not measured again.
#
#     tools/plots.sh FOLDER [SECONDS of steps a run]
set -euo pipefail

folder=$1
seconds=${2:-2}
colonnade=${COLONNADE:-build/colonnade}
mkdir -p "$folder"

# measure WIDTH RANKS PROGRAM...: `--ranks N` may follow the program, for ranks as threads.
measure() {
  local width=$1 ranks=$2
  shift 2
  local file=$folder/width-$width-ranks-$ranks.json
  [ ! -e "$file" ] || return 0
  echo "width $width, ranks $ranks"
  "$@" --widths "$width,$width,$width,$width,$width" --batch 64 --activate-last --threads 1 \
    --no-large-arrays --seconds "$seconds" --json "$file" >/dev/null
}

for width in 32 64 128 256 512 1024 2048; do
  measure "$width" 1 "$colonnade" bench mlp
  measure "$width" 2 "${MPIEXEC:-mpiexec}" -n 2 "$colonnade" bench mlp
  # Processes that outnumber the cores would spend their time waiting busily for one another.
  measure "$width" 4 "$colonnade" bench mlp --ranks 4
  measure "$width" 8 "$colonnade" bench mlp --ranks 8
done
