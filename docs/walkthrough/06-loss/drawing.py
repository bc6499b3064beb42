"""The loss is computed by both ranks on all of Y, the gradient in own columns."""

from draw import Drawing

d = Drawing(310, "The loss of all of Y on each of two ranks, and own columns of its gradient")

for rank, top in ((0, 40), (1, 165)):
    d.text(24, top + 49, f"rank {rank}", bold=True)
    d.matrix(92, top + 22, 2, [(5, None)], "Y")
    d.text(216, top + 49, "−", size=18)
    d.matrix(240, top + 22, 2, [(5, None)], "T")
    d.arrow(362, top + 36, 452, top + 20)
    d.text(462, top + 24, "L, mean over all n m", size=14)
    d.arrow(362, top + 52, 510, top + 68)
    d.matrix(520, top + 46, 2, [(3, 0), (2, 1, "empty")] if rank == 0 else [(3, 0, "empty"), (2, 1)])
    d.text(642, top + 73, "own dY", size=13)

d.legend(92, 288, [(None, "the same on both ranks"), (0, "of rank 0"), (1, "of rank 1"), (1, "not computed", "empty")])
print(d)
