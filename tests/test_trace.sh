# --trace, as users meet it: the file holds what all ranks did, and says what it leaves out.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh
# shellcheck source=tests/processes.sh
. tests/processes.sh

mpi=${MPIEXEC:-mpiexec}

sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --progress plain)
on_processes=("$mpi" -n 2 "$COLONNADE")
trace=$scratch/trace.json

# --- What is in the file ---------------------------------------------------------------------------

# read_trace RANKS STEPS [CATEGORY...]: the file is by the rules, and each rank has the spans of these
# steps and of these categories.
read_trace() { passes "the trace: ${name:-}" python3 tests/read_trace.py "$trace" "$@"; }

name="threads"
prints "$name" "^trace +$trace, [0-9,]+ spans$" \
  "$COLONNADE" "${job[@]}" --ranks 3 --epochs 2 --save "$scratch/model" --trace "$trace"
read_trace 3 8 batch "zero gradients" product "input gradient" "weight gradient" activation loss norm \
  update collective evaluation save

name="processes"
prints "$name" "^trace +$trace, [0-9,]+ spans$" "${on_processes[@]}" "${job[@]}" --trace "$trace"
read_trace 2 4 product collective

name="copies, whose sums are in flight"
passes "$name" "${on_processes[@]}" "${job[@]}" --mesh dp=2 --zero1 --trace "$trace"
read_trace 2 4 start progress finish "in flight"

name="exact mode in micro-batches"
passes "$name" "$COLONNADE" "${job[@]}" --exact --row-blocks 4 --trace "$trace"
read_trace 1 4 accumulation

# More spans than the file takes: the newest stay.
name="a long run"
prints "$name" "^trace +$trace, the newest 262,14[0-9] spans; [0-9,]+ older ones are dropped$" \
  "$COLONNADE" "${job[@]}" --ranks 3 --steps 5000 --epochs 2000 --trace "$trace"
read_trace 3 +2000 product
passes "the file is not too large for a browser" test "$(stat -c %s "$trace")" -lt 55000000

# --- Runs that are stopped -------------------------------------------------------------------------

for signal in INT TERM; do
  rm -f "$trace"
  "${on_processes[@]}" "${job[@]}" --epochs 1000000 --trace "$trace" \
    >"$scratch/.out" 2>"$scratch/.err" </dev/null &
  started=$!
  for ((tries = 0; tries < 500; ++tries)); do
    grep -q '^epoch' "$scratch/.out" && break
    pause 0.02
  done
  rank_processes "$started"
  kill "-$signal" "${ranks[0]}"
  wait_for_ranks
  wait "$started"
  status=$?
  passes "stopped by SIG$signal: status $status, no rank is left" test "$status:${#left[@]}" = 0:0
  name="a run that was stopped by SIG$signal"
  read_trace 2 +1 product
done

# --- What is refused -------------------------------------------------------------------------------

refuses "a trace in a folder that is missing" "$scratch/missing/trace.json" \
  "$COLONNADE" "${job[@]}" --trace "$scratch/missing/trace.json"
refuses "a trace in the log's place" "--trace would overwrite the file of --log" \
  "$COLONNADE" "${job[@]}" --log "$scratch/log" --trace "$scratch/log"
refuses "a trace in the place of data" "--trace would overwrite the file of --data" \
  "$COLONNADE" "${job[@]}" --trace "$scratch/data/train-images-idx3-ubyte"
refuses "a trace without a file" "--trace" "$COLONNADE" "${job[@]}" --trace
refuses "a trace on one rank alone" "rank 1.*--trace" "$mpi" -n 1 "$COLONNADE" "${job[@]}" : \
  -n 1 "$COLONNADE" "${job[@]}" --trace "$trace"
passes "without --trace there is none" "$COLONNADE" "${job[@]}"
passes "and nothing is said of it" test -z "$(grep trace "$scratch/.out")"

finish
