"""The corruptions of MNIST-C that a few lines of NumPy and SciPy express: twelve of fifteen.

Implemented from the definitions and strengths of the source. Three are left out: motion blur,
which is that of an image program; fog, a fractal; and the edges of Canny's detector. The images are
not the published ones, since the random numbers differ, and glass blur smooths along both axes
here.

Source: Mu and Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019
(arXiv 1906.02337).
"""

from __future__ import annotations

from collections.abc import Callable

from common.comparison.distortions import rotation, salt_and_pepper, shifted, warp

import numpy as np
from scipy import ndimage

Corruption = Callable[[np.ndarray, np.random.Generator], np.ndarray]
THICKNESS = 2.3  # pixels from the middle of a drawn line to where it has faded out


def shot_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Count so few photons, three for full ink, that their number is uncertain."""
    return np.minimum(rng.poisson(images * 3) / 3, 1)


def impulse_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Replace 17 % of the pixels by paper or ink."""
    return next(salt_and_pepper(images, 0.17, rng))


def glass_blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth, exchange pixels with neighbours at random, twice, and smooth again."""
    result = ndimage.gaussian_filter(images, (0, 0.7, 0.7), mode="nearest")
    _, height, width = images.shape
    every = np.arange(len(images))
    for y in [*range(height - 1, 1, -1)] * 2:
        for x in range(width - 1, 1, -1):
            swapped = rng.random(len(images)) < 0.5
            to_y, to_x = (
                np.where(swapped, at - rng.integers(0, 2, len(images)), at) for at in (y, x)
            )
            here = result[:, y, x].copy()
            result[:, y, x] = result[every, to_y, to_x]
            result[every, to_y, to_x] = here
    return ndimage.gaussian_filter(result, (0, 0.7, 0.7), mode="nearest")


def shear(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slant by 0.4 radians to the left or to the right."""
    maps = [np.array([[np.cos(a), 0], [-np.sin(a), 1]]) for a in (0.4, -0.4)]
    return _one_of_two(images, rng, *(warp(images, matrix) for matrix in maps))


def scale(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrink to 0.7 of the size."""
    return warp(images, np.eye(2) / 0.7)


def rotate(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate by 0.4 radians to the left or to the right."""
    both = (warp(images, rotation(sign * np.rad2deg(0.4))) for sign in (1, -1))
    return _one_of_two(images, rng, *both)


def brightness(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add half of the difference between paper and ink to each pixel."""
    return images + 0.5


def translate(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move by three pixels along both axes, each forwards or backwards."""
    left, right = (
        _one_of_two(images, rng, *(shifted(images, dy, dx) for dy in (-3, 3))) for dx in (-3, 3)
    )
    return _one_of_two(images, rng, left, right)


def stripe(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Invert the left and the right quarter of the image."""
    quarter = images.shape[2] // 4
    result = 1 - images
    result[:, :, quarter:-quarter] = images[:, :, quarter:-quarter]
    return result


def spatter(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Splash drops of grey mud on the image, which cover what is under them."""
    drops = ndimage.gaussian_filter(rng.normal(0.65, 0.3, images.shape), (0, 1, 1), mode="nearest")
    cover = ndimage.gaussian_filter((drops > 0.65) * 1.0, (0, 1.5, 1.5), mode="nearest")
    cover[cover < 0.8] = 0
    return images * (1 - cover) + cover * (63 / 255)


def dotted_line(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a line from edge to edge, two columns on and two columns off."""
    height, width = images.shape[1:]
    first, last = rng.integers(0, height - 1, (2, len(images)))
    line = _lines(images.shape, 0, first, width - 1, last)
    line[:, :, np.arange(width) // 2 % 2 == 0] = 0
    return images + line


def zigzag(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a zigzag line across the image: teeth of two pixels, four pixels apart."""
    height, width = images.shape[1:]
    start, end = 2, width - 3
    first = rng.integers(0, height - 1, len(images))
    angle = np.arctan(rng.integers(-5, 5, len(images)) / (end - start))
    length = (end - start) / np.cos(angle)
    result, before = images, (np.full(len(images), float(start)), first.astype(float))
    along = [2 * k + 2 for k in range(0, end - start - 2, 2)]
    for k, at in enumerate(along):
        # A corner of the zigzag, turned about its start.
        u, v = np.minimum(at, length), (-1) ** k * 2
        after = (
            start + u * np.cos(angle) - v * np.sin(angle),
            first + u * np.sin(angle) + v * np.cos(angle),
        )
        result = np.minimum(result + _lines(images.shape, *before, *after), 1)
        before = after
    return result


CORRUPTIONS: dict[str, Corruption] = {
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "glass blur": glass_blur,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brightness,
    "translate": translate,
    "stripe": stripe,
    "spatter": spatter,
    "dotted line": dotted_line,
    "zigzag": zigzag,
}


def _one_of_two(
    images: np.ndarray, rng: np.random.Generator, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    return np.where(rng.random((len(images), 1, 1)) < 0.5, one, other)


def _lines(
    shape: tuple[int, ...],
    x0: np.ndarray | float,
    y0: np.ndarray | float,
    x1: np.ndarray | float,
    y1: np.ndarray | float,
) -> np.ndarray:
    """Draw a line into each image, from the column x0 to x1, that fades with the distance.

    The distance is that along the column, as in the source: a steep line is thin.
    """
    x0, y0, x1, y1 = (np.broadcast_to(v, shape[0])[:, None, None] for v in (x0, y0, x1, y1))
    rows, columns = np.ogrid[: shape[1], : shape[2]]
    slope = (y1 - y0) / np.where(x1 == x0, 1, x1 - x0)
    distance = np.abs(rows - (y0 + slope * (columns - x0)))
    ink = np.log1p(-np.minimum(distance, THICKNESS - 1e-10) / THICKNESS) + 1
    within = (columns >= np.floor(x0)) & (columns < np.ceil(x1))
    return np.where(within, ink, 0).clip(0, 1)
