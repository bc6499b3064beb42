# Meshes, layouts, exact mode and the ledger, as users meet them: the same training on any number of
# ranks, compared by its files.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh

mpi=${MPIEXEC:-mpiexec}

sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --epochs 2 --progress plain)

# What a log says about the training, apart from its times.
results_of() {
  grep -oE '"(loss|test_loss|test_accuracy|gradient_norm)":[^,}]*' "$1"
}

# --- Exact mode: byte for byte on every number of ranks, threads and every transport ----------------

# run_exact NAME COMMAND...: trains, and leaves the saved model, gradients and results.
run_exact() {
  local name=$1
  shift
  passes "exact training: $name" "$@" --save "$scratch/$name.model" --dump-gradients "$scratch/$name.grad" \
    --log "$scratch/$name.log"
  results_of "$scratch/$name.log" >"$scratch/$name.results"
}
# same NAME OTHER: the two runs are the same.
same() {
  for part in model grad results; do
    passes "$1 is $2: $part" cmp "$scratch/$1.$part" "$scratch/$2.$part"
  done
}
for loss in mean-square cross-entropy; do
  for layout in gather pair; do
    exact=("${job[@]}" --loss "$loss" --layout "$layout" --exact --row-blocks 2 --clip 0.05 --dropout 0.1)
    run_exact one "$COLONNADE" "${exact[@]}" --threads 1
    passes "the results are there" test "$(wc -l <"$scratch/one.results")" = 20
    run_exact other "$COLONNADE" "${exact[@]}" --threads 2
    same other one
    for mesh in dp=1,tp=2 dp=1,tp=4 dp=1,tp=8 dp=2,tp=1 dp=2,tp=4; do
      ranks=$((${mesh:3:1} * ${mesh:8:1}))
      run_exact other "$COLONNADE" "${exact[@]}" --ranks "$ranks" --mesh "$mesh"
      same other one
    done
    run_exact other "$mpi" -n 2 "$COLONNADE" "${exact[@]}" --threads 1
    same other one
    run_exact other "$mpi" -n 2 "$COLONNADE" "${exact[@]}" --threads 1 --transport mpi
    same other one
    run_exact other "$mpi" -n 4 "$COLONNADE" "${exact[@]}" --mesh dp=2 --zero1 --recompute
    same other one
  done
done
run_exact other "$COLONNADE" "${exact[@]}" --seed 1
if cmp -s "$scratch/other.model" "$scratch/one.model"; then
  test_failed "another seed is another model" "the files are the same"
else
  test_passed
fi

# --- A model goes from any mesh to any other ---------------------------------------------------------

passes "a model saved on a mesh" "$COLONNADE" "${job[@]}" --ranks 6 --mesh dp=2,tp=3 --layout pair \
  --save "$scratch/mesh.model"
for where in "--ranks 1" "--ranks 4 --mesh dp=2 --layout pair" "--ranks 8 --mesh tp=8"; do
  # shellcheck disable=SC2086  # several words
  passes "is loaded and saved the same: $where" "$COLONNADE" "${job[@]}" $where --lr 0 --steps 1 \
    --load "$scratch/mesh.model" --save "$scratch/again.model"
  passes "byte for byte: $where" cmp "$scratch/mesh.model" "$scratch/again.model"
done

# --- Fast mode on meshes, and its options --------------------------------------------------------------

for mesh in dp=1,tp=4 dp=2,tp=2 dp=4,tp=1; do
  prints "fast mode on $mesh" "^test accuracy" "$COLONNADE" "${job[@]}" --ranks 4 --mesh "$mesh" \
    --layout pair --loss cross-entropy --label-smoothing 0.1 --clip 1 --accumulate 2 --zero1 \
    --recompute --dropout 0.1 --schedule warmup-stable-decay --warmup 2 --decay 3 --ledger
done
prints "data parallelism over MPI" "^test accuracy" "$mpi" -n 2 "$COLONNADE" "${job[@]}" --mesh dp=2 --ledger
prints "a linear schedule" "^test accuracy" "$COLONNADE" "${job[@]}" --schedule linear
prints "the ledger, predicted and counted" "tp +layers.1 +reduce-scatter +1 +[1-9][0-9,]* +1 +[1-9]" \
  "$COLONNADE" "${job[@]}" --ranks 2 --steps 1 --ledger
prints "a dry run needs no data" "dp +layers.0 +all-reduce +2" "$COLONNADE" train mlp --dry-run \
  --ranks 32 --mesh dp=4 --widths 784,4096,4096,10 --layout pair
prints "and names the memory" "moments +[0-9.]+ MiB" "$COLONNADE" train mlp --dry-run --widths 784,1024,10

# --- What contradicts itself -----------------------------------------------------------------------

refuses "a mesh of other ranks" "doesn't have all ranks: wanted dp \* tp = 4" \
  "$COLONNADE" "${job[@]}" --ranks 4 --mesh dp=2,tp=3
refuses "an unknown key of a mesh" "cannot read the mesh.*'pp=2'" "$COLONNADE" "${job[@]}" --mesh pp=2
refuses "an unknown layout" "--layout: wanted gather or pair" "$COLONNADE" "${job[@]}" --layout ring
refuses "an unknown loss" "--loss: wanted mean-square or cross-entropy" "$COLONNADE" "${job[@]}" --loss hinge
refuses "shards without exact mode" "--shards goes with --exact only" "$COLONNADE" "${job[@]}" --shards 4
refuses "row blocks without exact mode" "--row-blocks goes with --exact only" \
  "$COLONNADE" "${job[@]}" --row-blocks 4
refuses "smoothing of mean square" "--label-smoothing goes with --loss cross-entropy only" \
  "$COLONNADE" "${job[@]}" --label-smoothing 0.1
refuses "decay without its schedule" "--decay goes with --schedule warmup-stable-decay only" \
  "$COLONNADE" "${job[@]}" --decay 4
refuses "shards that are no power of two" "--shards must be a power of two.*found 6" \
  "$COLONNADE" "${job[@]}" --exact --shards 6
refuses "ranks that don't divide the shards" "cannot deal out --shards 8 to the tensor-parallel ranks.*found 3" \
  "$COLONNADE" "${job[@]}" --exact --ranks 3
refuses "ranks that don't divide the row blocks" "cannot deal out --row-blocks 1 to the data-parallel" \
  "$COLONNADE" "${job[@]}" --exact --ranks 2 --mesh dp=2
refuses "micro-batches in exact mode" "--accumulate doesn't go with --exact; --row-blocks 2" \
  "$COLONNADE" "${job[@]}" --exact --accumulate 2
refuses "layers narrower than their shards" "the outputs of layers.2 among 16 shards" \
  "$COLONNADE" "${job[@]}" --exact --shards 16
refuses "dropout of everything" "--dropout: wanted a number of 0 or more and below 1" \
  "$COLONNADE" "${job[@]}" --dropout 1
refuses "a bound of 0 for the norm" "--clip: wanted a number above 0" "$COLONNADE" "${job[@]}" --clip 0

finish
