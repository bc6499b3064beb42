"""The pair: H stays cut from one product to the next, and one sum joins the ranks."""

from draw import Drawing

d = Drawing(440, "A pair: the columns of W1 and the rows of W2 are cut, and one all-reduce joins the ranks")
C = 20

d.text(24, 34, "forward", bold=True)
d.matrix(30, 118, 2, [(2, None)], "X", "on both", cell=C)
for rank, y in ((0, 70), (1, 202)):
    d.text(94, y + 26, "×", "middle", 18)
    d.matrix(112, y, 2, [(4, rank)], "W1" + "₀₁"[rank], "some columns", cell=C)
    d.text(209, y + 24, "s( )", "middle", 13)
    d.arrow(196, y + 32, 222, y + 32)
    d.matrix(230, y, 2, [(4, rank)], "H" + "₀₁"[rank], "own columns", cell=C)
    d.text(328, y + 26, "×", "middle", 18)
    d.matrix(350, y - 20, 4, [(2, rank)], "W2" + "₀₁"[rank], "its rows", cell=C)
    d.text(412, y + 26, "=", "middle", 18)
    d.matrix(432, y, 2, [(2, rank, "partial")], "", "partial", cell=C)
    d.arrow(480, y + 20, 540, 150 if rank == 0 else 172)
d.text(566, 116, "all-reduce", "middle", 13)
d.text(522, 167, "+", "middle", 18)
d.matrix(548, 141, 2, [(2, None)], "", "Y, on both", cell=C)
d.text(616, 166, "+ b, once")
d.text(240, 160, "nothing is sent here", "middle", 13, "#57606a")
d.line([(24, 296), (696, 296)], "#8c959f", 1, dashed=True)

d.text(24, 324, "backward", bold=True)
d.text(24, 354, "dY on both")
d.arrow(112, 350, 160, 350)
d.text(168, 354, "dW2, dH: own parts, complete")
d.arrow(392, 347, 440, 347)
d.text(448, 352, "dW1: own columns, complete")
d.arrow(392, 353, 440, 380)
d.text(448, 388, "dX: partial, all-reduce")
d.legend(24, 424, [(0, "rank 0"), (1, "rank 1"), (None, "on both"), (0, "part of a sum", "partial")])
print(d)
