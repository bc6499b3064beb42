"""The layer on two ranks: own columns of W, own columns of Y, and a gather into place."""

from draw import Drawing

d = Drawing(310, "A column-parallel layer on two ranks: product, activation, all-gather")
FULL = [(3, 0), (2, 1)]
OWN = [[(3, 0), (2, 1, "empty")], [(3, 0, "empty"), (2, 1)]]

for rank, top in ((0, 40), (1, 165)):
    d.text(24, top + 40, f"rank {rank}", bold=True)
    d.matrix(92, top + 22, 2, [(3, None)], "X")
    d.text(172, top + 49, "×", size=18)
    wide, _ = d.matrix(196, top + 11, 3, [(FULL[rank][0], rank)], f"W{'₀₁'[rank]}")
    d.arrow(196 + wide + 12, top + 44, 330, top + 44)
    d.text(298, top + 66, "s(X W + b)", "middle", 12)
    d.matrix(342, top + 22, 2, OWN[rank], "own columns of Y")
    d.matrix(570, top + 22, 2, FULL, "Y")

# Each rank's columns go into the place that waits for them on the other.
d.arrow(458, 84, 566, 84)
d.arrow(458, 209, 566, 209)
d.arrow(458, 92, 566, 199, rank=0)
d.arrow(458, 201, 566, 94, rank=1)
d.text(512, 52, "all-gather", "middle", 13)
d.legend(92, 284, [(None, "the same on both ranks"), (0, "of rank 0"), (1, "of rank 1"), (1, "not there yet", "empty")])
print(d)
