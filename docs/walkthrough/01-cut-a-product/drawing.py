"""One product, cut by the columns of W above and by its rows below."""

from draw import Drawing

d = Drawing(380, "Y = X W, with W cut by columns and by rows between two ranks")

COLUMNS = [(3, 0), (2, 1)]
d.text(24, 34, "Columns of W cut: the parts of Y stand side by side", bold=True)
d.matrix(40, 86, 2, [(4, None)], "X", "on both ranks")
d.text(152, 112, "×", size=18)
d.matrix(190, 64, 4, COLUMNS, "W")
d.text(336, 112, "=", size=18)
d.matrix(392, 86, 2, COLUMNS, "Y", "each element has one owner")

d.text(24, 206, "Rows of W cut: the parts of Y are added", bold=True)
d.matrix(40, 258, 2, [(2, 0), (2, 1)], "X", "its columns cut")
d.text(152, 284, "×", size=18)
d.matrix(190, 236, 5, [(2, 0), (2, 1)], "W", by="rows")
d.text(336, 284, "=", size=18)
d.matrix(392, 258, 2, [(5, 0, "partial")])
d.text(516, 284, "+", size=18)
d.matrix(542, 258, 2, [(5, 1, "partial")])
d.text(522, 247, "Y", "middle", bold=True)
d.text(522, 319, "parts of every element's sum", "middle", 12, "#57606a")

d.legend(40, 360, [(0, "rank 0"), (1, "rank 1"), (None, "on both"), (0, "part of a sum", "partial")])
print(d)
