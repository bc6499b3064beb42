"""An element's place in the whole is what its number is looked up by, on whatever rank it lives."""

from draw import Drawing

d = Drawing(330, "An element's index in the whole weight, with seed and name, is the key of its value")
C = 34
INDEX = [["0", "2", "4", "6", "8", "10"], ["1", "3", "5", "7", "9", "11"]]

d.matrix(40, 60, 2, [(3, 0), (3, 1)], "W on two ranks", "", cell=C, numbers=INDEX)
d.matrix(40, 184, 2, [(2, 0), (2, 1), (2, 2)], "W on three ranks", "each element's index in the whole W", cell=C, numbers=INDEX)

for top in (60, 184):  # the element that is asked for
    d.box(40 + 4 * C, top + C, C, C)

d.box(352, 108, 150, 92, radius=8)
d.text(427, 134, "Philox", "middle", bold=True)
d.text(427, 156, "a fixed function:", "middle", 13)
d.text(427, 174, "no state, no order", "middle", 13)
d.text(427, 60, 'seed, "layers.0.weight"', "middle", 13)
d.arrow(427, 68, 427, 104)
d.arrow(250, 110, 348, 140, rank=1)
d.text(306, 108, "index 9", "middle", 13)
d.arrow(250, 232, 348, 172, rank=2)
d.text(318, 228, "index 9", "middle", 13)
d.arrow(506, 154, 556, 154)
d.text(564, 150, "four random words,")
d.text(564, 170, "the same for both")
d.legend(40, 308, [(0, "rank 0"), (1, "rank 1"), (2, "rank 2")])
print(d)
