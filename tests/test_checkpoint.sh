# Checkpoints as users meet them: stopping and going on, what is refused, and faults of the disk.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh
# shellcheck source=tests/processes.sh
. tests/processes.sh
export OMP_NUM_THREADS=1

sample_images "$scratch/data"
on_processes=("${MPIEXEC:-mpiexec}" -n 2 "$program")
on_threads=("$program" train mlp --ranks 2)
job=("--widths=16,33,24,9" --batch 13 --progress plain --threads 1)
images=("${job[@]}" --data "$scratch/data")
forever=(--epochs 1000000000)

# new_folder: an empty place for checkpoints, $folder
folders=0
new_folder() {
  folders=$((folders + 1))
  folder=$scratch/checkpoints-$folders
}

# says NAME PATTERN: the last command's standard output has a line that matches.
says() {
  if grep -Eq -e "$2" "$scratch/.out"; then test_passed; else test_failed "$1" "no line matches '$2'"; fi
}

# until_checkpoints COUNT: until the run in the background has so many, or has ended, or for too long.
until_checkpoints() {
  local give_up=$((SECONDS + 30)) found
  while is_running "$running" && ((SECONDS < give_up)); do
    found=("$folder"/step-*.safetensors)
    ((${#found[@]} >= $1)) && [ -e "${found[0]}" ] && return
    pause 0.005
  done
}

# in_background COMMAND...: starts it, and waits until it has a checkpoint in $folder. Its ranks are
# $ranks, in no order that is sure.
in_background() {
  timeout -k 2 60 "$@" >"$scratch/running.out" 2>"$scratch/running.err" </dev/null &
  running=$!
  until_checkpoints 1
  rank_processes "$running"
}

# its_end: waits for the run in the background; leaves $status, and $left if any rank stays.
its_end() {
  wait "$running" 2>/dev/null
  status=$?
  mv "$scratch/running.out" "$scratch/.out"
  mv "$scratch/running.err" "$scratch/.err"
  wait_for_ranks
}

# has_stopped NAME WHY: it ended well and said why, having saved a checkpoint.
has_stopped() {
  its_end
  if [ "$status" != 0 ]; then
    test_failed "$1" "status $status"
  elif ! grep -Eq "^stopped $2 after step [0-9]+ of [0-9]+; saved $folder/step-[0-9]+\.safetensors$" "$scratch/.out" ||
    ! grep -q '^to go on, give the same command with --resume auto$' "$scratch/.out"; then
    test_failed "$1" "doesn't say how it ended"
  elif [ -s "$scratch/.err" ] && grep -q '^colonnade' "$scratch/.err"; then
    test_failed "$1" "an error"
  else
    saved=$(sed -n 's/^stopped .*; saved //p' "$scratch/.out")
    stopped_after=$(sed -n 's/^stopped .* after step \([0-9]*\) of .*/\1/p' "$scratch/.out")
    newest_checkpoint "$folder"
    partial_files "$folder"
    if [ "$newest_path" != "$saved" ] || [ "$newest_step" != "$stopped_after" ] || ((${#partial[@]})); then
      test_failed "$1" "the newest checkpoint is $newest_path"
    else
      test_passed
    fi
  fi
}

# has_failed NAME PATTERN: it failed, with one line, which matches.
has_failed() {
  local lines
  lines=$(grep -c '^colonnade: ' "$scratch/.err")
  if [ "$status" = 0 ] || [ "$status" -ge 124 ]; then
    test_failed "$1" "status $status"
  elif [ "$lines" != 1 ] || ! grep -Eq -e "$2" "$scratch/.err"; then
    test_failed "$1" "wanted one line that matches '$2'"
  else
    test_passed
  fi
}
# fails NAME PATTERN COMMAND...: as `refuses`, for what takes its time.
fails() {
  local name=$1 pattern=$2
  shift 2
  run_limited 60 "$@"
  has_failed "$name" "$pattern"
}

# What a log says of the training, apart from its times.
results_of() {
  grep -oE '"(step|epoch|loss|lr|test_loss|test_accuracy)":[^,}]*' "$1"
}

# --- Stopping and going on gives the same bits -----------------------------------------------------

# starts_and_stops COMMAND...: runs until there is a checkpoint, and stops by SIGTERM to one rank.
starts_and_stops() {
  in_background "$@" --checkpoint "$folder" --every 2 --log "$folder.log"
  kill -TERM "${ranks[@]: -1}"
  has_stopped "stopped: ${name:-}" "by SIGTERM"
}
# goes_on STEPS COMMAND...: to the end.
goes_on() {
  local steps=$1
  shift
  passes "resumed: $name" "$@" --checkpoint "$folder" --every 1000 --log "$folder.log" --resume auto \
    --steps "$steps" --save "$folder.model"
  says "says from where: $name" "^resumed from $saved: step $stopped_after, epoch "
}
# same_as COMMAND...: as this one without an interruption does it.
same_as() {
  passes "undisturbed: $name" "$@" --save "$folder.wanted" --log "$folder.wanted.log"
  passes "the same weights: $name" cmp "$folder.model" "$folder.wanted"
  results_of "$folder.log" >"$scratch/results"
  results_of "$folder.wanted.log" >"$scratch/wanted"
  passes "the same log: $name" cmp "$scratch/results" "$scratch/wanted"
}

new_folder
name="fast mode on threads"
fast=("${on_threads[@]}" "${images[@]}" --layout pair --dropout 0.1)
starts_and_stops "${fast[@]}" "${forever[@]}"
goes_on $((stopped_after + 9)) "${fast[@]}"
same_as "${fast[@]}" --steps $((stopped_after + 9))

new_folder
name="fast mode on processes, copies of the model"
fast=("${on_processes[@]}" train mlp "${images[@]}" --mesh dp=2 --zero1 --clip 0.1)
starts_and_stops "${fast[@]}" "${forever[@]}"
goes_on $((stopped_after + 9)) "${fast[@]}"
same_as "${fast[@]}" --steps $((stopped_after + 9))

new_folder
name="exact mode, from processes to threads to one rank"
exact=(train mlp "${images[@]}" --exact --row-blocks 2 --loss cross-entropy)
starts_and_stops "${on_processes[@]}" "${exact[@]}" --mesh dp=2 "${forever[@]}"
goes_on $((stopped_after + 5)) "$program" "${exact[@]}" --ranks 8 --zero1
says "names the mesh" "^the mesh was dp=2,tp=1 and is now dp=1,tp=8$"
says "no bits differ" "^resumed from"
passes "and says so" test 0 = "$(grep -c 'last bits' "$scratch/.out")"
stopped_after=$((stopped_after + 5))
saved=$(printf '%s/step-%012d.safetensors' "$folder" "$stopped_after")
goes_on $((stopped_after + 5)) "$program" "${exact[@]}"
same_as "$program" "${exact[@]}" --steps $((stopped_after + 5))

# A run that has come to its end has done its last epoch, of four steps, and logged it.
new_folder
name="the end of an epoch"
longer=("${on_threads[@]}" "${images[@]}" --checkpoint "$folder" --every 1000 --log "$folder.log" --resume auto)
for steps in 6 8 10; do
  passes "$name, $steps steps" "${longer[@]}" --steps "$steps" --save "$folder.model"
done
same_as "${on_threads[@]}" "${images[@]}" --steps 10

# --- Signals, to any rank --------------------------------------------------------------------------

for signal in TERM INT USR1; do
  for rank in 0 1; do
    new_folder
    in_background "${on_processes[@]}" train mlp "${images[@]}" "${forever[@]}" --checkpoint "$folder"
    passes "two ranks run" test "${#ranks[@]}" = 2
    kill "-$signal" "${ranks[rank]}"
    has_stopped "SIG$signal to one process" "by SIG$signal"
    passes "no rank is left" test "${#left[@]}" = 0
  done
  new_folder
  in_background "${on_threads[@]}" "${images[@]}" "${forever[@]}" --checkpoint "$folder"
  kill "-$signal" "${ranks[0]}"
  has_stopped "SIG$signal to threads" "by SIG$signal"
done

new_folder
in_background "${on_processes[@]}" train mlp "${images[@]}" "${forever[@]}" --checkpoint "$folder"
kill -INT "${ranks[@]}" "${ranks[@]}"
has_stopped "one Ctrl-C that arrives twice is one" "by SIGINT"

# Its peer stands still, so that the step can't come to its end.
new_folder
in_background "${on_processes[@]}" train mlp "${images[@]}" "${forever[@]}" --checkpoint "$folder"
kill -STOP "${ranks[1]}"
kill -INT "${ranks[0]}"
pause 0.7
passes "one SIGINT waits for the step" test -d "/proc/$running"
kill -INT "${ranks[0]}"
before=$SECONDS
its_end
passes "a second SIGINT ends the run" test "$status" != 0 -a $((SECONDS - before)) -lt 10
passes "and leaves no rank" test "${#left[@]}" = 0

# --- Time limit ---------------------------------------------------------------------------------------

new_folder
in_background "${on_processes[@]}" train mlp "${images[@]}" "${forever[@]}" --checkpoint "$folder" \
  --every 1000000000 --time-limit 1
has_stopped "a time limit" "at --time-limit"

# --- Which checkpoint --------------------------------------------------------------------------------

new_folder
train=("${on_threads[@]}" "${images[@]}" --checkpoint "$folder" --every 2)
prints "auto in an empty folder begins anew" "^no checkpoint to resume from in $folder: a new run$" \
  "${train[@]}" --resume auto --steps 11 --log "$folder.log"
passes "three checkpoints stay" test "$(cd "$folder" && echo ./*)" = \
  "./step-000000000008.safetensors ./step-000000000010.safetensors ./step-000000000011.safetensors"
prints "a finished run has nothing left to do" "^resumed from .*: step 11, " \
  "${train[@]}" --resume auto --steps 11 --save "$scratch/finished.model"
passes "but saves what it was asked for" test -s "$scratch/finished.model"
prints "--keep" "^resumed from" "${train[@]}" --resume auto --steps 12 --keep 1
passes "keeps so many" test "$(cd "$folder" && echo ./*)" = "./step-000000000012.safetensors"
prints "a file" "^resumed from $folder/step-000000000012.safetensors: step 12, epoch 3$" \
  "${on_threads[@]}" "${images[@]}" --resume "$folder/step-000000000012.safetensors" --steps 13
prints "another rate is told" "^--lr was 0\.001 and is now 0\.01$" \
  "${train[@]}" --resume auto --steps 14 --lr 0.01
prints "another mesh is told, with what it costs" "^the last bits will differ .*; with --exact any mesh" \
  "$program" train mlp "${images[@]}" --checkpoint "$folder" --resume auto --steps 15
newest_checkpoint "$folder"
prints "--load takes a checkpoint's parameters" "step 1/1 " \
  "${on_threads[@]}" "${images[@]}" --load "$newest_path" --steps 1

# --- What is refused ------------------------------------------------------------------------------------

resume=("${on_threads[@]}" --checkpoint "$folder" --resume auto --steps 16)
refuses "a folder with checkpoints without --resume" "holds checkpoints of an earlier run" "${train[@]}"
refuses "another batch" "another --batch: wanted 13, found 12" \
  "${resume[@]}" --data "$scratch/data" "--widths=16,33,24,9" --batch 12
refuses "other widths" "another --widths: wanted 16,33,24,9, found 16,33,9" \
  "${resume[@]}" --data "$scratch/data" --batch 13 "--widths=16,33,9"
refuses "another seed" "another --seed: wanted 0, found 1" "${resume[@]}" "${images[@]}" --seed 1
sample_images "$scratch/others" 5
refuses "other data" "another data set" "${resume[@]}" "${job[@]}" --data "$scratch/others"
refuses "other data, on processes" "another data set" "${on_processes[@]}" train mlp "${job[@]}" \
  --data "$scratch/others" --checkpoint "$folder" --resume auto --steps 16
refuses "other data on one of the ranks" "the ranks don't have the same data" \
  "${MPIEXEC:-mpiexec}" -n 1 "$program" train mlp "${job[@]}" --data "$scratch/data" --checkpoint "$scratch/none" : \
  -n 1 "$program" train mlp "${job[@]}" --data "$scratch/others" --checkpoint "$scratch/none"
passes "the same data elsewhere" cp -r "$scratch/data" "$scratch/moved"
prints "are the same" "^resumed from" "${resume[@]}" "${job[@]}" --data "$scratch/moved"
refuses "fewer steps than are done" "further than it is to go: wanted at most 5 steps" \
  "${train[@]}" --resume auto --steps 5
if [ -n "${COLONNADE_DOUBLE:-}" ] && [ "$(says_of_itself scalar)" = float ]; then
  refuses "the checkpoint of another number type" "another number type: wanted float, found double" \
    "$COLONNADE_DOUBLE" train mlp "${images[@]}" --checkpoint "$folder" --resume auto
else
  echo "skipped: one number type alone is built: the checkpoint of another one"
fi
refuses "a file that is no checkpoint" "finished.model is no checkpoint" \
  "${on_threads[@]}" "${images[@]}" --resume "$scratch/finished.model"
refuses "no such file" "cannot open $scratch/none" "${on_threads[@]}" "${images[@]}" --resume "$scratch/none"
for option in "--every 2" "--keep 2" "--resume auto" "--time-limit 5s"; do
  # shellcheck disable=SC2086  # several words
  refuses "$option without a folder" "${option% *} .*goes with --checkpoint only|${option% *} goes with" \
    "${on_threads[@]}" "${images[@]}" $option
done
refuses "a file in the folder's place" "cannot make the folder $folder.log" \
  "${on_threads[@]}" "${images[@]}" --checkpoint "$folder.log"

new_folder
in_background "${on_processes[@]}" train mlp "${images[@]}" "${forever[@]}" --checkpoint "$folder" --keep 2
timeout -k 2 30 "${on_threads[@]}" "${images[@]}" --checkpoint "$folder" --resume auto \
  >"$scratch/second.out" 2>"$scratch/second.err"
second=$?
kill -TERM "${ranks[0]}"
has_stopped "the first of two runs in a folder goes on" "by SIGTERM"
cp "$scratch/second.err" "$scratch/.err"
status=$second
has_failed "the second is refused" "another run keeps its checkpoints in $folder"

# --- What others see in the file ------------------------------------------------------------------

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate; break; fi
done
if [ -n "$python" ]; then
  passes "by the rules of the format, read in Python" "$python" tests/read_checkpoint.py "$saved" 16,33,24,9
else
  echo "skipped: no Python with NumPy: a checkpoint read by another reader"
fi

# --- Damage ------------------------------------------------------------------------------------------

# flip FILE PLACE: another bit there
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf '%b' "\\0$(printf %o $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# falls_back NAME STEP: the checkpoint of this step is damaged, the one before is taken.
falls_back() {
  local bad
  bad=$(printf '%s/step-%012d.safetensors' "$folder" "$2")
  prints "$1: falls back" "^resumed from $folder/step-0*$(($2 - 2)).safetensors: step $(($2 - 2))," \
    "${train[@]}" --resume auto --steps "$2"
  says "$1: says so" "^cannot resume from the newest checkpoint: "
  says "$1: says where it is" "^$bad is now $bad.damaged; trying the one before$"
  passes "$1: sets it aside" test -e "$bad.damaged"
  passes "$1: comes to the same again" cmp "$bad" "$scratch/right"
}
new_folder
train=("${on_threads[@]}" "${images[@]}" --checkpoint "$folder" --every 2)
passes "a run to damage" "${train[@]}" --steps 8
right=$folder/step-000000000008.safetensors
cp "$right" "$scratch/right"
size=$(stat -c %s "$right")
for place in 0 20 600 $((size / 2)) $((size - 1)); do
  flip "$right" "$place"
  falls_back "a flipped bit at byte $place of $size" 8
done
for bytes in 0 7 1000 $((size - 1)); do
  truncate -s "$bytes" "$right"
  falls_back "a file cut off after $bytes of $size bytes" 8
done
for file in "$folder"/step-*.safetensors; do flip "$file" $((size - 9)); done
prints "where all are damaged, a new run" "^no checkpoint to resume from" \
  "${train[@]}" --resume auto --steps 8
passes "a new run after damaged ones comes to the same" \
  cmp "$folder/step-000000000008.safetensors" "$scratch/right"
passes "sets all aside" test "$(cd "$folder" && echo ./*.safetensors.damaged | wc -w)" = 3
flip "$folder/step-000000000008.safetensors" 5000
refuses "a damaged file by its name" "damaged" \
  "${on_threads[@]}" "${images[@]}" --resume "$folder/step-000000000008.safetensors"

# --- Faults -------------------------------------------------------------------------------------------

# survives NAME STEP PATTERN COMMAND...: a run that can't save fails with one line, leaves no partial
# file, and the checkpoint of STEP as it was.
survives() {
  local name=$1 step=$2 pattern=$3 before
  shift 3
  newest_checkpoint "$folder"
  before=$newest_path
  fails "$name" "$pattern" "$@" --checkpoint "$folder" --every 2 --resume auto
  newest_checkpoint "$folder"
  passes "$name: the checkpoint before it stays" test "$newest_path" = "$before" -a "$newest_step" = "$step"
  partial_files "$folder"
  passes "$name: nothing partial is left" test "${#partial[@]}" = 0
}

new_folder
passes "a first part" "${on_threads[@]}" "${images[@]}" --checkpoint "$folder" --steps 4
if gpu_is_pretended; then
  echo "skipped: what pretends a GPU has larger files of its own: a limit on the size of files"
else
  survives "a limit on the size of files" 4 "a file-size limit of 8192 bytes; raise it with ulimit -f" \
    bash -c 'ulimit -f 8; exec "$@"' limited "${on_threads[@]}" "${images[@]}" --steps 8
fi

for transport in processes threads; do
  if [ $transport = processes ]; then start=("${on_processes[@]}" train mlp); else start=("${on_threads[@]}"); fi

  new_folder
  in_background "${start[@]}" "${images[@]}" "${forever[@]}" --checkpoint "$folder" --every 2
  mv "$folder" "$folder.gone"
  its_end
  # By chance it is while a checkpoint is written or afterwards, when old ones are looked for.
  has_failed "a folder that goes away, $transport" "cannot .*$folder.*([Nn]o such file|MPI_File_open failed: .*does not exist)"
  passes "no rank is left" test "${#left[@]}" = 0
  folder=$folder.gone
  prints "what was saved in it can be used, $transport" "^resumed from $folder/step-" \
    "${start[@]}" "${images[@]}" "${forever[@]}" --checkpoint "$folder" --resume auto --time-limit 1

  mkdir "$scratch/disk"
  if ! mount -t tmpfs -o size=256k colonnade-test "$scratch/disk" 2>/dev/null; then
    echo "skipped: needs root: a full disk, $transport"
    rmdir "$scratch/disk"
    continue
  fi
  folder=$scratch/disk/checkpoints
  passes "a first part on the disk, $transport" "${start[@]}" "${images[@]}" --checkpoint "$folder" --steps 4
  fill=$scratch/disk/fill
  dd if=/dev/zero of="$fill" bs=4096 status=none 2>/dev/null
  truncate -s -8192 "$fill"
  survives "a full disk, $transport" 4 "No space left on device" "${start[@]}" "${images[@]}" --steps 8
  rm "$fill"
  prints "goes on when there is space, $transport" "^resumed from .*: step 4, " \
    "${start[@]}" "${images[@]}" --checkpoint "$folder" --resume auto --steps 8
  mount -o remount,ro "$scratch/disk"
  survives "a disk that can't be written, $transport" 8 "Read-only file system" \
    "${start[@]}" "${images[@]}" --steps 12
  umount "$scratch/disk"
  rmdir "$scratch/disk"
done

finish
