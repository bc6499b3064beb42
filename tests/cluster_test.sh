# Training across hosts, `make cluster-test`: pretended ones (tools/cluster.sh) that speak TCP. In exact
# mode their parameters are those of one host, bit by bit; a checkpoint moves from one to the other; a
# rank that is stopped on another host is named. Needs root; where hosts can't be built nothing is tried.
# shellcheck shell=bash
cd "$(dirname "$0")/.." || exit
if ! why=$(tools/cluster.sh check 2>&1); then
  echo "SKIPPED: no cluster can be built here: $why"
  exit 0
fi
# shellcheck source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh
# shellcheck source=tests/processes.sh
. tests/processes.sh

cluster=t$((BASHPID % 10000000))
# A name of its own, by which the ranks are found and nothing else is.
program=$scratch/$cluster
cp "$COLONNADE" "$program"
export OMP_NUM_THREADS=1
out=$scratch/hosts.out
err=$scratch/hosts.err

# shellcheck disable=SC2317 # a trap calls it
clean_up() {
  tools/cluster.sh remove "$cluster"
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# MPICH 4.0.2 with UCX over TCP now and then doesn't return from MPI_Finalize on some rank, of any
# program, more often the more hosts there are and the slower they are. All is written by then.
stuck=0

# on_hosts NAME RANKS OPTIONS...: trains across all hosts, one rank on each in turn; output to $out.
on_hosts() {
  local tries=0 summary=0
  setsid tools/cluster.sh run "$cluster" -n "$2" "$program" "${training[@]}" "${@:3}" >"$out" 2>"$err" \
    </dev/null &
  job=$!
  while is_running "$job" && [ $((tries += 1)) -le 1200 ] && [ "$summary" -le 50 ]; do
    pause 0.1
    if grep -q '^peak memory' "$out"; then summary=$((summary + 1)); fi
  done
  if is_running "$job" && [ "$summary" -gt 50 ]; then
    stuck=$((stuck + 1))
    end_job
    test_passed
  elif is_running "$job"; then
    end_job
    test_failed_with "$1" "not done after two minutes"
  elif wait "$job"; then
    test_passed
  else
    test_failed_with "$1" "status $?"
  fi
}

end_job() {
  kill -9 -- "-$job"  # mpiexec's group; its proxies end with it
  wait "$job" 2>/dev/null
}

wait_for() {  # PATTERN FILE: half a minute at most
  local tries=0
  until grep -q "$1" "$2" || [ $((tries += 1)) -gt 300 ]; do pause 0.1; done
}

test_failed_with() {
  cp "$out" "$scratch/.out"
  cp "$err" "$scratch/.err"
  test_failed "$@"
}

# sent_by_hosts: the bytes that have left all hosts so far.
sent_by_hosts() {
  local device sum=0
  for device in /sys/class/net/"$cluster"-*; do
    sum=$((sum + $(<"$device/statistics/rx_bytes")))  # this end receives what the host sends
  done
  echo "$sum"
}

# same NAME: the parameters of the job that was just run are those of one host.
same() { passes "$1: the bits of one host" cmp "$scratch/hosts.model" "$scratch/one.model"; }

sample_images "$scratch/data"
training=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --exact --row-blocks 2
  --threads 1 --dropout 0.1 --seed 3 --progress plain)
endless=("${training[@]}" --steps 100000000)
training+=(--steps 30 --schedule cosine)
passes "one host" "$program" "${training[@]}" --save "$scratch/one.model"

# --- Two hosts ----------------------------------------------------------------------------------------

passes "two hosts" tools/cluster.sh build "$cluster" 2
before=$(sent_by_hosts)
on_hosts "a rank on each of two hosts" 2 --save "$scratch/hosts.model" --log "$scratch/log" --ledger
same "two hosts"
for host in 1 2; do
  passes "host $host is one of its own" grep -q "^rank $((host - 1)): $cluster-$host," "$out"
