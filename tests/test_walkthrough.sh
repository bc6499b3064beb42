# What keeps docs/walkthrough true, tools/walkthrough.py, on a book of one small page: it is green when
# all is fresh, and each thing that can go stale turns it red. Programs are scripts here.
# shellcheck shell=bash source=tests/shell_harness.sh disable=SC2016 # back quotes are Markdown's
. tests/shell_harness.sh

if ! command -v python3 >/dev/null; then
  echo "no Python: what keeps docs/walkthrough true is not tested"
  finish
fi
export PYTHONDONTWRITEBYTECODE=1

book=$scratch/book/docs/walkthrough
page=$book/01-doubling/README.md
programs=$scratch/programs/01-doubling
tool=(python3 tools/walkthrough.py --root "$scratch/book" --programs "$scratch/programs")

# A book that is up to date.
fresh_book() {
  rm -rf "$scratch/book" "$scratch/programs"
  mkdir -p "$book/01-doubling" "$scratch/book/src" "$scratch/book/tests" "$programs"
  cp -r tools "$scratch/book/tools"
  cat >"$scratch/book/src/twice.cpp" <<'END'
namespace {

// Twice what it is given,
// with a { in a comment.
int twice(int x,
          int y) {
  if (x == '}') {
    return 2 * x;
  } else {
    return y;
  }
}

struct Pair {
  int a = 1;  // one
};

}  // namespace
END
  cat >"$scratch/book/tests/test_twice.cpp" <<'END'
TEST_CASE("twice is double, always") {}
RANKS_TEST_CASE(
    "all ranks "
    "double", "1-8") {}
END
  cat >"$book/01-doubling/chapter.cpp" <<'END'
int main() {
  return twice(0);
}
END
  cat >"$book/01-doubling/solutions.cpp" <<'END'
bool even() { return true; }
bool sum_with_itself() { return true; }
END
  cat >"$book/01-doubling/drawing.py" <<'END'
from draw import Drawing
print(Drawing(100, "nothing"))
END
  cat >"$page" <<'END'
# 1. Doubling
## The formula
## The picture

![Nothing](drawing.svg)

## The code

`twice` it is, and `make chapter-01` runs it.

<!-- code: src/twice.cpp: int twice( -->

<!-- code: src/twice.cpp: int a = 1 -->
Text of the page.

<!-- code: src/twice.cpp: struct Pair (lines 2) -->

<!-- code: src/twice.cpp: if (x (until else) -->

## Run it

<!-- output: chapter 2 -->

<!-- break: twice(0) ==> twice(1) -->

<!-- output: broken -->

## The test that proves it

<!-- test: tests/test_twice.cpp: twice is double, always -->

<!-- test: tests/test_twice.cpp: all ranks double -->

## Exercises

<details><summary>Solution: <code>solutions.cpp</code>, <code>even</code></summary>

<!-- code: solutions.cpp: bool even( -->

</details>

<details><summary>Solution: <code>solutions.cpp</code>, <code>sum_with_itself</code></summary>

<!-- code: solutions.cpp: bool sum_with_itself( -->

</details>

<!-- neighbours -->
END
  printf '# A book\n\n<!-- contents -->\n\nEnd.\n' >"$book/README.md"
  printf '#!/bin/sh\necho "first"; echo "twice is $((${1:-3} * 2))"\n' >"$programs/chapter"
  printf '#!/bin/sh\necho first; echo "twice is wrong"; exit 1\n' >"$programs/broken"
  printf '#!/bin/sh\nexit 0\n' >"$programs/solutions"
  chmod +x "$programs"/*
  "${tool[@]}" update >/dev/null
}

#   turns_red NAME PATTERN: check fails, and says what matches the pattern
turns_red() {
  run_limited 60 "${tool[@]}" check
  if [ "$status" != 1 ]; then
    test_failed "$1" "status $status, wanted 1"
  elif ! grep -Eq -e "$2" "$scratch/.err"; then
    test_failed "$1" "standard error does not match '$2'"
  else
    test_passed
  fi
}

#   block DIRECTIVE: what the page has below it, to the next empty line
block() { sed -n "/^<!-- $1/,/^\$/p" "$page" | tail -n +2; }

fresh_book
passes "a fresh book is accepted" "${tool[@]}" check
cp -r "$scratch/book" "$scratch/before"
passes "a second update" "${tool[@]}" update
passes "changes nothing" diff -r "$scratch/before" "$scratch/book"
prints "what a reader sees" "^twice is 6$" "${tool[@]}" run 01

# --- what is extracted ---------------------------------------------------------------------------

block "code: src.twice.cpp: int twice" >"$scratch/code"
passes "a definition begins with its comment" grep -q "^// Twice what" "$scratch/code"
passes "and ends with its last brace" test "$(tail -n 3 "$scratch/code" | head -n 1)" = "}"
passes "a statement is one line" test "$(block 'code: src.twice.cpp: int a')" = \
  "$(printf '```cpp\nint a = 1;  // one\n```\nText of the page.')"
passes "text below a directive stays" grep -q "^Text of the page.$" "$page"
passes "so many lines" test "$(block 'code: src.twice.cpp: struct')" = \
  "$(printf '```cpp\nstruct Pair {\n  int a = 1;  // one\n```')"
passes "as far as a text" test "$(block 'code: src.twice.cpp: if' | tail -n 3 | head -n 1)" = "} else {"
passes "arguments reach the program" grep -q "^twice is 4$" "$page"
passes "a break shows the line" grep -q "^+return twice(1);$" "$page"
passes "and what it changes" grep -q "^+twice is wrong$" "$page"
passes "a test's command" grep -qF "'twice is double\\, always'" "$page"
passes "a test of several ranks, its name in two parts" grep -q -e "--threads --test-case='all ranks double\*'" "$page"
passes "the contents" grep -qF "1. [Doubling](01-doubling/README.md)" "$book/README.md"
prints "the broken program" "return twice\(1\);" "${tool[@]}" break 01

# --- what turns it red ---------------------------------------------------------------------------

sed -i 's/return 2 \* x/return x + x/' "$scratch/book/src/twice.cpp"
turns_red "code that changed" "^\+    return x \+ x;"
passes "update brings it" "${tool[@]}" update
passes "and then all is well" "${tool[@]}" check

fresh_book
sed -i 's/^twice is 4$/twice is 5/' "$page"
turns_red "output that is not the program's" "^\+twice is 4"

fresh_book
sed -i 's/int twice(int x/int double_it(int x/' "$scratch/book/src/twice.cpp"
turns_red "a marker that is gone" "README.md:11: src/twice.cpp: 'int twice\(' is there 0 times; wanted once"

fresh_book
echo "int twice(long);" >>"$scratch/book/src/twice.cpp"
turns_red "a marker that is there twice" "there 2 times, in lines 5, 19"

fresh_book
printf '#!/bin/sh\necho "wanted 4, found 5"; exit 1\n' >"$programs/solutions"
turns_red "a wrong solution" "wanted 4, found 5"

fresh_book
printf '#!/bin/sh\nexit 1\n' >"$programs/chapter"
turns_red "a chapter that fails" "chapter ended with status 1; wanted 0"

fresh_book
cp "$programs/chapter" "$programs/broken"
turns_red "a break that breaks nothing" "broken ended with status 0; wanted 1"

fresh_book
printf '#!/bin/sh\nkill -SEGV $$\n' >"$programs/broken"
turns_red "a break that crashes" "broken ended with status -11; wanted 1"

fresh_book
sed -i 's/^TEST_CASE("twice/TEST_CASE("thrice/' "$scratch/book/tests/test_twice.cpp"
turns_red "a test that is gone" "has no test of the name 'twice is double, always'"

fresh_book
sed -i 's/^TEST_CASE("twice/\/\/ &/' "$scratch/book/tests/test_twice.cpp"
turns_red "a test that is commented out" "has no test of the name 'twice is double, always'"

fresh_book
sed -i 's/^<!-- output: chapter 2 -->$/& /' "$page"
turns_red "a directive with a slip" "'<!-- output: chapter 2 -->' is no directive"

fresh_book
sed -i '/^<!-- output: chapter 2 -->$/d' "$page"
turns_red "a block that has lost its directive" "a block that no directive writes"

fresh_book
sed -i 's/(100, /(200, /' "$book/01-doubling/drawing.py"
turns_red "a drawing that is not the script's" 'drawing.svg is stale'

fresh_book
rm "$book/01-doubling/drawing.py" "$book/01-doubling/drawing.svg"
turns_red "no drawing" "has no drawing.svg"

fresh_book
sed -i '/^## The picture$/d' "$page"
turns_red "a section that is missing" "the sections are"

fresh_book
sed -i 's/^`twice` it is/`double_it` it is/' "$page"
turns_red "a name that no source has" "no source has the name 'double_it'"

fresh_book
sed -i 's/^`twice` it is/`--twice-as-much` it is/' "$page"
turns_red "nor an option" "no source has the name 'twice-as-much'"

fresh_book
sed -i 's/^<!-- output: chapter 2 -->/<!-- outputs: chapter 2 -->/' "$page"
turns_red "a misspelt directive" "'<!-- outputs: chapter 2 -->' is no directive"
turns_red "and the block that it leaves behind" "README.md:[0-9]+: a block that no directive writes"
turns_red "no output" "'output: chapter' is there 0 times; wanted it"

fresh_book
sed -i 's/^<!-- break: .* -->/&\n\n&/' "$page"
turns_red "two breaks, of which one would be shown twice" "'break' is there 2 times; wanted once"

fresh_book
sed -i '/^<!-- output: broken -->/,/^```$/d' "$page"
turns_red "a break that nobody runs" "'output: broken' is there 0 times; wanted once"

fresh_book
sed -i '/^<!-- test: /,/^```$/d' "$page"
turns_red "a page without a test" "'test' is there 0 times; wanted it"

fresh_book
sed -i 's/<code>even</<code>twice</' "$page"
turns_red "a solution that isn't shown" "the code of the solution 'twice' is not shown"

fresh_book
sed -i '/<summary>.*even/d' "$page"
turns_red "an exercise without one" "has 1 solutions; wanted two"

fresh_book
sed -i '/drawing.svg/d' "$page"
turns_red "a drawing that nobody sees" "does not show drawing.svg"

fresh_book
printf '\n<!-- content -->\n' >>"$book/README.md"
turns_red "a misspelt directive among the contents" "'<!-- content -->' is no directive"

fresh_book
yes '// a line' | head -n 120 >>"$book/01-doubling/chapter.cpp"
turns_red "a program that is too long" "has 123 lines"

fresh_book
sed -i 's/^# 1. Doubling/# 1. Halving/' "$page"
turns_red "contents with another title" "book/docs/walkthrough/README.md is stale"

finish
