"""Two hosts, a copy on each."""

from draw import Drawing

d = Drawing(330, "A copy of the model on each host: activations stay on the host, gradients cross the network")
for host, left in ((0, 24), (1, 406)):
    d.box(left, 44, 290, 190, stroke="#8c959f", radius=8)
    d.text(left + 145, 34, f"host {host}: copy {host}, tp = 4", "middle", bold=True)
    for rank in range(4):
        x = left + 22 + 64 * rank
        d.matrix(x, 84, 4, [(2, rank)], f"rank {4 * host + rank}")
    d.line([(left + 44, 190), (left + 236, 190)], "#24292f", 2)
    for rank in range(4):
        d.line([(left + 44 + 64 * rank, 174), (left + 44 + 64 * rank, 190)], "#24292f", 2)
    d.text(left + 145, 214, "activations, in every layer, waited for", "middle", 13)

d.arrow(318, 128, 402, 128)
d.arrow(402, 128, 318, 128)
d.text(360, 112, "gradients", "middle", 13)
d.text(360, 152, "once a step", "middle", 12, "#57606a")
d.text(24, 268, "Over the wire goes what may take its time: sums that travel beside the backward.", size=13)
d.legend(24, 304, [(0, "columns 0"), (1, "columns 1"), (2, "columns 2"), (3, "columns 3 of every layer")])
print(d)
