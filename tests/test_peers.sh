# The arithmetic of bench/peers/compare.py: ratios, and results that may not be timed. It runs no peer.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

if ! command -v python3 >/dev/null; then
  echo "no Python: the comparison with peers is not tested"
  finish
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=bench/peers

prints "ratios are those of pairs, peer over ours" '^\(3\.0, 1\.0, 8\.0\)$' \
  python3 -c 'from compare import *; print(ratio_of([(1.0, 8.0), (8.0, 8.0), (2.0, 6.0)]))'
prints "a ratio at the bar is not below it" '2\.5 \(2 to 3\) +2\.5$' \
  python3 -c 'from compare import *; print(render_line("work", 1, 2.5, (2.5, 2, 3), 2.5))'
prints "one below it says so" '2\.5  below$' \
  python3 -c 'from compare import *; print(render_line("work", 1, 2, (2.4, 2, 3), 2.5))'
prints "times have their unit" '^12\.5 us 3 ms 1\.2 s$' \
  python3 -c 'from compare import *; print(render_seconds(12.5e-6), render_seconds(3e-3), render_seconds(1.2))'
passes "equal results up to rounding" python3 -c 'from compare import *; compare_results([1.0, 0.5], [1.0 + 9e-6, 0.5])'
#   refuses_results NAME RESULTS: ours, and the peer's
refuses_results() {
  refuses "$1" '^(loss of step 1 is|norm of the gradients is|[0-9] results against)' python3 -c "from compare import *
try: compare_results($2)
except Mismatch as mismatch: sys.exit(str(mismatch))"
}
refuses_results "another loss" '[0.5, 1.0], [0.50001, 1.0]'
refuses_results "another gradient" '[0.5, 1.0], [0.5, 1.0001]'
refuses_results "a loss that is no number" '[float("nan")], [float("nan")]'
refuses_results "the peer's that is no number" '[1.0], [float("nan")]'
refuses_results "one result less" '[1.0, 0.5], [1.0]'
refuses_results "no results at all" '[], []'

finish
