"""Digits that a pointer draws: ten in each of two hands, as lists of strokes.

A stroke is a list of points [x, y] on a paper of 280 × 280 pixels, as a pointer visits them.
"""

from __future__ import annotations

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


def along(points: list[list[float]], spacing: float = 4) -> list[list[float]]:
    """Return points about `spacing` pixels apart on a smooth curve through some points.

    Source: Catmull and Rom, "A class of local interpolating splines", 1974.
    """
    points = np.array([points[0], *points, points[-1]], float)
    curve = [points[0]]
    for before, start, end, after in zip(points, points[1:], points[2:], points[3:], strict=False):
        count = max(1, round(float(np.linalg.norm(end - start)) / spacing))
        for t in np.arange(1, count + 1) / count:
            parts = (2 * start, end - before, 2 * before - 5 * start + 4 * end - after,
                     3 * start - before - 3 * end + after)  # fmt: skip
            curve.append(sum(part * t**k for k, part in enumerate(parts)) / 2)
    return np.round(curve).tolist()


def digit(
    name: str,
    hand: str = "upright",
    *,
    scale: float = 1.0,
    turn: float = 0.0,
    middle: tuple[float, float] = (140, 140),
    spacing: float = 4.0,
) -> list[list[list[float]]]:
    """Return the strokes of a digit.

    Args:
        name: "0" to "9".
        hand: a name in HANDS.
        scale: 1 is about 180 pixels tall.
        turn: degrees, clockwise.
        middle: where the middle of the paper comes to lie.
        spacing: about how many pixels lie between two points, times `scale`.
    """
    angle = np.deg2rad(turn)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    strokes = [(np.array(points) - SIDE / 2) @ matrix.T + middle for points in HANDS[hand][name]]
    return [along(points, max(1.0, spacing * scale)) for points in strokes]
