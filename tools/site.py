#!/usr/bin/env python3
"""Builds the site: the walkthrough, the documents and the reference of the public headers, as HTML.

    tools/site.py FOLDER

Pages are the repository's own Markdown files. They are laid out in FOLDER-work, where links into the sources
become links to pages that show them; doxygen reads the headers, Sphinx makes pages of both, and
tools/check_links.py follows every link. A warning of any of them is an error. `make deps-docs` installs them.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADERS = "include/colonnade"
LANGUAGES = {".cpp": "cpp", ".hpp": "cpp", ".sh": "bash", ".py": "python", ".mk": "make", "": "text"}


class Site:
    """Everything that goes into the work folder's pages."""

    def __init__(self, pages):
        self.pages = pages
        self.shown = set()  # sources that some page links to, relative to the root
        markdown = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
        markdown += sorted((ROOT / "docs").rglob("*.md"))
        self.markdown = {path.relative_to(ROOT).as_posix() for path in markdown} - {"docs/site/index.md"}

    def lay_out(self):
        index = (ROOT / "docs/site/index.md").read_text()
        others = [name for name in sorted(self.markdown) if name.count("/") == 1 and f"<{name[:-3]}>" not in index]
        self.write("index.md", index.replace("OTHER DOCUMENTS\n", "".join(f"{name[:-3]}\n" for name in others)))
        for name in sorted(self.markdown):
            self.write(name, self.with_links(name, (ROOT / name).read_text()))
        for drawing in sorted((ROOT / "docs").rglob("*.svg")):
            self.write(drawing.relative_to(ROOT).as_posix(), drawing.read_text())
        self.lay_out_reference()
        while waiting := {name for name in self.shown if not (self.pages / page_of(name)).exists()}:
            for name in sorted(waiting):
                self.write(page_of(name), self.source_page(name))
        shutil.copytree(ROOT / "docs/site/static", self.pages / "site/static")

    def write(self, name, text):
        path = self.pages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def with_links(self, name, text):
        """The page `name` with links into the repository led to pages of the site."""
        parts = re.split(r"(^ *```.*?^ *```|`[^`\n]+`)", text, flags=re.M | re.S)
        for i in range(0, len(parts), 2):  # the others are code
            parts[i] = re.sub(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)", lambda m: self.link(name, m), parts[i])
            parts[i] = re.sub(r"<!-- code: ([^:\s]+): .*?-->", lambda m: self.origin(name, m), parts[i])
        text = "".join(parts)
        if name == "docs/walkthrough/README.md" and any((ROOT / name).parent.glob("*/README.md")):
            text += "\n```{toctree}\n:hidden:\n:glob:\n\n*/README\n```\n"
        return text

    def link(self, page, match):
        folder = Path(page).parent
        target = Path(os.path.normpath(folder / match[1])).as_posix()
        fragment = match[2] or ""
        if (ROOT / target / "README.md").exists() and target != ".":
            target += "/README.md"
        if not (ROOT / target).exists():
            sys.exit(f"{page} links to {match[1]}, which is not there")
        if target in self.markdown or target.endswith(".svg"):
            return f"]({os.path.relpath(target, folder)}{fragment})"
        return f"]({self.show(target, folder)})"

    def origin(self, page, match):
        """Above code that was extracted from a source: which one, as a link."""
        folder = Path(page).parent
        own = (folder / match[1]).as_posix()
        source = own if (ROOT / own).exists() else match[1]
        return f"From [{match[1]}]({self.show(source, folder)}):\n"

    def show(self, source, folder):
        self.shown.add(source)
        return os.path.relpath(page_of(source), folder)

    def source_page(self, name):
        folder = Path(page_of(name)).parent
        lines = ["---", "orphan: true", "---", "", f"# {name}", ""]
        path = ROOT / name
        if path.is_dir():
            files = sorted(f for f in path.iterdir() if f.suffix in LANGUAGES and f.is_file())
            lines += [f"- [{f.name}]({self.show(f.relative_to(ROOT).as_posix(), folder)})" for f in files]
        else:
            if path.parent == ROOT / HEADERS:
                reference = os.path.relpath(f"api/{path.stem}.md", folder)
                lines += [f"[Reference]({reference})", ""]
            language = LANGUAGES.get(path.suffix, "text")
            lines += [f"~~~~~~{{code-block}} {language}", ":linenos:", "", path.read_text(), "~~~~~~"]
        return "\n".join(lines) + "\n"

    def lay_out_reference(self):
        """A page for each public header, in the order of the table of docs/architecture.md."""
        index = ["# API reference", "",
                 "The public headers, in the order of the data. All names are in the namespace `colonnade`; `Scalar` "
                 "is float or double for the whole build.", ""]
        missing = {path.name for path in (ROOT / HEADERS).glob("*.hpp")}
        for line in (ROOT / "docs/architecture.md").read_text().splitlines():
            if group := re.match(r"\| \*\*(.*)\*\* \| \|", line):
                index += ["", f"**{group[1].capitalize()}**", ""]
            row = re.match(r"\| (.*?) \| (.*) \|", line)
            for name in re.findall(r"`([a-z_0-9]+\.hpp)`", row[1]) if row else []:
                if name in missing:
                    missing.remove(name)
                    index.append(f"- [{name}]({Path(name).stem}.md): {row[2]}")
                    self.write(f"api/{Path(name).stem}.md", self.reference_page(name))
        if missing:
            sys.exit(f"docs/architecture.md has no row for {', '.join(sorted(missing))}")
        names = [re.match(r"- \[(\w+)\.hpp", line)[1] for line in index if line.startswith("- [")]
        index += ["", "```{toctree}", ":hidden:", "", *names, "```", ""]
        self.write("api/index.md", "\n".join(index))

    def reference_page(self, name):
        source = f"{HEADERS}/{name}"
        opening = []
        for line in (ROOT / source).read_text().splitlines():
            if not line.startswith("//"):
                break
            opening.append(line[2:].removeprefix(" "))
        return "\n".join([f"# {name}", "", *paragraphs(opening), "",
                          f"`#include \"colonnade/{name}\"`, [the header itself]({self.show(source, Path('api'))})",
                          "", f"```{{doxygenfile}} colonnade/{name}", "```", ""])


