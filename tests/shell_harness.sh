# For tests of the program as a whole; a script tests/test_X.sh sources this and ends with `finish`.
#
#     . tests/shell_harness.sh
#     passes "help needs no data" "$COLONNADE" --help
#     prints "the version" "^colonnade [0-9]" "$COLONNADE" info
#     refuses "an unknown option" "bogus" "$COLONNADE" train mlp --bogus
#     finish
#
# Each takes a name, for prints and refuses a pattern (grep -E), and a command, and counts as one
# test. $scratch is an empty folder that is removed at the end.
# shellcheck shell=bash
set -uo pipefail

tests_passed=0
tests_failed=0
command_seconds=60  # that a command may take
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

COLONNADE=${COLONNADE:-build/colonnade}

#   says_of_itself scalar: what `colonnade info` has under this name, as "float"
says_of_itself() { "$COLONNADE" info | sed -n "s/^$1  *//p"; }
gpu_is_pretended() { [[ $(says_of_itself backend) == *"pretended GPU"* ]]; }

test_passed() { tests_passed=$((tests_passed + 1)); }

#   test_failed NAME WHY: shows what the command printed
test_failed() {
  tests_failed=$((tests_failed + 1))
  echo "FAILED: $1: $2"
  sed 's/^/    /' "$scratch/.out" "$scratch/.err"
}

# Runs a command with a time limit in seconds; leaves its status in $status.
run_limited() {
  local limit=$1
  shift
  timeout -k 2 "$limit" "$@" >"$scratch/.out" 2>"$scratch/.err" </dev/null
  status=$?
}

# The command ends with status 0; a condition is a command too: passes "no file is left" test ! -e X
passes() {
  local name=$1
  shift
  run_limited "$command_seconds" "$@"
  if [ "$status" = 0 ]; then test_passed; else test_failed "$name" "status $status"; fi
}

# The command ends with status 0 and standard output has a line that matches the pattern.
prints() {
  local name=$1 pattern=$2
  shift 2
  run_limited "$command_seconds" "$@"
  if [ "$status" != 0 ]; then
    test_failed "$name" "status $status"
  elif ! grep -Eq -e "$pattern" "$scratch/.out"; then
    test_failed "$name" "no line matches '$pattern'"
  else
    test_passed
  fi
}

# The command fails within 5 seconds, not by a signal, and standard error has exactly one line,
# which matches the pattern: one rank speaks for all. (What mpiexec adds about the ranks' exit codes
# is not the program's.)
refuses() {
  local name=$1 pattern=$2
  shift 2
  run_limited 5 "$@"
  local lines
  lines=$(grep -vE '^(=|\[mpiexec@|\[proxy:|$)' "$scratch/.err")
  if [ "$status" = 0 ]; then
    test_failed "$name" "status 0, wanted a refusal"
  elif [ "$status" -ge 124 ]; then
    test_failed "$name" "status $status: too slow, or ended by a signal"
  elif [ "$(grep -c . <<<"$lines")" != 1 ]; then
    test_failed "$name" "wanted one line on standard error"
  elif ! grep -Eq -e "$pattern" <<<"$lines"; then
    test_failed "$name" "standard error does not match '$pattern'"
  else
    test_passed
  fi
}


finish() {
  echo "$tests_passed passed, $tests_failed failed"
  [ "$tests_failed" = 0 ]
  exit
}
