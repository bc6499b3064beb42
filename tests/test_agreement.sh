# Ranks that were started differently: the job ends with a line that names them, and none waits.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

mpi=${MPIEXEC:-mpiexec}
other_scalar=${COLONNADE_DOUBLE:-build/cpu-openblas/double/colonnade}

npy() {  # npy FILE ROWS COLS BYTES: a float32 matrix that begins with these bytes, then zeros
  local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($2, $3), }"
  { printf '\x93NUMPY\1\0v\0'; printf '%-117s\n' "$header"; printf '%b' "$4"; } >"$1"
  truncate -s "$((128 + 4 * $2 * $3))" "$1"
}
mkdir "$scratch/here" "$scratch/there"
npy "$scratch/here/x.npy" 6 3 '\0\0\200?\0\0\0\0\0\0\0@\0\0\200?'
npy "$scratch/here/y.npy" 6 2 '\0\0\200?'
cp "$scratch/here/x.npy" "$scratch/there/x.npy"
npy "$scratch/there/y.npy" 6 2 '\0\0\0@'
demo=("$COLONNADE" demo --threads 1 --steps 2)
train=("$COLONNADE" train mlp --threads 1 --widths "3,5,2" --steps 2)
data=(--inputs "$scratch/here/x.npy" --targets "$scratch/here/y.npy")

# differ NAME PATTERN A... : B...: rank 0 runs A and rank 1 runs B
differ() {
  local name=$1 pattern=$2
  shift 2
  refuses "$name" "$pattern" "$mpi" -n 1 "$@"
}

differ "other commands" "the same command: rank 1 has the command info, the others demo;" \
  "${demo[@]}" : -n 1 "$COLONNADE" info
differ "help on one rank" "rank 1 has the command help, the others demo;" \
  "${demo[@]}" : -n 1 "$COLONNADE" --help
differ "another option of the demo" "rank 1 has --width 16, the others 32;" \
  "${demo[@]}" : -n 1 "${demo[@]}" --width 16
differ "another option of a check" "the same configuration: rank 1 has --samples 2, the others 3;" \
  "$COLONNADE" check --widths 5,3 : -n 1 "$COLONNADE" check --widths 5,3 --samples 2
refuses "one of three ranks" "rank 2 has --lr 0.002, the others 0.001;" \
  "$mpi" -n 2 "${demo[@]}" : -n 1 "${demo[@]}" --lr 0.002
refuses "the first rank of three" "rank 0 has --lr 0.002, the others 0.001;" \
  "$mpi" -n 1 "${demo[@]}" --lr 0.002 : -n 2 "${demo[@]}"
differ "another transport" "rank 1 has --transport mpi, the others auto;" \
  "${demo[@]}" : -n 1 "${demo[@]}" --transport mpi
if [ "$(says_of_itself scalar)" = float ]; then
  differ "float and double" "the same build: rank 1 has scalar double, the others float;" \
    "${demo[@]}" : -n 1 "$other_scalar" demo --threads 1 --steps 2
else
  echo "skipped: one number type alone is built: float and double"
fi
differ "other widths" "rank 1 has --widths 3,6,2, the others 3,5,2;" \
  "${train[@]}" "${data[@]}" : -n 1 "$COLONNADE" train mlp --threads 1 --widths 3,6,2 --steps 2 "${data[@]}"
differ "clipping on one rank" "rank 1 has --clip 0.5, the others have none;" \
  "${train[@]}" "${data[@]}" : -n 1 "${train[@]}" "${data[@]}" --clip 0.5
differ "a ledger on one rank" "rank 1 has --ledger true, the others false;" \
  "${train[@]}" "${data[@]}" : -n 1 "${train[@]}" "${data[@]}" --ledger
differ "a model to load on one rank" "rank 1 has no --load, the others a file;" \
  "${train[@]}" "${data[@]}" --load "$scratch/a" : -n 1 "${train[@]}" "${data[@]}"
differ "saving to two places" "rank 1 has --save $scratch/b, the others $scratch/a;" \
  "${train[@]}" "${data[@]}" --save "$scratch/a" : -n 1 "${train[@]}" "${data[@]}" --save "$scratch/b"
differ "other samples under the same option" \
  "the same data: rank 1 has training samples with checksum [0-9a-f]{16}, the others [0-9a-f]{16};" \
  "${train[@]}" "${data[@]}" : -n 1 "${train[@]}" --inputs "$scratch/there/x.npy" --targets "$scratch/there/y.npy"

cat >"$scratch/run.toml" <<TOML
widths = [3, 5, 2]
steps = 2
TOML
passes "each rank has its own paths, threads and progress" \
  "$mpi" -n 1 "${train[@]}" "${data[@]}" : -n 1 "$COLONNADE" train mlp --config "$scratch/run.toml" --threads 2 \
  --no-bind --progress plain --inputs "$scratch/there/x.npy" --targets "$scratch/here/y.npy"

finish