def page_of(source):
    return f"source/{source}.md"


def paragraphs(lines):
    """A comment's text as Markdown: what is indented in it is a table or code and stays as it is."""
    result, indented = [], False
    for line in [*lines, ""]:
        is_indented = line.startswith("  ") or (indented and not line)
        if is_indented != indented:
            result += ["", "```text"] if is_indented else ["```", ""]
        indented = is_indented
        result.append(line if indented else re.sub(r"([*<>_`\[\]])", r"\\\1", line))
    return result + (["```"] if indented else [])


def run(command, what, **options):
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing; `make deps-docs` installs it")
    if done.returncode != 0:
        sys.exit(f"{what} failed:\n{done.stdout.replace(str(ROOT) + '/', '')}")


def mend_theme(site):
    """Debian packs Furo's styles and scripts in pieces that only a web server can put together, and has left out
    the dark colours for systems that are dark. Nothing happens where Furo came whole, as from elsewhere."""
    style, script = site / "_static/styles/furo.css", site / "_static/scripts/furo.js"
    text = style.read_text()
    elsewhere = "@import url(/javascript/normalize.css/normalize.css)"
    if elsewhere in text:
        shutil.copy("/usr/share/javascript/normalize.css/normalize.css", style.parent)
        text = text.replace(elsewhere, "@import url(normalize.css)")
    dark = re.search(r'body\[data-theme="dark"\] {(.*?)}', text, re.S)
    if dark and "prefers-color-scheme" not in text:
        text += f'@media (prefers-color-scheme: dark) {{ body:not([data-theme="light"]) {{{dark[1]}}} }}\n'
    style.write_text(text)
    first, _, rest = script.read_text().partition("\n")
    if first == 'import Gumshoe from "./gumshoe-patched.js";':
        script.write_text((script.parent / "gumshoe-patched.js").read_text() + rest)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    site = Path(sys.argv[1]).resolve()
    work = site.with_name(site.name + "-work")
    for folder in (site, work / "pages"):
        shutil.rmtree(folder, ignore_errors=True)
    Site(work / "pages").lay_out()
    settings = (ROOT / "docs/site/Doxyfile").read_text() + f'OUTPUT_DIRECTORY = "{work / "doxygen"}"\n'
    (work / "doxygen").mkdir(parents=True, exist_ok=True)
    run(["doxygen", "-"], "doxygen", input=settings)
    shutil.copy(ROOT / "docs/site/conf.py", work / "pages/conf.py")
    run(["sphinx-build", "-q", "-W", "--keep-going", "-j", "auto", "-d", str(work / "doctrees"), "-b", "html",
         str(work / "pages"), str(site)], "sphinx-build")
    mend_theme(site)
    run([sys.executable, "tools/check_links.py", str(site)], "checking links")
    print(f"{site.relative_to(Path.cwd()) if site.is_relative_to(Path.cwd()) else site}/index.html")


if __name__ == "__main__":
    main()
