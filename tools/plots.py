#!/usr/bin/env python3
"""Draws docs/*.svg from the JSON files of `colonnade bench`, with the standard library alone.

    tools/plots.py FOLDER-OF-JSON FOLDER-FOR-SVG

step-by-size.svg   time of a step over the width of its layers, and its limit, a line for each number of ranks
step-by-ranks.svg  the same times over the number of ranks, a line for each width
step-parts.svg     what a step spends its time on, a bar for each width on two ranks
"""
import json
import math
import sys
from pathlib import Path
from xml.sax.saxutils import escape

# Okabe and Ito's colours, which people who see few colours can tell apart.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555"]
WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 76, 168, 48, 56


def duration(seconds):
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit * 0.9999:
            return f"{seconds / unit:g} {name}"
    return f"{seconds * 1e9:g} ns"


class Drawing:
    """Lines of SVG. The origin is the upper left corner, as SVG has it."""

    def __init__(self, title):
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        ]
        self.text(LEFT, 26, title, size=15)

    def text(self, x, y, text, anchor="start", size=12, turn=False, colour="#222222"):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.lines.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
            f' fill="{colour}"{turned}>{escape(text)}</text>'
        )

    def line(self, x1, y1, x2, y2, colour="#dddddd", width=1.0, dash=""):
        self.path([(x1, y1), (x2, y2)], colour, width, dash)

    def path(self, points, colour, width=2.0, dash=""):
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.lines.append(
            f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'
        )

    def dot(self, x, y, colour):
        self.lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def box(self, x, y, width, height, colour):
        self.lines.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
        )

    def write(self, path):
        path.write_text("\n".join(self.lines + ["</svg>"]) + "\n", encoding="utf-8")


