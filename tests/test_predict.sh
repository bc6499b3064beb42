# `colonnade predict`: what a trained model takes for what, on any number of ranks the same.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh

mpi=${MPIEXEC:-mpiexec}
sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --progress plain --threads 1)
passes "a run that saves its model" "$COLONNADE" "${job[@]}" --epochs 3 --activation relu \
  --log "$scratch/log" --save "$scratch/model"
cp "$scratch/.out" "$scratch/trained"
passes "one that saves checkpoints, on a mesh" "$mpi" -n 4 "$COLONNADE" "${job[@]}" --epochs 2 --mesh dp=2 \
  --activation relu --loss cross-entropy --layout pair --checkpoint "$scratch/run"
cp "$scratch/.out" "$scratch/checkpointed"
checkpoint=$(printf '%s\n' "$scratch"/run/step-*.safetensors | tail -n 1)

# accuracy_of FILE: as training printed it; a share of 12 samples.
accuracy_of() { sed -n 's/^test accuracy *//p' "$1"; }
predict=(predict --data "$scratch/data" --threads 1)
prints "the accuracy that training has found" \
  "^accuracy   $(accuracy_of "$scratch/trained"): [0-9]+ of 12 samples$" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/model" --activation relu
cp "$scratch/.out" "$scratch/one"
prints "a line for each class" "^   [0-8]( +[0-9.]+){9} +[0-9.]+%$" cat "$scratch/one"
prints "and which are confused most" "^[0-8] taken for [0-8]   [0-9]+ times$" cat "$scratch/one"
prints "a checkpoint says its activation and loss" "^accuracy   $(accuracy_of "$scratch/checkpointed"): " \
  "$COLONNADE" "${predict[@]}" --load "$checkpoint"
passes "and so nothing is assumed" test "$(grep -c assumed "$scratch/.out")" = 0
prints "what a model file doesn't say is assumed aloud" \
  "^assumed    activation gelu-tanh, none after the last layer; the file doesn't say$" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/model"
prints "but for what is given" "^assumed    none after the last layer; the file doesn't say$" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/model" --activation relu

# same NAME COMMAND...: prints what one rank has printed, and draws the same picture.
same() {
  local name=$1
  shift
  passes "$name" "$@" --picture "$scratch/again.svg"
  cp "$scratch/.out" "$scratch/again"
  passes "the same predictions: $name" cmp <(sed '/^$/d; /^picture/d' "$scratch/again") \
    <(sed '/^$/d; /^picture/d' "$scratch/wanted")
  passes "the same picture: $name" cmp "$scratch/again.svg" "$scratch/wanted.svg"
}
for model in "$scratch/model --activation relu" "$checkpoint"; do
  read -ra load <<<"$model"
  passes "on one rank" "$COLONNADE" "${predict[@]}" --load "${load[@]}" --picture "$scratch/wanted.svg"
  cp "$scratch/.out" "$scratch/wanted"
  for batch in 1 5 100; do
    same "batches of $batch" "$COLONNADE" "${predict[@]}" --load "${load[@]}" --batch "$batch"
  done
  same "three ranks" "$mpi" -n 3 "$COLONNADE" "${predict[@]}" --load "${load[@]}"
  same "a mesh" "$mpi" -n 4 "$COLONNADE" "${predict[@]}" --load "${load[@]}" --mesh dp=2,tp=2
  same "copies alone" "$mpi" -n 2 "$COLONNADE" "${predict[@]}" --load "${load[@]}" --mesh dp=2
  same "ranks as threads" "$COLONNADE" "${predict[@]}" --load "${load[@]}" --ranks 5
  same "the other layout" "$mpi" -n 2 "$COLONNADE" "${predict[@]}" --load "${load[@]}" --layout gather
done
wrong=$(($(sed -n 's/^accuracy.* of \(12\) samples/\1/p' "$scratch/wanted") - \
  $(sed -n 's/^accuracy.*: \([0-9]*\) of .*/\1/p' "$scratch/wanted")))
passes "there is something wrong" test "$wrong" -gt 0
prints "the picture has as many images" "^$wrong$" grep -c '<g class="ink"' "$scratch/wanted.svg"
prints "the surest come first" "^sorted$" sh -c \
  "sed -n 's/.* → \([0-9.]*\)%<.*/\1/p' '$scratch/wanted.svg' | sort -c -g -r && echo sorted"

refuses "no model" "no model: wanted colonnade predict --load" "$COLONNADE" "${predict[@]}"
refuses "no data" "no data: wanted colonnade predict" "$COLONNADE" predict --load "$scratch/model"
refuses "matrices" "log is no folder: wanted a folder in MNIST's layout.*NPY matrices have no classes" \
  "$COLONNADE" predict --load "$scratch/model" --data "$scratch/log"
refuses "an empty folder" "t10k-images" "$COLONNADE" predict --load "$scratch/model" --data "$scratch/run"
refuses "a file that is no model" "log" "$mpi" -n 2 "$COLONNADE" "${predict[@]}" --load "$scratch/log"
refuses "another activation than the checkpoint's" \
  "--activation is not what the model was trained with: wanted 'relu', found gelu-erf" \
  "$mpi" -n 2 "$COLONNADE" "${predict[@]}" --load "$checkpoint" --activation gelu-erf
refuses "another loss than the checkpoint's" "--loss is not what" \
  "$COLONNADE" "${predict[@]}" --load "$checkpoint" --loss mean-square
mkdir "$scratch/narrow"
{ printf '%b' '\0\0\10\3\0\0\0\14\0\0\0\2\0\0\0\4'; sample_numbers 5 96 256; } \
  >"$scratch/narrow/t10k-images-idx3-ubyte"
cp "$scratch/data/t10k-labels-idx1-ubyte" "$scratch/narrow"
refuses "data of other inputs" "model doesn't fit the data in .*: wanted a model of 8 inputs, found 16" \
  "$mpi" -n 2 "$COLONNADE" predict --load "$scratch/model" --data "$scratch/narrow"
passes "a model of many classes" "$COLONNADE" train mlp --data "$scratch/data" "--widths=16,50" --steps 1 \
  --threads 1 --progress plain --save "$scratch/many"
prints "has no table" "^a table of 50 classes is left out$" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/many"
refuses "the picture in the model's place" "--picture would overwrite the file of --load" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/model" --picture "$scratch/model"
refuses "the picture in the data's place" "--picture would overwrite the file of --data" \
  "$COLONNADE" "${predict[@]}" --load "$scratch/model" --picture "$scratch/data/t10k-labels-idx1-ubyte"
refuses "a mesh of other ranks" "mesh" "$COLONNADE" "${predict[@]}" --load "$scratch/model" --mesh tp=3

finish
