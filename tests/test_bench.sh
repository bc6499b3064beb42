# `colonnade bench`: options, refusals, and that every figure of its file is a number. How large they
# are is the machine's affair.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

mpi=${MPIEXEC:-mpiexec}
# A short one: no arrays beyond the caches, and as few steps as there may be.
bench=(bench mlp --no-large-arrays --seconds 0.01 --threads 1 "--widths=12,17,16,8")

cat >"$scratch/check.py" <<'PYTHON'
"""check.py FILE RANKS: holds a bench's file to what must be true of it on any machine."""
import json
import math
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    bench = json.load(file)
ranks = int(sys.argv[2])


def numbers(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers(item, f"{path}[{i}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


found = dict(numbers(bench))
assert len(found) > 60, len(found)
for path, number in found.items():
    assert math.isfinite(number) and number >= 0, (path, number)
for path in (".limits.fma_flops_per_s", ".limits.products_flops_per_s", ".step.flops_per_s",
             ".step.time.min_s", ".step.limit_s", ".step.limit_over_step", ".recorded_steps"):
    assert found[path] > 0, path
times = bench["step"]["time"]
assert times["min_s"] <= times["median_s"] <= times["max_s"], times

assert bench["machine"]["ranks"] == ranks == len(bench["machine"]["devices"])
assert bench["version"] and bench["arguments"][:2] == ["bench", "mlp"]
job = bench["job"]
weights = [a * b for a, b in zip(job["widths"], job["widths"][1:])]
assert job["parameters"] == sum(weights) + sum(job["widths"][1:]), job
# Two products and a half a layer would be six operations a weight and row; the first has no dX.
assert bench["step"]["flops"] == job["batch"] * (6 * sum(weights) - 2 * weights[0]), bench["step"]
if "dp=1" in job["mesh"]:
    own = sum(product["flops"] for product in bench["limits"]["products"])
    assert own >= bench["step"]["flops"] / ranks, own
    for phase in bench["phases"] if ranks > 1 else ():
        assert " of tp" not in phase["name"] or phase["limit_s"] > 0, phase
assert abs(sum(phase["share_of_step"] for phase in bench["phases"]) - 1) < 1e-9
kinds = {entry["collective"] for entry in bench["limits"]["collectives"]}
assert (not kinds) == (ranks == 1), kinds
print("every figure holds")
PYTHON

# file_holds RANKS COMMAND...: the bench runs, and its file is as check.py wants it.
file_holds() {
  local ranks=$1
  shift
  rm -f "$scratch/bench.json"
  prints "a bench: ${*: -6}" "^  limit / step +[0-9.]+ % " "$@" --json "$scratch/bench.json"
  prints "its file" "^every figure holds$" python3 "$scratch/check.py" "$scratch/bench.json" "$ranks"
}

file_holds 1 "$COLONNADE" "${bench[@]}" --batch 6
file_holds 2 "$mpi" -n 2 "$COLONNADE" "${bench[@]}"
file_holds 3 "$COLONNADE" "${bench[@]}" --ranks 3 --layout pair --loss cross-entropy
file_holds 4 "$COLONNADE" "${bench[@]}" --ranks 4 --mesh dp=2 --zero1 --accumulate 2 --clip 1
file_holds 2 "$COLONNADE" "${bench[@]}" --ranks 2 --mesh dp=2 --exact --row-blocks 4 --recompute
file_holds 8 "$COLONNADE" "${bench[@]}" --ranks 8 --dropout 0.1 --activation relu
prints "fewer rows than copies" "^  limit / step" "$COLONNADE" "${bench[@]}" --ranks 4 --mesh dp=4 \
  --batch 3
prints "the parts of a step" "^  backward-weight products +3 .* %" "$COLONNADE" "${bench[@]}"
prints "the cost of collectives" "^  reduce-scatter of tp +[0-9.]+us  a call" \
  "$COLONNADE" "${bench[@]}" --ranks 2
prints "memory beyond the caches" "^  memory, an optimizer.s update .*of arrays beyond the last cache$" \
  "$COLONNADE" bench mlp --seconds 0.01 --widths 12,8

refuses "a bench of nothing" "no command: wanted mlp" "$COLONNADE" bench
refuses "no widths" "--widths must name the layers" "$COLONNADE" bench mlp
refuses "a file that can't be written" "cannot be written|No such file" \
  "$mpi" -n 2 "$COLONNADE" "${bench[@]}" --json "$scratch/none/bench.json"
refuses "an empty path" "--json: wanted the path of a file" "$COLONNADE" "${bench[@]}" --json ''
refuses "no time" "--seconds: wanted a number above 0" "$COLONNADE" "${bench[@]}" --seconds 0
refuses "options of training" "unknown argument: --epochs" "$COLONNADE" "${bench[@]}" --epochs 2
refuses "a mesh of other ranks" "doesn't have all ranks" "$COLONNADE" "${bench[@]}" --mesh dp=3,tp=2
refuses "a layer that can't be cut" "among 9" "$COLONNADE" "${bench[@]}" --ranks 9
refuses "more than the node's memory" "more memory than (node|a rank)" "$COLONNADE" bench mlp \
  --widths 1000000,1000000

finish
