"""One tree of sums over eight shards, on two ranks and on four: the same additions by other hands."""

from draw import Drawing

d = Drawing(330, "The tree of eight shards on two ranks and on four: the same additions, by other hands")
CELL, GAP = 26, 14
STEP = CELL + GAP


def node(x, y, rank, label):
    d.matrix(x - CELL / 2, y - CELL / 2, 1, [(1, rank)], cell=CELL, numbers=[[label]])


def tree(left, ranks):
    """Leaves below, their sum on top; what takes a message is nobody's."""
    level = [(left + i * STEP, 240, i * ranks // 8) for i in range(8)]
    for x, y, rank in level:
        node(x, y, rank, str(round((x - left) / STEP)))
    while len(level) > 1:
        joined = []
        for a, b in zip(level[::2], level[1::2]):
            rank = a[2] if a[2] == b[2] else None
            x, y = (a[0] + b[0]) / 2, a[1] - 56
            for child in (a, b):
                d.line([(child[0], child[1] - CELL / 2), (x, y + CELL / 2)], "#8c959f", 1.5)
            joined.append((x, y, rank))
        for x, y, rank in joined:
            node(x, y, rank, "+")
        level = joined


d.text(24, 36, "two ranks", bold=True)
tree(44, 2)
d.text(384, 36, "four ranks", bold=True)
tree(404, 4)
d.text(24, 276, "Shards 0 to 7. Whoever adds, the brackets are the same: ((0+1)+(2+3)) + ((4+5)+(6+7))", size=13)
d.legend(24, 308, [(0, "rank 0"), (1, "rank 1"), (2, "rank 2"), (3, "rank 3"), (None, "added by a message")])
print(d)
