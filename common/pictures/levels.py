"""Numbers of a picture that has more than 8 bits per pixel → brightness from 0 to 1."""

from __future__ import annotations

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**20  # pixels that are looked at, at a time


def black_and_white(image: Image.Image) -> tuple[float, float]:
    """Return the numbers that mean black and white in a picture with one channel.

    16 bits have a fixed range. Floating-point and 32-bit numbers have none: one program writes 0 to
    1, another 0 to 255, or brightness as it was measured. So their own range counts, except where
    floating-point numbers are within 0 to 1, or where Pillow has decoded 16 bits to 32.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    width, height = image.size
    rows = max(1, STRIP_PIXELS // max(width, 1))
    least, most = np.inf, -np.inf
    for top in range(0, height, rows):
        part = np.asarray(image.crop((0, top, width, min(top + rows, height))), np.float64)
        part = part[np.isfinite(part)]
        if part.size:
            least, most = min(least, float(part.min())), max(most, float(part.max()))
    if least > most:  # no number is finite
        return 0.0, 1.0
    if image.mode == "I" and least >= 0 and 255 < most <= 65535:
        return 0.0, 65535.0
    if image.mode == "F" and least >= 0 and most <= 1:
        return 0.0, 1.0
    return (least, most) if most > least else (least - 1, least + 1)
