"""Logits stay where they are; what travels are four numbers a row."""

from draw import Drawing

d = Drawing(400, "Cross-entropy of sharded logits: four numbers a row travel in two all-reduces")
C = 24

for rank, y in ((0, 70), (1, 220)):
    d.matrix(40, y, 2, [(3, rank)], "l" + "₀₁"[rank], "never leave the rank", cell=C)
    d.arrow(118, y + 24, 160, y + 24)
    d.matrix(168, y, 2, [(1, rank)], "max l", cell=C)
    d.matrix(348, y, 2, [(3, rank)], "exp(l - m)", cell=C)
    d.arrow(426, y + 24, 462, y + 24)
    d.matrix(470, y, 2, [(3, rank, "partial")], "sums", "of exp(d), t d, d", cell=C)
    d.arrow(196, y + 24, 252, 160 if rank == 0 else 184, rank=rank)
    d.arrow(546, y + 24, 606, 160 if rank == 0 else 184, rank=rank)
d.text(274, 104, "all-reduce,", "middle", 13)
d.text(274, 120, "largest", "middle", 13)
d.matrix(262, 148, 2, [(1, None)], "m", "on both", cell=C)
d.arrow(290, 160, 344, 96)
d.arrow(290, 184, 344, 242)
d.text(650, 104, "all-reduce,", "middle", 13)
d.text(650, 120, "sum", "middle", 13)
d.matrix(614, 148, 2, [(3, None)], "s, ...", "on both", cell=C)
d.text(700, 314, "L = mean of (log s - Σ t d)", "end", bold=True)
d.text(40, 340, "backward, on each rank for its own classes, without a message:")
d.text(40, 366, "dl = (exp(d) / s - t) / B", bold=True)
d.legend(270, 366, [(0, "rank 0"), (1, "rank 1"), (None, "on both"), (0, "part of a sum", "partial")])
print(d)
