"""What people draw, and random strokes: pairs of strokes and the width of the brush."""

from benchmarks.strokes import HANDS, SIDE, UPRIGHT, along, digit

import numpy as np

__all__ = ["HANDS", "SIDE", "UPRIGHT", "along", "digit", "kinds", "random"]


def ring(x, y, radius):
    """A circle, as one stroke."""
    angles = np.linspace(0, 2 * np.pi, 41)
    return np.round([x + radius * np.cos(angles), y + radius * np.sin(angles)]).T.tolist()


def rectangle(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def kinds():
    """Name → (strokes, width of the brush): what people draw, apart from plain digits."""
    found = {}
    for width in (3, 6, 12, 40, 60):
        found[f"a 2 with a brush of {width}"] = digit("2"), width
        found[f"an 8 with a brush of {width}"] = digit("8", "slanted"), width
    for scale in (0.08, 0.15, 0.3, 0.5, 1.4):
        found[f"a 5, {scale} times as large"] = digit("5", scale=scale), 22 * min(scale, 1)
        found[f"a bold 0, {scale} times as large"] = digit("0", scale=scale), 22
    corners = {"upper left": (60, 60), "upper right": (220, 60), "lower right": (220, 220)}
    for where, middle in corners.items():
        found[f"a 3 in the {where} corner"] = digit("3", scale=0.5, middle=middle), 14
    found["a 6 that the left edge cuts"] = digit("6", middle=(40, 140)), 22
    found["a 9 that the lower edge cuts"] = digit("9", middle=(140, 230)), 22
    found["a 7 that reaches three edges"] = digit("7", scale=1.7), 22
    for turn in (-40, -15, 15, 40):
        found[f"a 4 turned by {turn}°"] = digit("4", turn=turn), 22
    inside = digit("3", scale=0.6)
    found["a 3 in a box"] = [*inside, rectangle(40, 40, 240, 240)], 10
    found["a 3 in a circle"] = [*inside, ring(140, 140, 110)], 10
    found["a 3 in a circle that does not close"] = [*inside, ring(140, 140, 110)[:-6]], 10
    found["a 3 in a box that is open above"] = [
        *inside, along([[40, 40], [40, 240], [240, 240], [240, 40]])
    ], 10  # fmt: skip
    found["a 3 in a box that the edge cuts"] = [*inside, rectangle(-5, 30, 250, 285)], 10
    found["a 3 and a ring beside it"] = [*inside, ring(240, 240, 24)], 10
    pair = digit("1", middle=(80, 140)) + digit("2", scale=0.7, middle=(200, 140))
    found["two digits"] = pair, 14
    found["three digits in a row"] = [
        stroke for k in range(3)
        for stroke in digit(str(k + 4), scale=0.45, middle=(50 + 90 * k, 140))
    ], 10  # fmt: skip
    below = digit("1", scale=0.5, middle=(140, 70)) + digit("7", scale=0.5, middle=(140, 210))
    found["two digits, one above the other"] = below, 12
    slanted = digit("1", "slanted", middle=(100, 140)) + digit("1", "slanted", middle=(150, 140))
    found["two slanted 1s"] = slanted, 10
    found["four digits in two lines"] = [
        stroke for k in range(4)
        for stroke in digit(str(k), scale=0.4, middle=(70 + 140 * (k % 2), 70 + 140 * (k // 2)))
    ], 10  # fmt: skip
    found["a digit and a point"] = [*digit("2", middle=(120, 140)), [[215, 226]]], 14
    found["a digit with small print"] = [*digit("2", scale=0.8, middle=(110, 140)),
                                         *digit("4", scale=0.2, middle=(225, 60))], 8  # fmt: skip
    found["a minus sign and a digit"] = [[[20, 140], [55, 140]], *digit("3", middle=(170, 140))], 12
    found["a dot"] = [[[140, 140]]], 22
    found["a tiny dot"] = [[[50, 90]]], 4
    found["a speck"] = [[[50, 90]]], 1
    found["specks"] = [[[x, y]] for x in range(10, 280, 30) for y in range(12, 280, 30)], 3
    found["a line across"] = [[[0, 140], [280, 141]]], 12
    found["a line down"] = [[[140, 30], [140, 250]]], 22
    found["a thin line down"] = [[[140, 30], [140, 250]]], 5
    found["a line along the edge"] = [[[4, 0], [6, 280]]], 12
    found["a digit and a line along the edge"] = [*digit("5"), [[0, 276], [280, 276]]], 12
    found["a 2 on a line across"] = [*digit("2", scale=0.7), [[0, 200], [280, 200]]], 8
    squares = [[[x, 0], [x, 280]] for x in range(20, 280, 80)]
    squares += [[[0, y], [280, y]] for y in range(40, 280, 80)]
    found["a 2 on squared paper"] = [*digit("2", scale=0.8), *squares], 6
    found["a scribble"] = [[[60 + 160 * (k % 2), 60 + 6 * k] for k in range(28)]], 12
    found["a black field"] = [[[40 + 200 * (k % 2), 60 + 10 * k] for k in range(17)]], 22
    found["all black"] = [[[-20 + 320 * (k % 2), 10 * k] for k in range(30)]], 30
    # With strokes that do not touch.
    top, *rest = (digit("5")[k] for k in (2, 0, 1))
    found["a 5 whose bar is apart"] = [[[x + 26, y - 14] for x, y in top], *rest], 14
    found["a 5 whose bar is far away"] = [[[x + 10, y - 45] for x, y in top], *rest], 14
    found["a 4 with open parts"] = [[[100, 60], [86, 150], [140, 152]], [[175, 90], [170, 235]]], 14
    found["a 1 with serif and base"] = [along([[104, 96], [142, 50], [142, 230]]),
                                        [[96, 230], [190, 230]]], 16  # fmt: skip
    found["a 1 with a base that is apart"] = [[[142, 50], [142, 205]], [[96, 235], [190, 235]]], 14
    found["an i"] = [[[140, 110], [140, 230]], [[140, 60]]], 20
    found["a 0 that is nearly filled"] = [ring(140, 140, 40)], 70
    slit = [[130, 100], [150, 100], [150, 180], [130, 180], [130, 100]]
    found["a 0 that looks like a sheet"] = [slit], 12
    found["a bold 0 that looks like a sheet"] = [rectangle(120, 90, 160, 190)], 30
    # White paper in a black field, and a digit in it.
    field = [rectangle(d, d, 280 - d, 280 - d) for d in range(0, 60, 15)]
    found["a 2 on a white sheet"] = [*field, *digit("2", scale=0.4)], 18
    return found


def random(seed):
    """Random strokes, as a child scribbles them, and the width of the brush."""
    rng = np.random.default_rng(seed)
    strokes = []
    for _ in range(rng.integers(1, 5)):
        kind = rng.choice(["curve", "curve", "curve", "line", "dot", "ring", "box"])
        x, y = rng.uniform(10, 270, 2)
        if kind == "dot":
            strokes.append([[x, y]])
        elif kind == "ring":
            strokes.append(ring(x, y, rng.uniform(8, 120)))
        elif kind == "box":
            strokes.append(rectangle(x, y, x + rng.uniform(20, 250), y + rng.uniform(20, 250)))
        else:
            steps = rng.normal(0, rng.uniform(10, 60), (1 if kind == "line" else 8, 2))
            strokes.append(along(np.cumsum([[x, y], *steps], axis=0), 6))
    return strokes, float(rng.choice([2, 5, 9, 14, 22, 22, 22, 35, 60]))
