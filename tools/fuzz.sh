#!/bin/bash
# Runs the fuzzers, or keeps what they found.
#   tools/fuzz.sh run MINUTES PROGRAM...   each for MINUTES, all at once; ends with a line
#                                          `N passed, N failed`
#   tools/fuzz.sh keep PROGRAM...          adds to the kept corpus what reaches code that it doesn't
# The kept corpus of a program is fuzz/corpus/NAME. What a run finds goes to build/fuzz/NAME, from
# where the next run starts; bytes that break a parser go to build/fuzz/NAME-broken.
set -uo pipefail

mode=$1
shift

# A file of a few hundred bytes has all that a header can have, and the shorter the files the more of
# them are tried. The limits are far above what such files need: seconds, and MiB.
options=(-max_len=4096 -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=1024)
export UBSAN_OPTIONS=print_stacktrace=1

options_of() {
  printf '%s\n' "${options[@]}"
  [ ! -e "fuzz/$1.dict" ] || echo "-dict=fuzz/$1.dict"
}

# For MINUTES, quietly; on a failure with all that the fuzzer said, and how to see it again.
run() {
  local program=$1 minutes=$2
  local name finds log flags
  name=$(basename "$program")
  finds=build/fuzz/$name
  log=build/fuzz/$name.log
  mapfile -t flags < <(options_of "$name")
  mkdir -p "$finds" "$finds-broken"
  if "$program" "${flags[@]}" -max_total_time=$((minutes * 60)) -print_final_stats=1 \
    -artifact_prefix="$finds-broken/" "$finds" "fuzz/corpus/$name" >"$log" 2>&1; then
    printf '%-12s %9d files tried, none breaks it; new ones in %s: %d\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$finds" \
      "$(find "$finds" -type f | wc -l)"
    return
  fi
  # The beginning tells of each file that reached something new.
  grep -Ev '^#[0-9]+|^INFO:' "$log" | tail -n 60
  echo "$name: broken; run it again with"
  echo "  $program $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
  return 1
}

# Of what was found only files that a person can read, and no more of them than it takes to reach every
# branch that they reach together.
keep() {
  local program=$1
  local name short
  name=$(basename "$program")
  short=build/fuzz/$name-short
  if [ -d "build/fuzz/$name" ]; then
    rm -rf "$short"
    mkdir "$short"
    find "build/fuzz/$name" -type f -size -128c -exec cp -t "$short" {} +
    "$program" "${options[@]}" -set_cover_merge=1 -use_counters=0 "fuzz/corpus/$name" "$short" \
      >"build/fuzz/$name.log" 2>&1 || { tail -n 30 "build/fuzz/$name.log"; return 1; }
  fi
  printf '%-24s %4d files\n' "fuzz/corpus/$name" "$(find "fuzz/corpus/$name" -type f | wc -l)"
}

if [ "$mode" = keep ]; then
  for program in "$@"; do keep "$program" || exit 1; done
  exit
fi

minutes=$1
shift
if ! [[ $minutes =~ ^[1-9][0-9]*$ ]]; then # none at all means for ever to a fuzzer
  echo "MINUTES=$minutes: wanted a whole number from 1 on" >&2
  exit 1
fi
passed=0
failed=0
for program in "$@"; do run "$program" "$minutes" & done
for _ in "$@"; do
  if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
