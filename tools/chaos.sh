#!/bin/bash
# Kills a training run at random instants, damages its newest checkpoints, and resumes it on other
# ranks, until it has come to its end: weights and log must be those of a run that nothing disturbed.
#   tools/chaos.sh [KILLS]    at least so many kills (30), in as many rounds as that takes
# SEED=N makes the choices of an earlier call again, which only the instants of the machine itself can
# change; PROCESSES=N (4) bounds mpiexec's -n. $COLONNADE is the program.
cd "$(dirname "$0")/.." || exit
# shellcheck source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh
# shellcheck source=tests/processes.sh
. tests/processes.sh

kills_wanted=${1:-30}
seed=${SEED:-$RANDOM}
processes=${PROCESSES:-4}
export OMP_NUM_THREADS=1

# A kill inside a save is a matter of luck, but not in as many as this.
kills_that_hit_a_save=20
most_runs=$((5 * kills_wanted + 20))
last_step=200  # of a round; 4 an epoch

folder=$scratch/checkpoints
kills=0 kills_in_saves=0 stops=0 damages=0 fallbacks=0 runs=0 rounds=0

# begin_choices NUMBER: for this purpose in this run. They depend on the seed and these two alone, not
# on what came of earlier ones.
begin_choices() {
  RANDOM=$((seed * 1000003 + runs * 7919 + $1))
  : "$RANDOM$RANDOM$RANDOM"  # neighbouring seeds begin alike
}
choose() { chosen=$((RANDOM % $1)); }  # a number from 0 on, below $1
pick() { chosen=${*:RANDOM % $# + 1:1}; }

# --- Instants ---------------------------------------------------------------------------------------

# The waits below end at a limit too, for a run may do otherwise than was thought.

until_started() {
  local give_up=$((SECONDS + 20))
  while is_running "$job" && ((SECONDS < give_up)); do
    rank_processes "$job"
    ((${#ranks[@]})) && return
  done
}

# until_step STEP: until its checkpoint is there; fails if it isn't.
until_step() {
  local give_up=$((SECONDS + 20))
  while is_running "$job" && ((SECONDS < give_up)); do
    newest_checkpoint "$folder"
    ((newest_step >= $1)) && return
    pause 0.002
  done
  false
}

until_save() {
  local give_up=$((SECONDS + 5))
  while is_running "$job" && ((SECONDS < give_up)); do
    partial_files "$folder"
    ((${#partial[@]})) && return
  done
}

# --- One run ------------------------------------------------------------------------------------------

# choose_fate: what shall happen to the run, and when: to $fate, $advance, $delay, $victim.
choose_fate() {
  pick save save save instant instant start signal limit
  fate=$chosen
  choose 6; advance=$chosen
  choose 60; printf -v delay '0.%03d' "$chosen"
  choose 500; printf -v start_delay '0.%03d' "$chosen"
  choose 64; victim=$chosen
  pick TERM USR1 INT; stop_signal=$chosen
  ((kills < kills_wanted)) || fate=none
}

# choose_command: a mesh that exact mode allows, on processes or threads, to $command.
choose_command() {
  local tp dp transport
  pick processes threads; transport=$chosen
  pick 1 2 4 8; tp=$chosen
  pick 1 1 2; dp=$chosen
  if [ "$transport" = processes ]; then
    while ((tp > 1 && tp * dp > processes)); do tp=$((tp / 2)); done
    ((tp * dp <= processes)) || dp=1
  fi
  pick 1 2 3
  [ "$fate" != none ] || chosen=50  # nothing to hit
  options=(--every "$chosen" --mesh "dp=$dp,tp=$tp")
  [ "$fate" != limit ] || options+=(--time-limit 1)
  choose 2; ((chosen)) && options+=(--zero1)
  choose 4; ((chosen)) || options+=(--recompute)
  if [ "$transport" = processes ]; then
    launch=("${MPIEXEC:-mpiexec}" -n $((tp * dp)))
    options+=(--threads 1)
  else
    launch=()
    pick 1 1 2; options+=(--ranks $((tp * dp)) --threads "$chosen")
  fi
  command=("${launch[@]}" "$program" "${training[@]}" "${options[@]}")
}

# send SIGNAL: to one of $ranks. Where the run is over before, nothing happens.
send() {
  ((${#ranks[@]})) || return
  victim=$((victim % ${#ranks[@]}))
  kill "-$1" "${ranks[victim]}" 2>/dev/null
}

disturb() {
  newest_checkpoint "$folder"
  until_started
  case $fate in
    save) until_step $((newest_step + advance)); rank_processes "$job"; until_save; send KILL ;;
    instant) until_step $((newest_step + advance)); pause "$delay"; rank_processes "$job"; send KILL ;;
    start) pause "$start_delay"; rank_processes "$job"; send KILL ;;
    signal)  # which would end the run, as any other program, before there is a new checkpoint
      until_step $((newest_step + 1 + advance)) || return
      pause "$delay"
      rank_processes "$job"
      send "$stop_signal"
      ;;
  esac
}

# run_once: starts the run, disturbs it, and judges what came of it.
run_once() {
  begin_choices 2
  choose_fate
  choose_command
  ranks=()
  newest_checkpoint "$folder"
  expected=$newest_path
  [ -n "$damaged" ] && expected=$one_before
  partial_files "$folder"
  local old=("${partial[@]}") name
  timeout -k 2 300 "${command[@]}" >"$scratch/.out" 2>"$scratch/.err" </dev/null &
  job=$!
  disturb
  wait "$job" 2>/dev/null
  status=$?
  wait_for_ranks
  runs=$((runs + 1))
  partial_files "$folder"
  local new=0
  for name in "${partial[@]}"; do [[ " ${old[*]} " = *" $name "* ]] || new=$((new + 1)); done
  local failure
  failure=$(judge "$new" "${old[@]}")
  count_and_tell "$new" "$failure"
}

says() { grep -q -e "$1" "$scratch/.out"; }
has_resumed() { says '^resumed from \|^no checkpoint to resume from'; }

# judge NEW_PARTIAL_FILES OLD_PARTIAL_FILE...: prints what is wrong, if anything is.
judge() {
  local new=$1 name
  shift
  ((${#left[@]} == 0)) || echo "ranks were left behind: ${left[*]}"
  case $fate:$status in
    *:0 | save:9 | save:137 | instant:9 | instant:137 | start:9 | start:137) ;;
    start:255) ;;  # mpiexec itself fails where a rank dies while it speaks to it
    *) echo "ended with status $status" ;;
  esac
  if [ "$status" = 0 ]; then
    [ "$new" = 0 ] || echo "a partial file is left"
    has_resumed || echo "doesn't say from where it goes on"
    says '^stopped by SIG\|^stopped at --time-limit\|^samples/s' || echo "doesn't say how it ended"
  fi
  has_resumed || return
  if [ -n "$expected" ]; then
    says "^resumed from $expected: step " || echo "wanted to be resumed from $expected"
  else
    says '^no checkpoint to resume from' || echo "wanted a new run"
  fi
  if still_damaged "$damaged"; then echo "a damaged checkpoint keeps its name"; fi
  [ -z "$damaged" ] || says "^$damaged is now $damaged.damaged" || echo "damage goes unmentioned"
  for name; do [ ! -e "$name" ] || echo "the partial file of an earlier run is still there"; done
}

count_and_tell() {
  local what="came to its end" how="${launch[*]} ${options[*]}"
  if [ "$status" != 0 ]; then
    what="process $victim of ${#ranks[@]} killed"
    kills=$((kills + 1))
    if [ "$1" != 0 ]; then
      what+=" in a save"
      kills_in_saves=$((kills_in_saves + 1))
    fi
  elif says '^stopped '; then
    what=$(grep -o '^stopped [^;]*' "$scratch/.out")
    stops=$((stops + 1))
  fi
  if [ -n "$damaged" ] && has_resumed; then
    fallbacks=$((fallbacks + 1))
  fi
  newest_checkpoint "$folder"
  echo "run $runs: ${how# }: from step $first_step, $what, checkpoint $newest_step"
  if [ -z "$2" ]; then
    test_passed
  else
    test_failed "run $runs of seed $seed, fate $fate" "${2//$'\n'/; }"
    echo "    ${command[*]}"
  fi
}

# --- Damage -------------------------------------------------------------------------------------------

# still_damaged PATH: the file that was damaged still has that name. Another may have got it since.
still_damaged() { [ -n "$1" ] && [ -e "$1" ] && [ "$(stat -c %i "$1")" = "$damaged_inode" ]; }

# maybe_damage: now and then a bit of the newest checkpoint changes, or its end is lost.
maybe_damage() {
  begin_choices 1
  choose 6
  if still_damaged "$damaged"; then return; fi
  damaged=
  newest_checkpoint "$folder"
  if ((chosen != 0)) || [ -z "$newest_path" ]; then return; fi
  local size place byte
  size=$(stat -c %s "$newest_path")
  place=$(((RANDOM * 32768 + RANDOM) % size))
  choose 8
  if ((RANDOM % 2)); then
    truncate -s "$place" "$newest_path"
    echo "$newest_path ends after $place of $size bytes"
  else
    byte=$(od -An -tu1 -j "$place" -N 1 "$newest_path")
    printf -v byte '\\0%o' $((byte ^ 1 << chosen))
    printf '%b' "$byte" | dd of="$newest_path" bs=1 seek="$place" conv=notrunc status=none
    echo "bit $chosen of byte $place of $newest_path is another now"
  fi
  damages=$((damages + 1))
  damaged=$newest_path
  damaged_inode=$(stat -c %i "$damaged")
  local paths=("$folder"/step-*.safetensors)
  one_before=
  ((${#paths[@]} > 1)) && one_before=${paths[-2]}
}

# --- A round ------------------------------------------------------------------------------------------

# What a log says of the training, apart from its times.
results_of() {
  grep -oE '"(step|epoch|loss|lr|gradient_norm|test_loss|test_accuracy)":[^,}]*' "$1"
}

# run_round: one training from its beginning to its end.
run_round() {
  rounds=$((rounds + 1))
  begin_choices 0
  local losses layouts
  pick mean-square cross-entropy; losses=$chosen
  pick gather pair; layouts=$chosen
  local all=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --exact --row-blocks 2
    --steps "$last_step" --schedule cosine --dropout 0.1 --clip 0.5 --seed "$rounds" --progress plain
    --loss "$losses" --layout "$layouts")
  echo "round $rounds: ${all[*]}"
  rm -rf "$folder" "$scratch/run.log" "$scratch/run.model"
  passes "an undisturbed run" "$program" "${all[@]}" --threads 1 --save "$scratch/wanted.model" \
    --log "$scratch/wanted.log"
  training=("${all[@]}" --save "$scratch/run.model" --log "$scratch/run.log" --checkpoint "$folder"
    --resume auto)
  damaged=
  while ((runs < most_runs && tests_failed == 0)); do
    maybe_damage
    newest_checkpoint "$folder"
    first_step=$newest_step
    run_once
    if [ "$status" = 0 ] && ! says '^stopped '; then break; fi
  done
  ((tests_failed == 0)) || return
  passes "round $rounds of seed $seed: the weights" cmp "$scratch/run.model" "$scratch/wanted.model"
  results_of "$scratch/wanted.log" >"$scratch/wanted.results"
  results_of "$scratch/run.log" >"$scratch/run.results"
  passes "the undisturbed log is complete" grep -q "\"step\":$last_step\$" "$scratch/wanted.results"
  passes "round $rounds of seed $seed: the log" cmp "$scratch/run.results" "$scratch/wanted.results"
}

echo "SEED=$seed"
sample_images "$scratch/data"
while ((kills < kills_wanted && runs < most_runs && tests_failed == 0)); do run_round; done

echo "$runs runs in $rounds rounds: $kills killed, $kills_in_saves of them in a save, $stops stopped;" \
  "$damages checkpoints damaged, $fallbacks runs fell back"
if ((tests_failed == 0)); then
  passes "at least $kills_wanted kills" test "$kills" -ge "$kills_wanted"
  ((kills_wanted < kills_that_hit_a_save)) || passes "kills in a save" test "$kills_in_saves" -gt 0
fi
finish
