"""GELU and its derivative as curves, and the two places where the derivative may be looked up."""

from math import pi, sqrt, tanh

from draw import INK, PALE, Drawing

WRONG = "#b3352a"


def gelu(z):
    return z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z**3)))


def derivative(z):
    t = tanh(sqrt(2 / pi) * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t * t) * sqrt(2 / pi) * (1 + 3 * 0.044715 * z * z)


def at(z, y):
    """The place of (z, y) in the drawing."""
    return round(330 + 88 * z, 1), round(250 - 78 * y, 1)


d = Drawing(330, "GELU, its derivative, and the derivative looked up at the wrong point")
d.line([at(-3.4, 0), at(3, 0)], PALE, 1)
d.line([at(0, -0.6), at(0, 2.7)], PALE, 1)
for z in (-3, -2, -1, 1, 2):
    below = 17 if z > 0 else -7  # where no curve is
    d.text(at(z, 0)[0], at(z, 0)[1] + below, str(z).replace("-", "−"), "middle", 12, "#57606a")
for y in (1, 2):
    d.text(at(0, y)[0] - 8, at(0, y)[1] + 4, str(y), "end", 12, "#57606a")

steps = [-3.4 + 0.05 * i for i in range(125)]
d.line([at(z, gelu(z)) for z in steps], INK, 2.5)
d.line([at(z, derivative(z)) for z in steps], INK, 1.8, dashed=True)
d.text(at(2.1, 2.35)[0] - 14, at(2.1, 2.35)[1], "y = s(z)", "end", bold=True)
d.text(at(2.0, 1.05)[0], at(2.0, 1.05)[1] + 28, "s′(z), the slope", "start")

z = -1.6
y = gelu(z)
d.dot(*at(z, derivative(z)))
d.text(at(z, 0)[0] - 20, at(0, derivative(z))[1] + 40, "right: the derivative at z = −1.6", "middle", 13)
d.dot(*at(y, derivative(y)), colour=WRONG)
d.line([at(z, derivative(z)), at(z, 0.42), at(y, derivative(y))], WRONG, 1.3, dashed=True)
d.text(at(z, 0)[0] - 20, at(0, 0.5)[1] - 8, "wrong: the derivative at y = s(−1.6)", "middle", 13, WRONG)
print(d)
