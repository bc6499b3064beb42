"""Three ranks over time, one of which is late."""

from draw import Drawing

d = Drawing(300, "Rank 1 is late; ranks 0 and 2 wait for it in the collective")
GREY = "#c9ced6"


def bar(rank, begin, end, words, fill="none", dashed=False):
    y = 40 + 66 * rank
    d.box(begin, y, end - begin, 34, fill=fill, dashed=dashed, radius=3)
    if words:
        d.text((begin + end) / 2, y + 22, words, "middle", 13)


for rank in range(3):
    d.text(24, 62 + 66 * rank, f"rank {rank}", bold=True)
    late = rank == 1
    fetched = 470 if late else 112 + 4 * rank
    bar(rank, 96, fetched, "batch" if late else "", GREY)
    bar(rank, fetched, fetched + 62, "product", GREY)
    if not late:
        bar(rank, fetched + 62, 532, "wait for rank 1", dashed=True)
    bar(rank, 532, 612, "all-gather", "#3b6fb655")
    bar(rank, 612, 676, "product", GREY)

d.line([(532, 26), (532, 222)], "#24292f", 1.5, dashed=True)
d.text(532, 18, "the last rank enters", "middle", 13)
d.text(174, 250, "b₀", "middle", 13)
d.line([(174, 76), (174, 236)], "#8c959f", 1, dashed=True)
d.arrow(178, 264, 528, 264)
d.arrow(528, 264, 178, 264)
d.text(353, 285, "wait of rank 0", "middle", 13)
print(d)
