"""An image → characters, to be printed."""

from __future__ import annotations

import sys

import numpy as np

SHADES = " ░▒▓█"
PLAIN_SHADES = " .:*#"  # for terminals that know only ASCII
MAX_COLUMNS = 56  # of a picture made of characters


def draw_as_text(image: np.ndarray) -> str:
    """Draw uint8 [height, width] with characters, two columns a pixel, in a frame."""
    factor = max(1, -(-2 * image.shape[1] // MAX_COLUMNS))
    high, wide = (side // factor * factor for side in image.shape)
    blocks = image[:high, :wide].reshape(high // factor, factor, wide // factor, factor)
    shades = SHADES
    try:
        (SHADES + "┌").encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        shades = PLAIN_SHADES
    levels = np.rint(blocks.mean(axis=(1, 3)) / 255 * (len(shades) - 1)).astype(int)
    line = "  +" + "-" * (2 * levels.shape[1]) + "+"
    rows = ["  |" + "".join(2 * shades[level] for level in row) + "|" for row in levels]
    return "\n".join([line, *rows, line])
