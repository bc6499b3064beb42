#!/usr/bin/env python3
"""Keeps docs/walkthrough true: fills its pages with code, output and commands, and tells when they are stale.

    walkthrough.py run [NN...]      run the chapters' programs and print what a reader will see
    walkthrough.py update [NN...]   write code, output, commands and drawings into the pages
    walkthrough.py check [NN...]    fail if any of it is not what it would be, or a solution is wrong
    walkthrough.py break CHAPTER    print the chapter's program with the line changed that breaks it

A page asks for what it shows by comments. The tool writes the block below each:

    <!-- code: FILE: MARKER -->                  the definition or statement that starts in the only line
                                                 that contains MARKER, with the comment above it
    <!-- code: FILE: MARKER (lines N) -->        N lines from there on
    <!-- code: FILE: MARKER (until TEXT) -->     all lines to the first one that contains TEXT
    <!-- output: chapter ARGUMENTS -->           what the chapter's program prints; it must succeed
    <!-- break: OLD ==> NEW -->                  the line of chapter.cpp that OLD is in, and its changed form
    <!-- output: broken -->                      how what it prints changes by that; it must exit with 1
    <!-- test: FILE: NAME -->                    the command that runs this test
    <!-- neighbours -->                          links to the chapters before and after
    <!-- contents -->                            links to all chapters

FILE is beside the page or else counted from the root of the repository. Blocks of the repository's code and
output that no directive writes are refused, and so are `names` in the sentences that no source has. python3,
no packages.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

DIRECTIVE = re.compile(r"^<!-- (code|output|break|test|neighbours|contents)(?:: (.*))? -->$")
SECTIONS = ["The formula", "The picture", "The code", "Run it", "The test that proves it", "Exercises"]
SOURCES = (".cpp", ".hpp", ".mk", ".py", ".sh")
LONGEST_PROGRAM = 119  # lines
TIME_LIMIT = 180  # seconds; nothing here takes more than a few


class Problem(Exception):
    """Something that a page asks for and cannot have."""


class Chapter:
    """A folder of docs/walkthrough and its programs."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.page = folder / "README.md"
        self.number = folder.name[:2]
        self.programs = programs / folder.name

    def title(self):
        return self.page.read_text().split("\n", 1)[0].removeprefix("# ")

    def run(self, program, arguments=()):
        """Exit code and standard output of a program, run in an empty folder."""
        path = (self.programs / program).resolve()
        if not path.exists():
            raise Problem(f"{path.name} of {self.folder.name} is not built; use make")
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [path, *arguments],
                cwd=empty,
                env={**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                timeout=TIME_LIMIT,
                check=False,
            )
        # What a program says on standard error is shown where it fails and by nobody else.
        return done.returncode, done.stdout, done.stderr


# --- Code ----------------------------------------------------------------------------------------


def only_line_with(lines, marker, path):
    """The index of the one line that contains the marker."""
    found = [i for i, line in enumerate(lines) if marker in line]
    if len(found) != 1:
        where = ", in lines " + ", ".join(str(i + 1) for i in found) if found else ""
        raise Problem(f"{path}: '{marker}' is there {len(found)} times{where}; wanted once")
    return found[0]


def is_comment(line, path):
    return line.lstrip().startswith("#" if path.suffix in (".py", ".sh") else "//")


def end_of_definition(lines, first, path):
    """The index of the line that ends what starts in line `first`: with ; or } outside of all brackets."""
    depth = 0
    for i in range(first, len(lines)):
        code = re.sub(r'"(?:\\.|[^"\\])*"', '""', lines[i])
        code = re.sub(r"'(?:\\.|[^'\\])'", "' '", code)
        code = re.sub(r"//.*", "", code).rstrip()
        depth += sum(code.count(c) for c in "({[") - sum(code.count(c) for c in ")}]")
        if depth <= 0 and code.endswith((";", "}")):
            return i
    raise Problem(f"{path}: what starts in line {first + 1} does not end")


def extract(path, shown_path, request):
    """The lines that a code directive asks for, without their common indentation."""
    match = re.fullmatch(r"(.*?)(?: \((lines|until) (.*)\))?", request)
    marker, form, detail = match.groups()
    lines = path.read_text().split("\n")
    marked = only_line_with(lines, marker, shown_path)
    first = marked
    while first > 0 and is_comment(lines[first - 1], path):
        first -= 1
    if form == "lines":
        last = marked + int(detail) - 1
        if last >= len(lines):
            raise Problem(f"{shown_path}: fewer than {detail} lines from '{marker}' on")
    elif form == "until":
        last = next((i for i in range(marked, len(lines)) if detail in lines[i]), None)
        if last is None:
            raise Problem(f"{shown_path}: no '{detail}' after '{marker}'")
    else:
        begin = marked
        while is_comment(lines[begin], path):
            begin += 1
        last = end_of_definition(lines, begin, shown_path)
    return textwrap.dedent("\n".join(lines[first : last + 1]))


