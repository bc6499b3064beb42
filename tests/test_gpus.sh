# A GPU for each rank of a node, or one for several that were told to share it.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh

mpi=${MPIEXEC:-mpiexec}
two=("$mpi" -n 2 "$COLONNADE")
three=("$mpi" -n 3 "$COLONNADE")

if "$COLONNADE" info --share-gpus >"$scratch/info" 2>&1; then
  # Of GPUs that are not pretended nothing is known: how many they are, and who else uses them.
  if ! grep -q 'GPU 0 (pretended' "$scratch/info"; then finish; fi
else
  refuses "sharing GPUs that are not used" \
    "--share-gpus: there are none to share: wanted a program that was built with BACKEND=cuda, found cpu" \
    "${two[@]}" info --share-gpus
  finish
fi

export PRETENDED_GPUS=2
prints "each process has a GPU of its own" "^ +rank 1: .*, GPU 1 \(pretended[^,]*\)$" "${two[@]}" info
prints "each thread has a GPU of its own" "^ +rank 1: .*, GPU 1 \(pretended[^,]*\)$" \
  "$COLONNADE" info --ranks 2
prints "GPUs of processes talk by NCCL" "^transport +[a-z+]+\+nccl$" "${two[@]}" info
prints "GPUs of threads don't" "^transport +threads\+staged$" "$COLONNADE" info --ranks 2
prints "a rank alone talks to nobody" "^transport +self$" "$COLONNADE" info
refuses "three processes and two GPUs" \
  "fewer GPUs than ranks on this node: wanted a GPU for each of 3 ranks, found 2 GPUs; use fewer ranks, or let them share with --share-gpus" \
  "${three[@]}" info
refuses "three threads and two GPUs" "fewer GPUs than ranks on this node: wanted a GPU for each of 3 ranks" \
  "$COLONNADE" info --ranks 3
prints "the third rank shares the first's" "^ +rank 2: .*, GPU 0 \(pretended.*, shared\)$" \
  "${three[@]}" info --share-gpus
prints "the second rank has its own still" "^ +rank 1: .*, GPU 1 \(pretended[^,]*\)$" "${three[@]}" info --share-gpus
prints "ranks that share go through the computer's memory" "^transport +[a-z+]+\+staged$" \
  "${three[@]}" info --share-gpus

# Small steps are recorded and done again; where a log is kept each is computed by itself.
sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 8 --dropout 0.2 --epochs 2)
for mesh in tp=2 dp=2; do
  passes "$mesh: a run without a log" "${two[@]}" "${job[@]}" --mesh "$mesh" --save "$scratch/replayed"
  passes "$mesh: and with one" "${two[@]}" "${job[@]}" --mesh "$mesh" --save "$scratch/computed" --log "$scratch/log"
  passes "$mesh: both save the same" cmp "$scratch/replayed" "$scratch/computed"
  passes "$mesh: and one on a GPU that ranks share" env PRETENDED_GPUS=1 "${two[@]}" "${job[@]}" --mesh "$mesh" \
    --share-gpus --save "$scratch/staged"
done

export PRETENDED_GPUS=0
refuses "no GPU" \
  "this build computes on a GPU and there is none: found no CUDA-capable device is detected; make BACKEND=cpu" \
  "${two[@]}" demo
passes "help needs no GPU" "${two[@]}" --help
prints "info says that there is none" "^backend +cuda, no GPU: no CUDA-capable device is detected$" "${two[@]}" info
prints "a plan needs none" "^ +tp +layers.0 +all-gather" "${two[@]}" train mlp "--widths=16,33,24,9" --dry-run

export PRETENDED_GPUS=1
export PRETENDED_GPU_ARCH=80
refuses "a GPU that the program was not compiled for" \
  "compiled for newer GPUs than pretended GPU: wanted sm_90 or newer, found sm_80; make BACKEND=cuda CUDA_ARCH=sm_80" \
  "$COLONNADE" demo
unset PRETENDED_GPU_ARCH
export PRETENDED_GPU_MEMORY=100M
large=("--widths=5000,5000,3" --batch 1000)
refuses "a network larger than a rank's part of its GPU" \
  "need more memory than a rank has on GPU 0 \(pretended GPU, shared\): wanted at most 50.0 MiB, found .* for a rank" \
  "${two[@]}" check "${large[@]}" --share-gpus
prints "and a plan says so" "^too much memory: .* for a rank, a rank has on GPU 0 .* 50.0 MiB$" \
  "${two[@]}" train mlp "${large[@]}" --dry-run
finish
