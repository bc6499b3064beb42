"""What the drawings of docs/walkthrough are made of: matrices in bands of their owners, arrows, words.

A chapter's drawing.py says `from draw import Drawing`, draws, and prints the drawing; `make docs-update`
writes what it prints to drawing.svg. Lengths are pixels, y points down, ranks are numbered from 0.
"""

from html import escape

WIDTH = 720
CELL = 22  # the side of one element of a matrix
INK = "#24292f"
PALE = "#8c959f"
SHARED = "#c9ced6"  # what every rank has, or nobody in particular
RANKS = ["#3b6fb6", "#d9822b", "#3a9a6b", "#8a5fbf"]


def colour_of(rank):
    """The colour of a rank; None stands for all ranks alike."""
    return SHARED if rank is None else RANKS[rank]


class Drawing:
    """An SVG in the making. `title` is what a screen reader says in its place."""

    def __init__(self, height, title):
        self.height = height
        self.title = title
        self.parts = []

    def text(self, x, y, words, anchor="start", size=14, colour=INK, bold=False):
        """Words whose baseline starts, ends or (anchor="middle") is centred at (x, y)."""
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}>'
            f"{escape(words)}</text>"
        )

    def box(self, x, y, width, height, fill="none", stroke=INK, dashed=False, radius=0):
        """A rectangle: around the things of a rank, say."""
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}"'
            f' stroke="{stroke}"{dashes}/>'
        )

    def matrix(self, x, y, rows, bands, label="", note="", by="columns", cell=CELL, numbers=None):
        """A matrix, its upper left corner at (x, y), cut into bands of columns or of rows.

        bands    [(count, rank), ...], or (count, rank, "partial") where the numbers are a part of a
                 sum, or (count, rank, "empty") where nothing is yet; rank None: on every rank
        rows     how many rows; with by="rows" the number of columns, and bands count rows
        label    above it; note, smaller and paler, below it
        numbers  what to write into the cells, a list of rows
        Returns (width, height).
        """
        along = sum(band[0] for band in bands) * cell
        width, height = (along, rows * cell) if by == "columns" else (rows * cell, along)
        at = 0
        for count, rank, *state in bands:
            left, top = (x + at, y) if by == "columns" else (x, y + at)
            wide, high = (count * cell, height) if by == "columns" else (width, count * cell)
            self._band(left, top, wide, high, rank, state[0] if state else "")
            at += count * cell
        self._grid(x, y, width, height, cell)
        for i, row in enumerate(numbers or []):
            for j, number in enumerate(row):
                self.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell + 4, str(number), "middle", 12)
        if label:
            self.text(x + width / 2, y - 8, label, "middle", bold=True)
        if note:
            self.text(x + width / 2, y + height + 17, note, "middle", 12, "#57606a")
        return width, height

    def _band(self, x, y, width, height, rank, state):
        place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
        colour = colour_of(rank)
        if state == "partial":
            name = "all" if rank is None else rank
            self.parts.append(f'<rect {place} fill="url(#partial-{name})"/>')
        elif state != "empty":
            self.parts.append(f'<rect {place} fill="{colour}" fill-opacity="0.55"/>')
        dashes = ' stroke-dasharray="4 3"' if state == "empty" else ""
        self.parts.append(f'<rect {place} fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')

    def _grid(self, x, y, width, height, cell):
        lines = [f"M{at} {y}v{height}" for at in _between(x, width, cell)]
        lines += [f"M{x} {at}h{width}" for at in _between(y, height, cell)]
        if lines:
            path = "".join(lines)
            self.parts.append(f'<path d="{path}" stroke="#ffffff" stroke-opacity="0.7" fill="none"/>')

    def arrow(self, x1, y1, x2, y2, label="", rank=None, dashed=False):
        """A message or a step from (x1, y1) to (x2, y2), its label above the middle."""
        colour = INK if rank is None else RANKS[rank]
        head = "ink" if rank is None else rank
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{colour}" stroke-width="1.8" fill="none"'
            f' marker-end="url(#head-{head})"{dashes}/>'
        )
        if label:
            self.text((x1 + x2) / 2, (y1 + y2) / 2 - 7, label, "middle", 13)

    def line(self, points, colour=INK, width=2, dashed=False):
        """A line through [(x, y), ...]: a curve, an axis."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="{path}" stroke="{colour}" stroke-width="{width}" fill="none"{dashes}/>'
        )

    def dot(self, x, y, colour=INK):
        """A point of a curve."""
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="4.5" fill="{colour}"/>')

    def legend(self, x, y, entries):
        """Swatches in a row, each with its words: [(rank, words), ...] or (rank, words, "partial")."""
        for rank, words, *state in entries:
            self._band(x, y - 11, 14, 14, rank, state[0] if state else "")
            self.text(x + 21, y + 1, words, size=13)
            x += 21 + 7 * len(words) + 24

    def __str__(self):
        hatches = [(str(rank), colour) for rank, colour in enumerate(RANKS)] + [("all", SHARED)]
        body = "\n".join(self.parts)
        definitions = [_hatch(name, colour) for name, colour in hatches if f"#partial-{name})" in body]
        heads = [("ink", INK)] + [(str(rank), colour) for rank, colour in enumerate(RANKS)]
        definitions += [_head(name, colour) for name, colour in heads if f"#head-{name})" in body]
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.height}"'
                f' viewBox="0 0 {WIDTH} {self.height}" font-family="system-ui, sans-serif" role="img">',
                f"<title>{escape(self.title)}</title>",
                *(["<defs>", *definitions, "</defs>"] if definitions else []),
                # Of its own, so that it is read as well on a dark page.
                f'<rect width="{WIDTH}" height="{self.height}" rx="8" fill="#f6f8fa"/>',
                body,
                "</svg>",
            ]
        )


def _between(start, length, step):
    return [start + i * step for i in range(1, round(length / step))]


def _hatch(name, colour):
    return (
        f'<pattern id="partial-{name}" width="8" height="8" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><rect width="8" height="8" fill="#ffffff"/>'
        f'<rect width="4" height="8" fill="{colour}" fill-opacity="0.6"/></pattern>'
    )


def _head(name, colour):
    return (
        f'<marker id="head-{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7"'
        f' markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/></marker>'
    )
