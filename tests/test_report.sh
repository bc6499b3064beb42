# `colonnade report`: a page of what runs have logged, and what it refuses. tests/browser_report.sh opens it.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh
# shellcheck source=tests/sample_images.sh
. tests/sample_images.sh

mpi=${MPIEXEC:-mpiexec}
sample_images "$scratch/data"
job=(train mlp --data "$scratch/data" "--widths=16,33,24,9" --batch 13 --progress plain --threads 1)
page=$scratch/page.html

passes "a run" "$COLONNADE" "${job[@]}" --epochs 2 --log "$scratch/a.log"
passes "a run of two processes" "$mpi" -n 2 "$COLONNADE" "${job[@]}" --epochs 1 --log "$scratch/b.log"
grep -Ev '^\{"(run|ranks)"' "$scratch/b.log" >"$scratch/old.log"

prints "a page of three runs" "^$page: 3 runs, 16 steps$" \
  "$COLONNADE" report "$scratch/a.log" "$scratch/b.log" "$scratch/old.log" -o "$page"
passes "it is HTML" grep -Fqx '<!doctype html>' "$page"
for name in a b old; do passes "with run $name" grep -Fq "\"name\":\"$name.log\"" "$page"; done
passes "with the charts' licence" grep -Fq 'Copyright (c) 2022 Leon Sorokin' "$page"
passes "without an address to load from" test -z "$(grep -Eo '(src|href)="?https?:' "$page")"
passes "the option after the page" "$COLONNADE" report -o "$page" "$scratch/a.log"

cp "$page" "$scratch/before.html"
prints "one rank of two makes the page" "^$page: 1 run, 8 steps$" \
  "$mpi" -n 2 "$COLONNADE" report "$scratch/a.log" -o "$page"
passes "which is the same" cmp "$page" "$scratch/before.html"

refuses "no log" "no log to report on: wanted colonnade report LOG" "$COLONNADE" report -o "$page"
refuses "no page" "no place for the page" "$COLONNADE" report "$scratch/a.log"
refuses "a log that isn't there" "nowhere.log.*No such file" \
  "$COLONNADE" report "$scratch/nowhere.log" -o "$page"
refuses "on two ranks too" "nowhere.log.*No such file" \
  "$mpi" -n 2 "$COLONNADE" report "$scratch/nowhere.log" -o "$page"
refuses "a page in the place of a log" "-o would overwrite the file of a log" \
  "$COLONNADE" report "$scratch/a.log" -o "$scratch/a.log"
refuses "a page in no folder" "nofolder" "$COLONNADE" report "$scratch/a.log" -o "$scratch/nofolder/x"
sed '3s/.*/what is this/' "$scratch/a.log" >"$scratch/foreign.log"
refuses "a foreign line" "foreign.log:3 is no line of a run's log: wanted a JSON object, found 'what is this'" \
  "$COLONNADE" report "$scratch/a.log" "$scratch/foreign.log" -o "$page"
passes "a refusal leaves the page that is there" cmp "$page" "$scratch/before.html"

# A run that goes on says so in the same log.
folder=("${job[@]}" --checkpoint "$scratch/run" --log "$scratch/c.log" --resume auto)
passes "two steps" "$COLONNADE" "${folder[@]}" --steps 2
passes "and two more" "$COLONNADE" "${folder[@]}" --steps 4
prints "the log has both parts" "^2$" grep -c '^{"run":' "$scratch/c.log"
prints "and each step once" "^c.html: 1 run, 4 steps$" \
  sh -c "cd '$scratch' && exec '$(realpath "$COLONNADE")' report c.log -o c.html"
passes "the page knows" grep -Fq '"after_step":2' "$scratch/c.html"

finish
