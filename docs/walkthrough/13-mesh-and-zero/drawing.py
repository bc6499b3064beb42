"""A mesh of two copies with two ranks each, and whose moments each rank keeps."""

from draw import Drawing

d = Drawing(400, "Two copies of a network, each cut between two ranks; between copies gradients are summed")

for copy, left in ((0, 40), (1, 390)):
    d.box(left, 50, 290, 262, stroke="#8c959f", radius=8)
    d.text(left + 145, 40, f"copy {copy}: rows {('0 to 2', '3 to 4')[copy]} of the batch", "middle", bold=True)
    x, w, name = (left + 20, left + 206, left + 140) if copy == 0 else (left + 198, left + 30, left + 100)
    d.matrix(x, 140, 3 - copy, [(4, None)], "X", "the copy's rows", cell=18)
    for tp in (0, 1):
        rank, top = 2 * copy + tp, 84 + 112 * tp
        d.text(name, top + 42, f"rank {rank}", bold=True)
        d.matrix(w, top, 4, [(3, rank)], f"W{'₀₁'[tp]}", cell=18)
        # The run of the block's elements whose moments the rank keeps: half of its columns.
        d.box(w + 27 * copy, top + 76, 27, 8, fill="#24292f")
        d.text(w + 60 if copy else w - 30, top + 85, "m, v", size=12)
    d.text(left + 145, 303, "within a copy: activations", "middle", 12, "#57606a")

for top in (120, 232):
    d.arrow(306, top, 414, top)
    d.arrow(414, top, 306, top)
d.text(360, 342, "between copies: gradients of the same block are added, updated runs are gathered", "middle", 13)
d.legend(70, 376, [(0, "rank 0"), (1, "rank 1"), (2, "rank 2"), (3, "rank 3"), (None, "both ranks of a copy")])
print(d)
