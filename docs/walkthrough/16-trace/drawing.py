"""Three ranks over time, one of which is late."""

from draw import Drawing

d = Drawing(308, "Rank 1 is late; ranks 0 and 2 wait for it in the collective")
GREY = "#c9ced6"
TOP = 48


def bar(rank, begin, end, words, fill="none", dashed=False):
    y = TOP + 66 * rank
    d.box(begin, y, end - begin, 34, fill=fill, dashed=dashed, radius=3)
    if words:
        d.text((begin + end) / 2, y + 22, words, "middle", 13)


for rank in range(3):
    d.text(24, TOP + 22 + 66 * rank, f"rank {rank}", bold=True)
    late = rank == 1
    fetched = (112, 470, 184)[rank]
    bar(rank, 96, fetched, "batch" if rank > 0 else "", GREY)
    bar(rank, fetched, fetched + 62, "product", GREY)
    if not late:
        bar(rank, fetched + 62, 532, "wait for rank 1", dashed=True)
    bar(rank, 532, 612, "all-gather", "#3b6fb655")
    bar(rank, 612, 676, "product", GREY)

d.line([(532, 34), (532, 230)], "#24292f", 1.5, dashed=True)
d.text(532, 26, "the last rank enters", "middle", 13)
d.text(174, 258, "b₀", "middle", 13)
d.line([(174, 84), (174, 244)], "#8c959f", 1, dashed=True)
d.arrow(178, 272, 528, 272)
d.arrow(528, 272, 178, 272)
d.text(353, 293, "wait of rank 0", "middle", 13)
print(d)