class LogAxes:
    """Both axes logarithmic: x by factors of 2, y by factors of 10."""

    def __init__(self, drawing, xs, ys, x_label, y_label):
        self.drawing = drawing
        self.x_low, self.x_high = math.log(min(xs)), math.log(max(xs))
        self.y_low = math.floor(math.log10(min(ys)))
        self.y_high = math.ceil(math.log10(max(ys)))
        for power in range(self.y_low, self.y_high + 1):
            y = self.y(10.0**power)
            drawing.line(LEFT, y, WIDTH - RIGHT, y, "#cccccc")
            drawing.text(LEFT - 8, y + 4, duration(10.0**power), "end")
            for digit in range(2, 10) if power < self.y_high else ():
                y = self.y(digit * 10.0**power)
                drawing.line(LEFT, y, WIDTH - RIGHT, y, "#f0f0f0")
        for x in sorted(set(xs)):
            drawing.line(self.x(x), TOP, self.x(x), HEIGHT - BOTTOM, "#eeeeee")
            drawing.text(self.x(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle")
        drawing.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label, "middle")
        drawing.text(20, (TOP + HEIGHT - BOTTOM) / 2, y_label, "middle", turn=True)

    def x(self, value):
        share = (math.log(value) - self.x_low) / ((self.x_high - self.x_low) or 1)
        return LEFT + 10 + share * (WIDTH - RIGHT - LEFT - 20)

    def y(self, value):
        share = (math.log10(value) - self.y_low) / ((self.y_high - self.y_low) or 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def series(self, points, colour, dash=""):
        places = [(self.x(x), self.y(y)) for x, y in sorted(points)]
        self.drawing.path(places, colour, 1.5 if dash else 2.0, dash)
        if not dash:
            for place in places:
                self.drawing.dot(*place, colour)


def legend(drawing, entries, title):
    """entries: (name, colour, dash or None for a filled box)"""
    x, y = WIDTH - RIGHT + 18, TOP + 8
    drawing.text(x, y, title, size=12)
    for name, colour, dash in entries:
        y += 20
        if dash is None:
            drawing.box(x, y - 10, 12, 12, colour)
        else:
            drawing.path([(x, y - 4), (x + 22, y - 4)], colour, 2.0, dash)
        drawing.text(x + (18 if dash is None else 28), y, name)


def width_of(run):
    return run["job"]["widths"][0]


def ranks_of(run):
    return run["machine"]["ranks"]


def step_by_size(runs, path):
    drawing = Drawing("Time of a training step by width: 4 layers, batch 64")
    times = [run["step"][key] for run in runs for key in ("limit_s",)]
    times += [run["step"]["time"]["median_s"] for run in runs]
    axes = LogAxes(drawing, [width_of(run) for run in runs], times, "width of each layer",
                   "time of a step, median")
    entries = []
    for colour, ranks in zip(COLOURS, sorted({ranks_of(run) for run in runs})):
        own = [run for run in runs if ranks_of(run) == ranks]
        axes.series([(width_of(run), run["step"]["time"]["median_s"]) for run in own], colour)
        if ranks <= 2:
            axes.series([(width_of(run), run["step"]["limit_s"]) for run in own], colour, "5 4")
        entries.append((f"{ranks} rank" + ("s" if ranks > 1 else ""), colour, ""))
        if ranks <= 2:
            entries.append(("its limit", colour, "5 4"))
    legend(drawing, entries, "one thread a rank")
    drawing.write(path)


def step_by_ranks(runs, path):
    drawing = Drawing("Time of a training step by ranks: 4 layers, batch 64, two cores")
    axes = LogAxes(drawing, [ranks_of(run) for run in runs],
                   [run["step"]["time"]["median_s"] for run in runs],
                   "ranks of one thread (1, 2: processes; 4, 8: threads of one process)",
                   "time of a step, median")
    entries = []
    for colour, width in zip(COLOURS, sorted({width_of(run) for run in runs}, reverse=True)):
        own = [run for run in runs if width_of(run) == width]
        axes.series([(ranks_of(run), run["step"]["time"]["median_s"]) for run in own], colour)
        entries.append((str(width), colour, ""))
    legend(drawing, entries, "width")
    drawing.write(path)


# The parts of a step, from the products at the bottom to what no part accounts for at the top.
PARTS = [
    ("products", lambda name: name.endswith("products")),
    ("activation", lambda name: name == "activation"),
    ("optimizer", lambda name: name == "optimizer"),
    ("collectives", lambda name: " of tp" in name or " of dp" in name),
    ("waiting", lambda name: name.startswith("waiting")),
    ("zeroing, norm, loss", lambda name: name in ("zeroing gradients", "gradient norm", "loss")),
    ("the rest", lambda name: True),
]


def parts_of(run):
    sums = [0.0] * len(PARTS)
    for phase in run["phases"]:
        part = next(i for i, (_, holds) in enumerate(PARTS) if holds(phase["name"]))
        sums[part] += phase["share_of_step"]
    return sums


def step_parts(runs, path):
    own = sorted((run for run in runs if ranks_of(run) == 2), key=width_of)
    drawing = Drawing("Where a step's time goes: 4 layers, batch 64, two ranks")
    height = HEIGHT - BOTTOM - TOP
    for percent in range(0, 101, 20):
        y = HEIGHT - BOTTOM - height * percent / 100
        drawing.line(LEFT, y, WIDTH - RIGHT, y, "#cccccc")
        drawing.text(LEFT - 8, y + 4, f"{percent} %", "end")
    pitch = (WIDTH - RIGHT - LEFT) / max(len(own), 1)
    for i, run in enumerate(own):
        y = HEIGHT - BOTTOM
        for colour, share in zip(COLOURS, parts_of(run)):
            drawing.box(LEFT + (i + 0.15) * pitch, y - height * share, 0.7 * pitch, height * share, colour)
            y -= height * share
        drawing.text(LEFT + (i + 0.5) * pitch, HEIGHT - BOTTOM + 18, str(width_of(run)), "middle")
    drawing.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "width of each layer", "middle")
    drawing.text(20, (TOP + HEIGHT - BOTTOM) / 2, "share of a step", "middle", turn=True)
    names = [(name, colour, None) for (name, _), colour in zip(PARTS, COLOURS)]
    legend(drawing, reversed(names), "part")
    drawing.write(path)


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    source, target = Path(arguments[1]), Path(arguments[2])
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(source.glob("*.json"))]
    if not runs:
        sys.exit(f"no JSON files of colonnade bench in {source}")
    step_by_size(runs, target / "step-by-size.svg")
    step_by_ranks(runs, target / "step-by-ranks.svg")
    step_parts(runs, target / "step-parts.svg")


if __name__ == "__main__":
    main(sys.argv)