done
# What rank 0 says it sends, and rank 1 sends as much: else it went another way than between hosts.
logged=$(sed -n 's/.*"comm_bytes":\([0-9]*\).*/\1/p' "$scratch/log" | paste -sd+)
passes "a log of what was sent" test "$((logged))" -gt 0
passes "messages go between the hosts" test $(($(sent_by_hosts) - before)) -ge $((2 * (logged)))

RANKS_PER_HOST=2 on_hosts "two ranks on each, pairs" 4 --mesh dp=2,tp=2 --save "$scratch/hosts.model"
same "a copy on each host"
passes "ranks of a host share its cores" grep -q "^rank 3: $cluster-2, core" "$out"

RANKS_PER_HOST=2 setsid tools/cluster.sh run "$cluster" -n 4 "$program" info >"$out" 2>"$err" </dev/null &
job=$!
wait_for '^transport' "$out"
passes "ranks of a host share memory" grep -q '^transport  *mpi+shared$' "$out"
end_job
before=$(sent_by_hosts)
# Each column of an activation crosses once where MPI alone carries it to both ranks of the other host.
RANKS_PER_HOST=2 on_hosts "four ranks as one group, over MPI" 4 --transport mpi --save "$scratch/hosts.model"
same "four ranks over MPI"
over_mpi=$(($(sent_by_hosts) - before))
before=$(sent_by_hosts)
RANKS_PER_HOST=2 on_hosts "four ranks as one group" 4 --save "$scratch/hosts.model"
same "four ranks that share memory on each host"
passes "less goes between the hosts" test $(($(sent_by_hosts) - before)) -lt $((over_mpi * 9 / 10))

# --- A checkpoint from one to the other ----------------------------------------------------------------

folder=$scratch/checkpoints
passes "checkpoints on one host" "$program" "${training[@]}" --checkpoint "$folder" --every 7 --keep 9
passes "the newest are lost" rm "$folder"/step-*{21,28,30}.safetensors
on_hosts "the rest on two hosts" 2 --checkpoint "$folder" --resume auto --save "$scratch/hosts.model"
passes "it goes on from one host's checkpoint" grep -q '^resumed from .*14.safetensors: step 14' "$out"
same "a run that moved to two hosts"

# --- A rank that is stopped on another host -------------------------------------------------------------

setsid tools/cluster.sh run "$cluster" -n 2 "$program" "${endless[@]}" --watchdog 2 >"$out" 2>"$err" \
  </dev/null &
job=$!
wait_for '^epoch' "$out"
for pid in $(ip netns pids "$cluster-2"); do
  if [ "/proc/$pid/exe" -ef "$program" ]; then stopped=$pid; fi
done
kill -STOP "$stopped"
wait_for '^colonnade: ' "$err"
passes "a rank that is stopped on another host is named" \
  grep -q '^colonnade: rank 0 has waited for [0-9.]* s: .*rank 1 is not answering' "$err"
# MPICH's mpiexec waits for a stopped rank of another host until somebody ends that one.
kill -KILL "$stopped"
tries=0
while is_running "$job" && [ $((tries += 1)) -le 300 ]; do pause 0.1; done
if is_running "$job"; then
  end_job
  test_failed_with "without it the job ends" "still running after 30 seconds"
else
  test_passed
fi

# --- Four hosts ---------------------------------------------------------------------------------------

tools/cluster.sh remove "$cluster"
passes "nothing is left of two hosts" test -z "$(ip netns list | grep "^$cluster")"
passes "four hosts with a slow network" tools/cluster.sh build "$cluster" 4 1gbit
on_hosts "a rank on each of four hosts" 4 --save "$scratch/hosts.model"
same "four hosts"
on_hosts "two copies, each on two hosts" 4 --mesh dp=2,tp=2 --zero1 --save "$scratch/hosts.model"
same "copies across four hosts"

tools/cluster.sh remove "$cluster"
passes "nothing is left" test -z "$(ip netns list | grep "^$cluster"; ip -o link | grep " $cluster")"

((stuck == 0)) || echo "$stuck jobs hung in MPI_Finalize after all was done: MPICH and UCX over TCP, docs/cluster.md"
finish
