"""A matrix of five columns on two ranks, and where its elements lie in memory, both ways."""

from draw import Drawing

ROWS, COLS = 3, 5
BANDS = [(3, 0), (2, 1)]
OWNER = [0, 0, 0, 1, 1]
ELEMENTS = [[10 * (i + 1) + j + 1 for j in range(COLS)] for i in range(ROWS)]
WIDE = 27

d = Drawing(330, "Column-major: a rank's columns are one piece of memory; row-major: as many as rows")
d.matrix(32, 46, ROWS, BANDS, "Y [3, 5]", numbers=ELEMENTS, cell=WIDE)
d.legend(220, 90, [(0, "columns of rank 0"), (1, "columns of rank 1")])


def strip(y, places):
    """Memory from left to right: the elements at their addresses."""
    x = 32
    for i, j in places:
        d.matrix(x, y, 1, [(1, OWNER[j])], numbers=[[ELEMENTS[i][j]]], cell=WIDE)
        x += WIDE


d.text(32, 176, "column-major: each rank's columns are one piece, at the place where the gather wants it")
strip(186, [(i, j) for j in range(COLS) for i in range(ROWS)])
d.text(32, 258, "row-major: three pieces for each rank; a gather has to pack and to unpack")
strip(268, [(i, j) for i in range(ROWS) for j in range(COLS)])
d.arrow(32, 314, 130, 314)
d.text(140, 319, "addresses", size=13)
print(d)
