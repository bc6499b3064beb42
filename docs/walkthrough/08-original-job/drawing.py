"""dW and dX of one layer: on the left as the original computes them, on the right as they are."""

from draw import Drawing

d = Drawing(470, "dW and dX of a layer, as the original computes them and as they are")
C = 18
BOTH = [(2, 0), (2, 1)]


def times(x, y, sign="×"):
    d.text(x, y + 6, sign, "middle", 18)


d.text(24, 34, "As the original has it", bold=True)
d.text(384, 34, "What is right", bold=True)
d.line([(360, 16), (360, 424)], "#8c959f", 1, dashed=True)

# dW
d.matrix(40, 74, 4, [(2, None)], "dZᵀ", "all of it", cell=C)
times(96, 110)
d.matrix(120, 92, 2, [(4, None)], "Y", "the output", cell=C)
times(212, 110, "=")
d.matrix(236, 74, 4, BOTH, "dW", "transposed, and not dW", cell=C)

d.matrix(400, 74, 4, [(2, None)], "Xᵀ", "the input", cell=C)
times(456, 110)
d.matrix(480, 92, 2, BOTH, "dZ", "own columns", cell=C)
times(572, 110, "=")
d.matrix(596, 74, 4, BOTH, "dW", "complete", cell=C)

# dX
d.matrix(40, 246, 2, [(4, None)], "dZ", "all of it", cell=C)
times(130, 264)
d.matrix(148, 228, 4, BOTH, "W", "not transposed", cell=C)
times(232, 264, "=")
d.matrix(250, 246, 2, BOTH, "dX", "gathered", cell=C)

for rank, y in ((0, 196), (1, 264)):
    d.matrix(384, y, 2, [(2, rank)], "dZ" + "₀₁"[rank], cell=C)
    times(434, y + 18)
    d.matrix(448, y, 2, [(4, rank)], "W" + "₀₁"[rank] + "ᵀ", cell=C)
    times(534, y + 18, "=")
    d.matrix(548, y, 2, [(4, rank, "partial")], cell=C)
d.text(584, 253, "+", "middle", 18)
d.matrix(548, 352, 2, BOTH, "", "reduce-scatter: the sum's own columns", cell=C)
d.text(536, 375, "dX =", "end", bold=True)
d.arrow(584, 304, 584, 348)

d.legend(40, 450, [(0, "rank 0"), (1, "rank 1"), (None, "on both"), (0, "part of a sum", "partial")])
print(d)
