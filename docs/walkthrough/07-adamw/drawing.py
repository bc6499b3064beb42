"""Parameter, gradient and moments, all cut alike; the update crosses no border."""

from draw import Drawing

d = Drawing(350, "AdamW on two ranks: weight, gradient and moments are cut alike, and nothing is sent")

for rank, left in ((0, 24), (1, 372)):
    d.box(left, 20, 324, 288, stroke="#8c959f", dashed=True, radius=8)
    d.text(left + 14, 44, f"rank {rank}", bold=True)
    band = [(3, rank)]
    d.matrix(left + 24, 142, 3, band, "dW", "from backward")
    d.matrix(left + 128, 80, 3, band, "m", "mean of dW")
    d.matrix(left + 128, 204, 3, band, "v", "mean of dW²")
    d.matrix(left + 234, 142, 3, band, "W", "updated in place")
    d.arrow(left + 92, 162, left + 126, 126)
    d.arrow(left + 92, 188, left + 126, 224)
    d.arrow(left + 196, 126, left + 232, 162)
    d.arrow(left + 196, 224, left + 232, 188)
d.legend(38, 334, [(0, "columns of rank 0"), (1, "columns of rank 1")])
d.text(372, 335, "No arrow from rank to rank: nothing is sent.", size=13)
print(d)