def located(root, chapter, name):
    """A file beside the page, or else of the repository."""
    for path in (chapter.folder / name, root / name):
        if path.is_file():
            return path
    raise Problem(f"there is no {name}, neither beside the page nor in the repository")


def broken(chapter):
    """The chapter's program with its line broken: (program, line before, line after)."""
    for line in chapter.page.read_text().split("\n"):
        match = DIRECTIVE.match(line)
        if match and match[1] == "break":
            old, arrow, new = match[2].partition(" ==> ")
            if not arrow:
                raise Problem("a break needs OLD ==> NEW")
            source = chapter.folder / "chapter.cpp"
            lines = source.read_text().split("\n")
            at = only_line_with(lines, old, source.name)
            before, after = lines[at], lines[at].replace(old, new)
            lines[at] = after
            return "\n".join(lines), before.strip(), after.strip()
    raise Problem(f"{chapter.page} has no break")


# --- Blocks of a page ----------------------------------------------------------------------------


def code_block(root, chapter, request):
    name, colon, marker = request.partition(": ")
    if not colon:
        raise Problem("code needs FILE: MARKER")
    path = located(root, chapter, name)
    language = {".py": "python", ".sh": "sh"}.get(path.suffix, "cpp")
    return [f"```{language}", *extract(path, name, marker).split("\n"), "```"]


def output_block(root, chapter, request):
    program, *arguments = request.split()
    wanted = 1 if program == "broken" else 0  # 1 is a check that failed, others are crashes
    code, output, errors = chapter.run(program, arguments)
    if code != wanted:
        raise Problem(f"{program} ended with status {code}; wanted {wanted}\n{output}{errors}")
    if program == "broken":
        return ["```diff", *changes(chapter.run("chapter")[1], output), "```"]
    return ["```text", *output.rstrip("\n").split("\n"), "```"]


