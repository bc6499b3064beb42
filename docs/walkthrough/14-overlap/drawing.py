"""Computing and messages over time, of four layers: in one part, and in two."""

from draw import Drawing

d = Drawing(330, "In one part computing and messages take turns; in two parts they go on beside one another")
UNIT = 72
# Greys: these are parts of the rows, and the colours are for ranks.
FIRST, SECOND, WHOLE = "#57606a", "#a9b1bb", "#c9ced6"


def bars(y, label, pieces):
    """A row of bars: (begin, length, words, colour)."""
    d.text(24, y + 22, label)
    d.line([(112, y + 34), (696, y + 34)], "#8c959f", 1)
    for begin, length, words, colour in pieces:
        d.box(112 + begin * UNIT, y + 4, length * UNIT - 2, 26, fill=colour, stroke="none", radius=3)
        d.text(112 + (begin + length / 2) * UNIT - 1, y + 22, words, "middle", 13, "#ffffff" if colour == FIRST else "#24292f")


d.text(24, 34, "One part: 4 (p + m) = 8", bold=True)
bars(46, "compute", [(2 * i, 1, f"layer {i}", WHOLE) for i in range(4)])
bars(88, "message", [(2 * i + 1, 1, f"layer {i}", WHOLE) for i in range(4)])

d.text(24, 172, "Two parts: 4 max(p, m) + ½ min(p, m) = 4.5", bold=True)
halves = [(i / 2, 0.5, f"{i // 2}{'ab'[i % 2]}", (FIRST, SECOND)[i % 2]) for i in range(8)]
bars(184, "compute", halves)
bars(226, "message", [(begin + 0.5, length, words, colour) for begin, length, words, colour in halves])

d.text(112, 296, "a: the first half of the rows, b: the second. While a travels, b is computed. p = m = 1.", size=13)
d.arrow(112, 312, 696, 312)
d.text(60, 316, "time", size=13)
print(d)
