# colonnade explain, as users meet it: as text, as a page, on threads and on processes.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

mpi=${MPIEXEC:-mpiexec}
page=$scratch/page.html

# --- As text ---------------------------------------------------------------------------------------

name="two ranks without a word"
prints "$name" "^ +rank 0, columns 0-2 +rank 1, columns 3-5$" "$COLONNADE" explain
prints "the equations" "^1 +layers.0 +Z = X W$" "$COLONNADE" explain
prints "who sends what to whom" "^ +rank 1 sends columns 3-5 of Y to rank 0: [0-9]+ bytes$" \
  "$COLONNADE" explain
prints "partial sums" "^ +Z \[3, 4\], partial sums$" "$COLONNADE" explain --layout pair
prints "the norm's sum" "all-reduce of ‖g‖²$" "$COLONNADE" explain
prints "cut moments" "m\(W\) \[4, 6\], sharded by elements$" \
  "$COLONNADE" explain --mesh dp=2 --zero1
prints "a mesh" "tp: sharded by columns; dp: replicated" \
  "$COLONNADE" explain --ranks 4 --mesh dp=2,tp=2
prints "messages beside computing" "It goes on while the ranks compute" \
  "$COLONNADE" explain --overlap 2
prints "exact mode, recomputing" "matrices are those of one rank" "$COLONNADE" explain --exact \
  --widths 8,8,8 --recompute --ranks 4 --layout pair --loss cross-entropy
prints "a reduce-scatter of forward, which reverses nothing" "columns of the sum that it goes on with\.$" \
  "$COLONNADE" explain --layout pair --loss cross-entropy
prints "how an update is computed" \
  "m = 0\.1 g, v = 0\.001 g², W′ = W − 0\.05 \(10 m / \(√\(1000 v\) \+ 1e-08\) \+ 0\.1 W\)\.$" \
  "$COLONNADE" explain
prints "how a bias's is, clipped" "\+ 1e-08\)\)\. If ‖g‖ is above 0\.5, g is db times 0\.5 / ‖g‖\.$" \
  "$COLONNADE" explain --clip 0.5
prints "what was asked for" "label smoothing ε = 0\.1; dropout 0\.5; clipped to 2" "$COLONNADE" explain \
  --loss cross-entropy --label-smoothing 0.1 --dropout 0.5 --clip 2
"$COLONNADE" explain >"$scratch/threads"
passes "on processes" "$mpi" -n 2 "$COLONNADE" explain
cp "$scratch/.out" "$scratch/processes"
passes "it is the same story" cmp "$scratch/processes" "$scratch/threads"

# --- As a page -------------------------------------------------------------------------------------

prints "a page" "^The page is $page\.$" "$COLONNADE" explain --html "$page"
passes "which asks for nothing from elsewhere" \
  test -z "$(grep -oE '(https?:)?//[a-z]|<link[^>]*href="[^d]|src=|@import|url\(' "$page")"
cat >"$scratch/read_page.py" <<'SCRIPT'
import json, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
story = json.loads(re.search(r'id="story">(.*?)</script>', text, re.S).group(1))
assert len(story["ranks"]) == 4, story["ranks"]
sections = {step["section"] for step in story["steps"]}
assert sections == {"forward", "loss", "backward", "copies", "norm", "update"}, sections
for step in story["steps"]:
    for matrix in step["matrices"]:
        for rank in matrix["ranks"]:
            assert len(rank["values"]) == rank["run"][1] - rank["run"][0]
    if "call" not in step:
        continue
    call = step["call"]
    for rank, sent in enumerate(call["bytes_sent"]):
        assert sent == sum(t["bytes"] for t in call["transfers"] if t["from"] == rank), step
SCRIPT
passes "the page of a mesh" "$mpi" -n 4 "$COLONNADE" explain --mesh dp=2,tp=2 --zero1 --html "$page"
passes "has the story as data" python3 "$scratch/read_page.py" "$page"

# --- What is refused -------------------------------------------------------------------------------

refuses "a layer that is too wide" "a width: wanted at most 16, found 17" \
  "$COLONNADE" explain --widths 4,17
refuses "too large a batch" "--batch: wanted at most 16, found 17" "$COLONNADE" explain --batch 17
refuses "too many ranks" "ranks: wanted at most 8, found 9" \
  "$COLONNADE" explain --ranks 9 --widths 9,9
refuses "too many layers" "layers: wanted at most 6, found 7" \
  "$COLONNADE" explain --widths 2,2,2,2,2,2,2,2
refuses "copies without a row" "too few rows" "$COLONNADE" explain --mesh dp=2 --batch 1
refuses "parts without a row" "wanted at least 8, one for each part of --overlap, found 3" \
  "$COLONNADE" explain --overlap 8
cat >"$scratch/full.sh" <<'SCRIPT'
"$1" explain >/dev/full
SCRIPT
refuses "a story that finds no room, without a reason that is none" \
  "standard output cannot be written \[" sh "$scratch/full.sh" "$COLONNADE"
refuses "a page in a folder that is missing" "$scratch/missing" \
  "$COLONNADE" explain --html "$scratch/missing/page.html"
refuses "a page without a name" "--html" "$COLONNADE" explain --html ""
refuses "ranks beside mpiexec" "--ranks doesn't go with mpiexec" \
  "$mpi" -n 2 "$COLONNADE" explain --ranks 2
printf 'kept' >"$scratch/kept"
refuses "a story that is too large" "too large" "$COLONNADE" explain --batch 99 --html "$scratch/kept"
passes "overwrites nothing" grep -q kept "$scratch/kept"

finish