def changes(before, after):
    """The lines that differ, with one around them and dots where others are left out."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    changed = [" ..." if line.startswith("@@") else line for line in list(lines)[2:]]
    return changed[1:] if changed[:1] == [" ..."] else changed


def break_block(root, chapter, request):
    _, before, after = broken(chapter)
    return ["```diff", f"-{before}", f"+{after}", "```"]


def test_block(root, chapter, request):
    name, _, test = request.partition(": ")
    path = located(root, chapter, name)
    text = re.sub(r'"\s*\n\s*"', "", path.read_text())  # a name may go on in the next line
    if path.suffix == ".sh":
        if f'"{test}"' not in text:
            raise Problem(f"{name} has no test of the name '{test}'")
        return ["```sh", f"make && bash {name}", "```"]
    # At the beginning of a line: what is commented out is no test.
    match = re.search(r'^(RANKS_)?TEST_CASE\(\s*"' + re.escape(test) + r'"(?:,\s*"([^"]*)")?', text, re.M)
    if not match:
        raise Problem(f"{name} has no test of the name '{test}'")
    tests = "build/cpu-openblas/double/tests"
    several = match[1] is not None
    on_processes = several and re.match(r"(processes|mpi)\b", match[2] or "")
    start = f"mpiexec -n 2 {tests} --fitting" if on_processes else tests
    start += " --threads" if several and not on_processes else ""
    start += " --fitting" if not several else ""
    pattern = test.replace("\\", "\\\\").replace(",", "\\,").replace("'", "'\\''")
    pattern += "*" if several else ""  # the harness adds the counts of ranks to the name
    return ["```sh", f"make {tests}", f"{start} --test-case='{pattern}'", "```"]


def neighbours_block(chapters, chapter):
    at = chapters.index(chapter)
    links = ["[All chapters](../README.md)"]
    if at > 0:
        before = chapters[at - 1]
        links.insert(0, f"Before: [{before.title()}](../{before.folder.name}/README.md)")
    if at + 1 < len(chapters):
        after = chapters[at + 1]
        links.append(f"Next: [{after.title()}](../{after.folder.name}/README.md)")
    return [" · ".join(links)]


def contents_block(chapters):
    def entry(chapter):
        number, _, words = chapter.title().partition(" ")
        return f"{number} [{words}]({chapter.folder.name}/README.md)"

    return [entry(chapter) for chapter in chapters]


def end_of_block(lines, start, kind):
    """Where the block that a directive wrote before ends, if lines[start] begins one: the index after it."""
    if start >= len(lines):
        return start
    if kind in ("neighbours", "contents"):  # a paragraph
        return next((i for i in range(start, len(lines)) if not lines[i]), len(lines))
    if not lines[start].startswith("```"):
        return start
    return next((i + 1 for i in range(start + 1, len(lines)) if lines[i] == "```"), len(lines))


def rewritten(root, chapters, chapter, page):
    """The text of a page with every block as it should be, and the problems met on the way."""
    lines = page.read_text().split("\n")
    result, problems, i = [], [], 0
    blocks = {"code": code_block, "output": output_block, "break": break_block, "test": test_block}
    while i < len(lines):
        result.append(lines[i])
        match = DIRECTIVE.match(lines[i])
        i += 1
        if not match:
            continue
        end = end_of_block(lines, i, match[1])
        try:
            if match[1] == "contents":
                result += contents_block(chapters)
            elif match[1] == "neighbours":
                result += neighbours_block(chapters, chapter)
            else:
                result += blocks[match[1]](root, chapter, match[2] or "")
        except (Problem, subprocess.TimeoutExpired) as problem:
            problems.append(f"{page}:{i}: {problem}")
            result += lines[i:end]
        i = end
    return "\n".join(result), problems


# --- Chapters ------------------------------------------------------------------------------------


def unguarded(page):
    """What on a page looks as if it were checked and is not: a misspelt directive, a block without one."""
    written_by, in_block = None, False
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if line.startswith("```"):
            # Formulas have no language; what is none of the repository's own, as Python, is quoted.
            if not in_block and line[3:] in ("cpp", "sh", "text", "diff") and not written_by:
                yield f"{page}:{number}: a block that no directive writes"
            in_block = not in_block
        elif not in_block and "<!--" in line and not DIRECTIVE.match(line):
            yield f"{page}:{number}: '{line.strip()}' is no directive"
        written_by = DIRECTIVE.match(line)


def unknown_names(root, chapter):
    """Words in `code` of a page's sentences that neither a source nor a block of the page has."""
    sources = [root / "Makefile", chapter.folder.parent / "common.hpp", *chapter.folder.glob("*.cpp")]
    for folder in ("include", "src", "tools"):
        sources += [path for path in sorted((root / folder).rglob("*")) if path.suffix in SOURCES]
    known = f"chapter-{chapter.number} " + "\n".join(p.read_text() for p in sources if p.is_file())
    text = chapter.page.read_text()
    known += "".join(re.findall(r"^```.*?^```$", text, re.M | re.S))
    words = set(re.findall(r"\w+", known))
    prose = re.sub(r"^```.*?^```$|^<!--.*?-->$", "", text, flags=re.M | re.S)
    for span in re.findall(r"`([^`]+)`|<code>(.*?)</code>", prose):
        for name in re.findall(r"\w+(?:-\w+)*", "".join(span)):
            # Names with hyphens are options and exhibits of the zoo: the sources have them in quotes.
            if not (name in words or "-" in name and name in known):
                yield f"{chapter.page}: no source has the name '{name}'"


