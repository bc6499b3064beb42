#!/usr/bin/env python3
"""Checks a folder of HTML pages: that links lead somewhere, and that no page needs the network.

    tools/check_links.py FOLDER

Each link between pages must lead to a file and, if it names one, to a place in it. What a page loads (images,
styles, scripts, fonts) must be in the folder; links for a reader to follow outwards are not looked at.
"""
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"),
          ("object", "data"), ("embed", "src"), ("video", "src")}


class Page(HTMLParser):
    """What a page links to, as (line, address, whether it is loaded), and the places in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.places.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        for key in ("href", "src", "data"):
            if attributes.get(key) and (key != "data" or tag == "object"):
                loaded = (tag, key) in LOADED and attributes.get("rel") not in ("search", "index", "next", "prev")
                self.links.append((self.getpos()[0], attributes[key], loaded))


def check(folder):
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    problems, count = [], 0
    for path, page in pages.items():
        for line, address, loaded in page.links:
            where = f"{path.relative_to(folder)}:{line}"
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    problems.append(f"{where}: loads {address} from the network")
                continue
            count += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                problems.append(f"{where}: {address} leads to no file")
            elif folder not in target.parents:
                problems.append(f"{where}: {address} leads out of the folder")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                problems.append(f"{where}: {address} leads to no place in that page")
    for style in sorted(folder.rglob("*.css")):
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", style.read_text()):
            address = "".join(address)
            where = style.relative_to(folder)
            if urlsplit(address).netloc:
                problems.append(f"{where}: loads {address} from the network")
            elif not address.startswith(("data:", "#")) and not (style.parent / urlsplit(address).path).is_file():
                problems.append(f"{where}: {address} leads to no file")
    return len(pages), count, problems


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(__doc__)
    pages, links, problems = check(Path(sys.argv[1]).resolve())
    print(*problems, f"{links} links in {pages} pages, {len(problems)} broken", sep="\n")
    sys.exit(1 if problems or not links else 0)


if __name__ == "__main__":
    main()
