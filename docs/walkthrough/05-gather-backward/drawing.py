"""dX on two ranks: each has a part of every element's sum; a reduce-scatter adds and cuts."""

from draw import Drawing

d = Drawing(330, "Partial sums of dX on two ranks, added and cut by a reduce-scatter")

for rank, top, width in ((0, 40, 3), (1, 175, 2)):
    sub = "₀₁"[rank]
    d.text(24, top + 49, f"rank {rank}", bold=True)
    d.matrix(92, top + 22, 2, [(width, rank)], f"dZ{sub}")
    d.text(172, top + 49, "×", size=18)
    d.matrix(196, top + 44 - width * 11, 3, [(width, rank)], f"W{sub}ᵀ", by="rows")
    d.text(276, top + 49, "=", size=18)
    d.matrix(306, top + 22, 2, [(3, rank, "partial")], "dX, in part")
    d.matrix(600, top + 22, 2, [(2, rank)] if rank == 0 else [(1, rank)], note="own columns of dX")

# The columns that the other rank owns are sent to it and added there.
d.arrow(380, 84, 592, 84)
d.arrow(380, 219, 592, 219)
d.arrow(380, 93, 590, 208, rank=0)
d.arrow(380, 208, 590, 93, rank=1)
d.text(486, 66, "reduce-scatter: add and cut", "middle", 13)
d.legend(92, 304, [(0, "of rank 0"), (1, "of rank 1"), (0, "part of a sum, of full shape", "partial")])
print(d)
