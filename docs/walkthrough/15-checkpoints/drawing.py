"""Two ranks write one file, and two copies read it."""

from draw import RANKS, Drawing

d = Drawing(392, "Each rank writes its columns to one contiguous part of the file, and reads what it needs of it")
d.text(24, 34, "dp=1, tp=2 saves", bold=True)
places = ((0, 150), (1, 440))
for rank, x in places:
    d.text(x - 84, 104, f"rank {rank}", bold=True)
    d.matrix(x, 72, 3, [(2, rank)], f"W{'₀₁'[rank]}")
    d.matrix(x + 64, 72, 3, [(2, rank)], f"m{'₀₁'[rank]}")
    d.matrix(x + 128, 72, 3, [(2, rank)], f"v{'₀₁'[rank]}")

# The file: a header, then each tensor, in it first the columns of rank 0.
top = 204
d.text(24, top - 16, "run.safetensors", bold=True)
d.box(24, top, 130, 34, fill="#ffffff")
d.text(89, top + 22, "header, checksums", "middle", 12)
for i, name in enumerate(["weight", "weight.exp_avg", "weight.exp_avg_sq"]):
    left = 154 + 180 * i
    for rank, colour in enumerate(RANKS[:2]):
        d.box(left + 90 * rank, top, 90, 34, fill=colour + "8c", stroke=colour)
    d.text(left + 90, top + 54, name, "middle", 12)
for rank, x in places:
    for i in range(3):
        d.arrow(x + 64 * i + 22, 142, 154 + 180 * i + 45 + 90 * rank, top - 3, rank=rank)

d.text(24, 312, "dp=2, tp=1 goes on", bold=True)
for copy, x in ((0, 236), (1, 506)):
    d.text(x - 60, 354, f"copy {copy}", bold=True)
    d.matrix(x, 318, 3, [(4, None)], "W", cell=20)
    d.matrix(x + 92, 318, 3, [(4, None)], "m, v", cell=20)
    d.arrow(x + 85, top + 64, x + 85, 300)
print(d)