def form_problems(root, chapter):
    """What a chapter lacks: sections in their order, a drawing, exercises, a short program, checks."""
    text = chapter.page.read_text()
    yield from unguarded(chapter.page)
    yield from unknown_names(root, chapter)
    if "](drawing.svg)" not in text:
        yield f"{chapter.page} does not show drawing.svg"
    directives = [match for match in map(DIRECTIVE.match, text.split("\n")) if match]
    for name, least, most in (("output: chapter", 1, 9), ("output: broken", 1, 1), ("break", 1, 1), ("test", 1, 9)):
        found = sum(1 for match in directives if f"{match[1]}: {match[2]}".startswith(name))
        if not least <= found <= most:
            yield f"{chapter.page}: '{name}' is there {found} times; wanted {'once' if most == 1 else 'it'}"
    solutions = re.findall(r"<summary>Solution: <code>solutions.cpp</code>, <code>(\w+)</code></summary>", text)
    if len(solutions) != 2:
        yield f"{chapter.page} has {len(solutions)} solutions; wanted two"
    for name in solutions:
        if not re.search(rf"^<!-- code: solutions.cpp: .*\b{name}\b", text, re.M):
            yield f"{chapter.page}: the code of the solution '{name}' is not shown"
    if not re.match(rf"# {int(chapter.number)}\. \S", text):
        yield f"{chapter.page}:1: wanted the title '# {int(chapter.number)}. ...'"
    # Fenced blocks hold text of programs, in which '## ' means something else.
    headings = re.findall(r"^## (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    if headings != SECTIONS:
        yield f"{chapter.page}: the sections are {headings}; wanted {SECTIONS}"
    length = len((chapter.folder / "chapter.cpp").read_text().splitlines())
    if length > LONGEST_PROGRAM:
        yield f"{chapter.folder}/chapter.cpp has {length} lines; wanted at most {LONGEST_PROGRAM}"


def drawn(root, chapter):
    """What the chapter's drawing.py prints; None if its drawing was made by hand."""
    script = chapter.folder / "drawing.py"
    if not script.exists():
        return None
    environment = {**os.environ, "PYTHONPATH": str(root / "tools"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Problem(f"{script} failed\n{done.stderr}")
    return done.stdout


def settle(path, wanted, update):
    """Writes a file that is not as wanted, or says in which lines it is not."""
    found = path.read_text() if path.exists() else ""
    if found == wanted:
        return []
    if update:
        path.write_text(wanted)
        print(f"updated {path}")
        return []
    difference = "\n".join(
        difflib.unified_diff(found.split("\n"), wanted.split("\n"), "as it is", "as it should be", "", "", 1, "")
    )
    return [f"{path} is stale; make docs-update brings it up to date\n{difference}"]


def visit(root, chapters, chapter, update):
    """Checks or updates one chapter; returns its problems."""
    problems = list(form_problems(root, chapter))
    text, found = rewritten(root, chapters, chapter, chapter.page)
    problems += found + settle(chapter.page, text, update)
    drawing = chapter.folder / "drawing.svg"
    try:
        svg = drawn(root, chapter)
        if svg is not None:
            problems += settle(drawing, svg, update)
        elif not drawing.exists():
            problems.append(f"{chapter.folder} has no drawing.svg")
        code, output, errors = chapter.run("solutions")
        if code != 0:
            problems.append(f"{chapter.folder}: solutions ended with status {code}\n{output}{errors}")
    except (Problem, subprocess.TimeoutExpired) as problem:
        problems.append(str(problem))
    return problems


def run_chapters(chapters):
    """Prints title and output of every chapter."""
    failed = 0
    for chapter in chapters:
        title = chapter.title()
        print(f"{title}\n{'=' * len(title)}\n", flush=True)
        code, output, errors = chapter.run("chapter")
        print(output)
        if code != 0:
            failed += 1
            print(f"{errors}{chapter.folder.name} failed with status {code}\n", file=sys.stderr)
    print(f"{len(chapters)} chapters, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Runs, checks or updates docs/walkthrough.")
    parser.add_argument("command", choices=["run", "update", "check", "break"])
    parser.add_argument("chapters", nargs="*", help="numbers, 05; all if there is none")
    parser.add_argument("--root", type=Path, default=Path("."), help="the repository")
    parser.add_argument(
        "--programs", type=Path, default=Path("build/cpu-openblas/double/docs/walkthrough"),
        help="where the chapters' programs are, a folder for each",
    )
    options = parser.parse_args()
    book = options.root / "docs" / "walkthrough"
    every = [
        Chapter(page.parent, options.programs) for page in sorted(book.glob("[0-9][0-9]-*/README.md"))
    ]
    wanted = [c for c in every if not options.chapters or c.number in options.chapters]
    if len(wanted) < len(set(options.chapters)) or not wanted:
        parser.error(f"wanted chapters among {' '.join(c.number for c in every)}")

    try:
        if options.command == "break":
            print(broken(wanted[0])[0], end="")
            return 0
        if options.command == "run":
            return 1 if run_chapters(wanted) else 0
    except (Problem, subprocess.TimeoutExpired) as problem:
        print(problem, file=sys.stderr)
        return 1

    update = options.command == "update"
    problems = []
    for chapter in wanted:
        problems += visit(options.root, every, chapter, update)
    text, found = rewritten(options.root, every, None, book / "README.md")
    problems += found + settle(book / "README.md", text, update) + list(unguarded(book / "README.md"))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(wanted)} chapters, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
