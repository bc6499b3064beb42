"""A mesh of two copies with two ranks each, and whose moments each rank keeps."""

from draw import Drawing

d = Drawing(400, "Two copies of a network, each cut between two ranks; between copies gradients are summed")

for copy, left in ((0, 40), (1, 390)):
    d.box(left, 50, 290, 262, stroke="#8c959f", radius=8)
    d.text(left + 145, 40, f"copy {copy}: rows {('0 to 2', '3 to 4')[copy]} of the batch", "middle", bold=True)
    d.matrix(left + 20, 130, 3 - copy, [(4, None)], "X", "the copy's rows", cell=18)
    for tp in (0, 1):
        rank, top = 2 * copy + tp, 80 + 112 * tp
        d.text(left + 118, top + 26, f"rank {rank}", bold=True)
        d.matrix(left + 178, top, 4, [(3, rank)], f"W{'₀₁'[tp]}", cell=18)
        # The run of the block's elements whose moments the rank keeps: half of the columns, in memory order.
        begin = left + 178 + 27 * copy
        d.box(begin, top + 76, 27, 8, fill="#24292f")
        d.text(begin + 34 if copy == 0 else left + 240, top + 85, "m, v", size=12)
    d.text(left + 118, 300, "tensor-parallel: activations", size=12, colour="#57606a")

for tp, top in ((0, 116), (1, 228)):
    d.arrow(566, top, 240, top)
    d.arrow(240, top, 566, top)
d.text(360, 342, "data-parallel: gradients of the same block are added, updated runs are gathered", "middle", 13)
d.legend(70, 376, [(0, "rank 0"), (1, "rank 1"), (2, "rank 2"), (3, "rank 3"), (None, "both ranks of a copy")])
print(d)
