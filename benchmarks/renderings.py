"""A digit → a picture file, as a photo, a scan or a drawing shows it.

Ink is float [height, width], 0 for paper and 1 for ink. Colours are float [height, width, 3], from
0 to 1. Each function takes one of them and a random generator.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

ZOOM = 10


def enlarge(image: np.ndarray) -> np.ndarray:
    """Turn an image, uint8 [height, width], into ink of ZOOM times its height and width."""
    ink = image / np.float32(255)
    return ndimage.zoom(ink, ZOOM, order=3, grid_mode=True, mode="grid-constant").clip(0, 1)


def rotate(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rotate by at most 10 degrees."""
    return ndimage.rotate(ink, random.uniform(-10, 10), reshape=False, order=1)


def thin(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Make strokes thinner: remove 4 of the 280 pixels on both sides."""
    return ndimage.grey_erosion(ink, footprint=_disc(4))


def thick(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Make strokes thicker: add 5 of the 280 pixels on both sides."""
    return ndimage.grey_dilation(ink, footprint=_disc(5))


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return x * x + y * y <= radius * radius


def page(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Place the digit at a random position on a page of 1.5 times its height and width."""
    high, wide = ink.shape
    top, left = random.integers(0, high // 2), random.integers(0, wide // 2)
    margins = (top, high // 2 - top), (left, wide // 2 - left)
    return np.pad(ink, margins)


# Ink → colours.


def black_on_white(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Black ink on white paper."""
    return np.repeat(1 - ink[..., None], 3, axis=2)


def white_on_black(ink: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """White ink on black paper, such as chalk on a board."""
    return np.repeat(ink[..., None], 3, axis=2)


def coloured(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Dark ink of any colour on light paper of any colour, or vice versa."""
    dark, light = random.uniform(0, 0.4, 3), random.uniform(0.6, 1, 3)
    paper, pen = (light, dark) if random.random() < 0.5 else (dark, light)
    return paper + ink[..., None] * (pen - paper)


def uneven(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Light from one side; on the other side it is a half to a fifth as strong."""
    high, wide = colours.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(np.linspace(-1, 1, high), np.linspace(-1, 1, wide), indexing="ij")
    far = (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2) / 2 + 0.5
    return colours * (1 - random.uniform(0.5, 0.8) * far)[..., None]


def shadow(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A shadow: half the light beyond a random line across the picture."""
    high, wide = colours.shape[:2]
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(np.linspace(-1, 1, high), np.linspace(-1, 1, wide), indexing="ij")
    beyond = np.cos(angle) * x + np.sin(angle) * y + random.uniform(-0.5, 0.5)
    return colours * (1 - 0.5 / (1 + np.exp(-beyond * 20)))[..., None]


def noise(colours: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Camera noise: normally distributed, standard deviation 0.1 in each pixel and channel."""
    return colours + 0.1 * random.standard_normal(colours.shape, np.float32)


# Name of the rendering → its functions and the file format. CLEAN changes position, strokes and
# colours; DIRTY adds uneven light, noise or compression.
CLEAN = {
    "black on white, 10 times as large": ([black_on_white], "PNG"),
    "white on black": ([white_on_black], "PNG"),
    "somewhere on a larger page": ([page, black_on_white], "PNG"),
    "rotated by up to 10°": ([page, rotate, black_on_white], "PNG"),
    "thinner strokes": ([thin, black_on_white], "PNG"),
    "thicker strokes": ([thick, black_on_white], "PNG"),
    "coloured ink and paper": ([page, coloured], "PNG"),
}
DIRTY = {
    "light from one side": ([page, black_on_white, uneven], "PNG"),
    "coloured, light from one side": ([page, coloured, uneven], "PNG"),
    "a shadow across": ([page, black_on_white, shadow], "PNG"),
    "noise": ([page, black_on_white, noise], "PNG"),
    "JPEG of quality 10": ([page, black_on_white], "JPEG"),
    "all: rotated, coloured, light, noise, JPEG": (
        [page, rotate, coloured, uneven, noise],
        "JPEG",
    ),
}


def render(
    ink: np.ndarray, steps: Sequence[Callable[..., np.ndarray]], kind: str, seed: int
) -> bytes:
    """Return a picture file of a digit.

    Args:
        ink: float [height, width], from `enlarge`.
        steps: functions of this module that turn ink into ink or colours, in this order.
        kind: PNG or JPEG (quality 10).
        seed: seed of the random generator; equal seeds give equal files.
    """
    random = np.random.default_rng(seed)
    picture = ink
    for step in steps:
        picture = step(picture, random)
    pixels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    options = {"quality": 10} if kind == "JPEG" else {"compress_level": 1}
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
