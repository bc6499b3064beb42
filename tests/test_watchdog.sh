# --watchdog, as users meet it: a rank that is stopped is named, and no process is left.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

mpi=${MPIEXEC:-mpiexec}
# A name of its own, by which the ranks are found and nothing else is.
program=$scratch/watched_colonnade
cp "$COLONNADE" "$program"

# start RANKS ARGUMENTS...: starts a job, and waits until it trains.
start() {
  : >"$scratch/job.out"
  "$mpi" -n "$1" "$program" "${@:2}" >"$scratch/job.out" 2>"$scratch/job.err" </dev/null &
  job=$!
  local tries=0
  until grep -q '^epoch' "$scratch/job.out" || [ $((tries += 1)) -gt 500 ]; do sleep 0.02; done
}

# ended NAME: the job fails within 15 seconds, and leaves no process.
ended() {
  local tries=0
  while kill -0 "$job" 2>/dev/null && [ $((tries += 1)) -le 750 ]; do sleep 0.02; done
  if kill -0 "$job" 2>/dev/null; then
    test_failed "$1" "still running after 15 seconds"
    kill -9 "$job"
  elif wait "$job"; then
    test_failed "$1" "status 0"
  else
    test_passed
  fi
  tries=0
  while pgrep -f "^$program" >/dev/null && [ $((tries += 1)) -le 100 ]; do sleep 0.02; done
  passes "$1: no process is left" test -z "$(pgrep -f "^$program")"
}

# says NAME PATTERN: standard error has one line of the program, which matches.
says() {
  local lines
  lines=$(grep '^colonnade: ' "$scratch/job.err")
  if [ "$(grep -c . <<<"$lines")" = 1 ] && grep -Eq -e "$2" <<<"$lines"; then
    test_passed
  else
    test_failed "$1" "wanted one line that matches '$2', found '$lines'"
  fi
}

{ printf '\x93NUMPY\1\0v\0'; printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 4), }"; } \
  >"$scratch/x.npy"
truncate -s $((128 + 4 * 8 * 4)) "$scratch/x.npy"
job_of=(train mlp --inputs "$scratch/x.npy" --targets "$scratch/x.npy" "--widths=4,8,4" --threads 1
  --progress plain)
endless=("${job_of[@]}" --steps 100000000)

start 3 "${endless[@]}" --watchdog 2
kill -STOP "$(pgrep -f "^$program" | sed -n 2p)"
ended "a stopped rank ends the job"
says "the stopped rank is named" \
  '^colonnade: rank [0-2] has waited for [0-9.]+ s: (.*; )?rank [0-2] is not answering: stopped or dead(;|$)'

passes "a watched job that nobody holds up" "$mpi" -n 2 "$COLONNADE" "${job_of[@]}" --steps 5 --watchdog 60
passes "and one on threads" "$COLONNADE" "${job_of[@]}" --steps 5 --watchdog 60 --ranks 3
passes "and one of a rank alone" "$COLONNADE" "${job_of[@]}" --steps 5 --watchdog 60
passes "a watched check" "$mpi" -n 4 "$COLONNADE" check --widths 4,9,5 --mesh dp=2 --zero1 --threads 1 --watchdog 60
passes "a watched demo" "$mpi" -n 2 "$COLONNADE" demo --steps 2 --threads 1 --watchdog 60
for seconds in 0 -1 nan x ''; do
  refuses "--watchdog '$seconds'" '--watchdog' "$COLONNADE" demo --watchdog "$seconds"
done
refuses "an error is still one line" 'No such file' "$mpi" -n 2 "$COLONNADE" "${job_of[@]}" --load no/such --watchdog 9

finish
