# For scripts that signal the ranks of a job: finds the processes of the program that were started
# below one of ours, and no others of that name.
# shellcheck shell=bash

program=$(realpath "${COLONNADE:-build/colonnade}")

# Waits so many seconds and starts no process for it: nothing is ever written there.
exec {silence}<> <(:)
pause() { read -rt "$1" -u "$silence" || true; }

# rank_processes JOB: the ranks below this process, which may be one itself, to $ranks.
rank_processes() {
  ranks=()
  add_rank_processes "$1"
}
add_rank_processes() {
  local list child children=()
  [[ /proc/$1/exe -ef $program ]] && ranks+=("$1")
  for list in /proc/"$1"/task/*/children; do
    read -ra children 2>/dev/null <"$list" || true
    for child in "${children[@]}"; do add_rank_processes "$child"; done
  done
}

is_running() { kill -0 "$1" 2>/dev/null; }

# wait_for_ranks: until those in $ranks are gone; any that stays goes to $left, and is ended.
wait_for_ranks() {
  local rank tries
  left=()
  for rank in "${ranks[@]}"; do
    for ((tries = 0; tries < 100; ++tries)); do
      [[ /proc/$rank/exe -ef $program ]] || continue 2
      pause 0.05
    done
    left+=("$rank")
    kill -KILL "$rank"
  done
}

# The partial files of a folder to $partial.
partial_files() {
  partial=("$1"/*.partial-*)
  [ -e "${partial[0]}" ] || partial=()
}

# The step of the newest checkpoint of a folder to $newest_step, 0 without one; its path, or nothing,
# to $newest_path.
newest_checkpoint() {
  local paths=("$1"/step-*.safetensors)
  newest_path=${paths[-1]}
  newest_step=${newest_path##*step-}
  newest_step=${newest_step%.safetensors}
  if [[ $newest_step =~ ^[0-9]+$ ]]; then newest_step=$((10#$newest_step)); else newest_step=0 newest_path=; fi
}
