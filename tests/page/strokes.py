"""Drawings as lists of strokes: digits in two hands, other things, and random ones.

A stroke is a list of points [x, y] in a canvas of 280 × 280 pixels, as a pointer visits them.
"""

import numpy as np

SIDE = 280

# Points on the way of the pen; `along` adds those between them.
UPRIGHT = {
    "0": [[[150, 50], [110, 70], [88, 140], [105, 215], [145, 232], [185, 205], [195, 135],
           [180, 72], [148, 50]]],
    "1": [[[150, 45], [146, 110], [142, 170], [138, 235]]],
    "2": [[[88, 100], [98, 66], [138, 48], [178, 66], [184, 104], [160, 148], [120, 190],
           [84, 226]], [[84, 226], [140, 224], [200, 226]]],
    "3": [[[92, 70], [132, 48], [174, 64], [178, 100], [150, 126], [118, 132]],
          [[118, 132], [160, 138], [190, 168], [180, 208], [140, 230], [88, 212]]],
    "4": [[[112, 55], [100, 100], [86, 152]], [[86, 152], [140, 152], [200, 148]],
          [[168, 92], [164, 160], [160, 234]]],
    "5": [[[108, 58], [104, 95], [98, 132]], [[98, 132], [134, 116], [176, 130], [192, 168],
           [176, 208], [136, 228], [88, 210]], [[108, 58], [150, 57], [192, 54]]],
    "6": [[[168, 50], [130, 84], [102, 132], [92, 180], [106, 218], [140, 230], [176, 212],
           [184, 176], [160, 152], [124, 156], [98, 184]]],
    "7": [[[80, 64], [134, 62], [194, 60]], [[194, 60], [166, 116], [142, 172], [124, 234]]],
    "8": [[[174, 76], [140, 50], [106, 70], [108, 104], [140, 132], [176, 164], [180, 202],
           [140, 230], [100, 206], [102, 166], [136, 134], [170, 104], [174, 76]]],
    "9": [[[182, 92], [162, 58], [126, 56], [100, 90], [110, 126], [146, 132], [178, 104],
           [184, 80], [180, 140], [172, 190], [160, 234]]],
}  # fmt: skip
SLANTED = {
    "0": [[[176, 66], [130, 60], [92, 110], [80, 176], [108, 216], [158, 196], [192, 132],
           [186, 78], [150, 58]]],
    "1": [[[176, 52], [158, 110], [138, 172], [116, 230]]],
    "2": [[[104, 92], [128, 56], [172, 54], [184, 92], [152, 144], [108, 188], [84, 214],
           [96, 200], [130, 206], [164, 222], [196, 204]]],
    "3": [[[118, 62], [160, 48], [186, 74], [170, 108], [136, 128], [170, 140], [178, 178],
           [148, 216], [102, 226], [80, 206]]],
    "4": [[[166, 54], [128, 104], [88, 160]], [[88, 160], [138, 164], [198, 162]],
          [[186, 104], [170, 168], [154, 236]]],
    "5": [[[196, 58], [156, 58], [126, 62]], [[126, 62], [118, 94], [108, 124]], [[108, 124],
          [150, 116], [178, 142], [170, 188], [132, 220], [84, 216]]],
    "6": [[[186, 48], [148, 80], [114, 130], [96, 186], [112, 222], [148, 216], [172, 184],
           [164, 158], [134, 160], [104, 190]]],
    "7": [[[96, 70], [104, 62], [150, 66], [202, 60]], [[202, 60], [176, 108], [146, 168],
           [122, 232]], [[118, 142], [156, 140], [192, 136]]],
    "8": [[[190, 80], [166, 54], [130, 68], [126, 102], [152, 134], [164, 172], [142, 216],
           [102, 222], [86, 190], [112, 154], [160, 122], [188, 90], [186, 76]]],
    "9": [[[194, 80], [164, 54], [124, 76], [112, 114], [140, 130], [174, 104], [194, 78],
           [180, 128], [160, 182], [138, 236]]],
}  # fmt: skip
HANDS = {"upright": UPRIGHT, "slanted": SLANTED}


def along(points, spacing=4):
    """A smooth curve through points (Catmull and Rom, 1974), about `spacing` pixels apart."""
    points = np.array([points[0], *points, points[-1]], float)
    curve = [points[0]]
    for before, start, end, after in zip(points, points[1:], points[2:], points[3:], strict=False):
        count = max(1, round(float(np.linalg.norm(end - start)) / spacing))
        for t in np.arange(1, count + 1) / count:
            parts = (2 * start, end - before, 2 * before - 5 * start + 4 * end - after,
                     3 * start - before - 3 * end + after)  # fmt: skip
            curve.append(sum(part * t**k for k, part in enumerate(parts)) / 2)
    return np.round(curve).tolist()


def digit(name, hand="upright", *, scale=1.0, turn=0.0, middle=(140, 140), spacing=4.0):
    """The strokes of a digit, perhaps smaller, turned clockwise by degrees, or elsewhere."""
    angle = np.deg2rad(turn)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strokes = [(np.array(points) - SIDE / 2) @ matrix.T + middle for points in HANDS[hand][name]]
    return [along(points, max(1.0, spacing * scale)) for points in strokes]


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
