# Whole trainings against tests/reference.py, which does the same in NumPy: what the program saves,
# dumps and logs. Each case is given by the program's own options.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

program=${COLONNADE_DOUBLE:-build/cpu-openblas/double/colonnade}
export OMP_NUM_THREADS=1

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "no Python with NumPy: trainings are not compared"
  finish
fi

#   reference NAME MODE [--ranks N] [OPTIONS...]: one test, in a folder of its own
reference() {
  local name=$1 mode=$2
  shift 2
  mkdir "$scratch/case"
  passes "$name" "$python" tests/reference.py "$mode" "$program" "${MPIEXEC:-mpiexec}" \
    "$scratch/case" "$@"
  rm -r "$scratch/case"
}

# 23 samples: the last batch of 5 is short, and with one of 23 the order of the rows is indifferent.
matrices=(matrices --no-shuffle --batch 5 --epochs 3 --lr 0.01)
reference "gelu-tanh at a constant rate, one rank" "${matrices[@]}"
reference "gelu-erf after the last layer too, warm-up and cosine, 2 ranks" "${matrices[@]}" \
  --ranks 2 --activation gelu-erf --activate-last --schedule cosine --warmup 3
reference "relu, warm-up alone, biases decay, 3 ranks" "${matrices[@]}" \
  --ranks 3 --activation relu --warmup 4 --decay-bias --weight-decay 0.2
reference "identity, no biases, cosine alone, 2 ranks" "${matrices[@]}" \
  --ranks 2 --activation identity --no-bias --schedule cosine
reference "other betas and eps, gelu-tanh after the last layer too, 3 ranks" "${matrices[@]}" \
  --ranks 3 --activate-last --beta1 0.8 --beta2 0.95 --eps 1e-3
reference "cross-entropy of soft targets, a pair and a half, linear, 2 ranks" "${matrices[@]}" \
  --ranks 2 --loss cross-entropy --layout pair --schedule linear --warmup 2
reference "smoothed cross-entropy, a mesh, clipped, with all that saves memory, 4 ranks" \
  "${matrices[@]}" --ranks 4 --loss cross-entropy --label-smoothing 0.1 --mesh dp=2,tp=2 \
  --clip 0.05 --zero1 --recompute --accumulate 2 --schedule warmup-stable-decay --decay 6
reference "mean square on copies alone, pairs, clipped, 2 ranks" "${matrices[@]}" \
  --ranks 2 --mesh dp=2 --layout pair --clip 0.02 --accumulate 3
reference "exact mode, pairs, a mesh, 4 ranks" "${matrices[@]}" \
  --ranks 4 --mesh dp=2 --exact --shards 4 --row-blocks 4 --layout pair --loss cross-entropy
reference "all rows in one shuffled batch, 2 ranks" matrices \
  --ranks 2 --batch 23 --epochs 4 --activation gelu-erf --weight-decay 0.1
reference "test loss and accuracy after each epoch, 2 ranks" images --ranks 2

finish
