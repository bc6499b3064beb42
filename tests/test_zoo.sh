# `colonnade zoo` as its readers run it: all mistakes or some, on one rank and on several.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

mpi=${MPIEXEC:-mpiexec}
if gpu_is_pretended; then command_seconds=200; fi  # each thread of its blocks takes its turn
names=$("$COLONNADE" zoo --list | awk '{ print $2 }')

passes "the list has names" test "$(wc -w <<<"$names")" -ge 22
number=0
for name in $names; do
  number=$((number + 1))
  passes "docs/math.md explains $name, under the same number" \
    test "$(awk -v name="zoo $name" '/^[0-9]+\. \*\*/ { item = $1 } index($0, "`" name "`") { print item }' docs/math.md)" = "$number."
done

prints "all mistakes are caught on 2 ranks, if nobody says how many" \
  "^on 2 ranks: $number of $number caught, the right code: nothing$" "$COLONNADE" zoo
prints "on 3 ranks as threads" "^on 3 ranks: $number of $number caught" "$COLONNADE" zoo --ranks 3
prints "on 2 processes" "^on 2 ranks: $number of $number caught" "$mpi" -n 2 "$COLONNADE" zoo
prints "over MPI" "^on 2 ranks: $number of $number caught" "$mpi" -n 2 "$COLONNADE" zoo --transport mpi
prints "on one rank most don't show" "more show on several ranks only" "$COLONNADE" zoo --ranks 1
prints "and those that do are caught" "^on 1 rank: ([0-9]+) of \1 caught, the right code: nothing$" \
  "$COLONNADE" zoo --ranks 1

prints "one mistake by its name" "^on 2 ranks: 1 of 1 caught" "$COLONNADE" zoo mean-for-sum
prints "two of them" "^on 2 ranks: 2 of 2 caught" "$COLONNADE" zoo stale-cache mean-of-means
prints "with its number and its source" \
  "^mean-of-means: mistake 18 of docs/math.md, in src/zoo/model_copies.cpp$" "$COLONNADE" zoo mean-of-means
prints "the loss falls" "^  wrong +█+.*▁  1\.06 -> 0\.123, falls all the same$" "$COLONNADE" zoo mean-for-sum
prints "the figure and the bound" "^  caught  central differences +error 0\.75 +bound 1e-06" \
  "$COLONNADE" zoo mean-for-sum
prints "messages are counted, where numbers are right" "^  caught  counted bytes +error [0-9]+ +bound 0" \
  "$COLONNADE" zoo work-for-nothing
prints "where a mistake is none" "^  caught  by nothing on one rank$" "$COLONNADE" zoo mean-for-sum --ranks 1
prints "as long a curve as there are steps" "^  right +(▁|▂|▃|▄|▅|▆|▇|█){4}  1\.06 -> " \
  "$COLONNADE" zoo mean-for-sum --steps 3

"$COLONNADE" zoo >"$scratch/threads"
"$COLONNADE" zoo >"$scratch/again"
"$mpi" -n 2 "$COLONNADE" zoo >"$scratch/processes"
passes "it says the same each time" cmp "$scratch/threads" "$scratch/again"
passes "and on processes what it says on threads" cmp "$scratch/threads" "$scratch/processes"
# shellcheck disable=SC2016  # awk's own $0
passes "in a terminal of 100 columns" awk -v most=100 \
  '{ gsub(/[\200-\277]/, "") } length($0) > most { print; bad = 1 } END { exit bad }' "$scratch/threads"

refuses "a mistake that nobody made" "no such mistake in the zoo: wanted a name of .*, found 'typo'" \
  "$COLONNADE" zoo mean-for-sum typo
refuses "also on several ranks, once" "found 'typo'" "$mpi" -n 2 "$COLONNADE" zoo typo
refuses "ranks that don't divide the layers" "wanted 1, 2, 3, 4, 6 or 12 ranks, found 5" "$COLONNADE" zoo --ranks 5
refuses "no steps" "--steps: wanted a whole number from 1" "$COLONNADE" zoo --steps 0
refuses "ranks twice" "--ranks doesn't go with mpiexec" "$mpi" -n 2 "$COLONNADE" zoo --ranks 2
refuses "names that differ between ranks" "mean-for-sum" "$mpi" -n 1 "$COLONNADE" zoo mean-for-sum : \
  -n 1 "$COLONNADE" zoo stale-cache

finish
