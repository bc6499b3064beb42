# bench/peers/compare_on_gpu.py, with scripts that stand in for our job and for PyTorch.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

if ! command -v python3 >/dev/null; then
  echo "no Python: the comparison with peers is not tested"
  finish
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bench/peers:$scratch SCRATCH=$scratch
cat >"$scratch/stand_in.py" <<'END'
"""What plays in the place of processes: SECONDS a step, with RESULTS, and notes whose turn it was."""
from compare_on_gpu import *

player = """while read -r steps; do
  echo "$0 $steps" >>"$SCRATCH/turns"; echo a line of no interest
  echo '{"results": '"$2"', "seconds_per_step": '"$1"'}'; done"""


class StandIn:
    def __init__(self, ours=None, **peers):
        self.ours, self.peers, self.ways = ours, peers, list(peers)

    def player(self, job, *way_and_folder):
        way = way_and_folder[0] if len(way_and_folder) > 1 else "ours"
        seconds, results = self.peers[way] if way in self.peers else self.ours
        if seconds is None:
            return Player("bash", "-c", "echo no memory left >&2; exit 3")
        return Player("bash", "-c", player, way, seconds, json.dumps(results))


def compare(math="fp32", **peers):
    job = Job("work", [], math, 3, "default", {"compiled": 5})
    sys.exit(compare_job(job, StandIn((0.5, [1.0, 2.0])), StandIn(**peers), 2, "folder"))
END
#   ... CODE: with what is above
stood_in=(python3 -c 'import sys; from stand_in import *; exec(sys.argv[1])')

prints "the ratio is that of turns, and has its bar" \
  '^work / PyTorch, compiled +500 ms +4 s +8 \(8 to 8\) +5$' \
  "${stood_in[@]}" 'compare(compiled=(4, [1.0, 2.0]))'
prints "each way has a line" '^work / PyTorch, eager +500 ms +1 s +2 \(2 to 2\)$' \
  "${stood_in[@]}" 'compare(eager=(1, [1.0, 2.0]), compiled=(4, [1.0, 2.0]))'
rm -f "$scratch/turns"
passes "all take turns" "${stood_in[@]}" 'compare(eager=(1, [1.0, 2.0]), compiled=(4, [1.0, 2.0]))'
turn='ours 3 eager 3 compiled 3 '
passes "one check, and then pair after pair" test "$(tr '\n' ' ' <"$scratch/turns")" = "$turn$turn$turn"

refuses_one() {
  local name=$1 pattern=$2
  shift 2
  run_limited 60 "${stood_in[@]}" "$@"
  if [ "$status" != 1 ]; then
    test_failed "$name" "status $status, wanted one wrong peer"
  elif ! grep -Eq "$pattern" "$scratch/.out" || grep -q '/ PyTorch, compiled' "$scratch/.out"; then
    test_failed "$name" "wanted a line '$pattern' and no time of it"
  else
    test_passed
  fi
}
refuses_one "another gradient" '^work, compiled: NOT TIMED, another result .* norm of the gradients is 2.0 here and 2.1' \
  'compare(eager=(1, [1.0, 2.0]), compiled=(4, [1.0, 2.1]))'
refuses_one "another gradient than floats have" 'NOT TIMED, another result' 'compare(compiled=(4, [1.0, 2.001]))'
refuses_one "another loss, as far as bf16 tells" 'loss of step 1 is 1.0 here and 1.02' \
  'compare("bf16", compiled=(4, [1.02, 2.0]))'
passes "a gradient in bf16" "${stood_in[@]}" 'compare("bf16", compiled=(4, [1.0, 2.001]))'
refuses_one "a peer that fails" '^work, compiled: NOT TIMED: bash .* failed: no memory left$' \
  'compare(eager=(1, [1.0, 2.0]), compiled=(None, []))'
prints "without a peer our time alone" '^work: ours 500 ms$' "${stood_in[@]}" 'compare()'
finish
