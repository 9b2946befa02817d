"""Test images → the same images, shifted, rotated, noisy, …, in several strengths.

All functions take and return float32 images [n, height, width] from 0 (paper) to 1 (ink).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage

DIRECTIONS = [(-1, 0), (0, 1), (1, 0), (0, -1)]


class Distortion(NamedTuple):
    """One way to distort images, in strengths of which one changes nothing."""

    unit: str  # what the strengths count
    strengths: tuple[float, ...]
    neutral: float  # the strength that changes nothing
    # (images, strength, random numbers) → the images, once or in several versions
    apply: Callable[[np.ndarray, float, np.random.Generator], Iterator[np.ndarray]]


def warp(images: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Resample images by a linear map about their centre; outside they are paper.

    Args:
        images: float32 [n, height, width].
        matrix: float [2, 2]. The pixel at centre + (y, x) is read at centre + matrix · (y, x), so
            that a factor of 2 halves the size of a digit.

    Returns:
        float32 [n, height, width], interpolated linearly.
    """
    _, height, width = images.shape
    centre = np.array([[(height - 1) / 2], [(width - 1) / 2]])
    grid = np.indices((height, width)).reshape(2, -1)
    place = matrix @ (grid - centre) + centre
    corner = np.floor(place).astype(int)
    after = place - corner
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(len(images), -1)
    result = np.zeros((len(images), height * width), np.float32)
    for dy, dx in (0, 0), (0, 1), (1, 0), (1, 1):
        y = np.clip(corner[0] + dy, -1, height) + 1
        x = np.clip(corner[1] + dx, -1, width) + 1
        weight = np.where(dy, after[0], 1 - after[0]) * np.where(dx, after[1], 1 - after[1])
        result += padded[:, y * (width + 2) + x] * weight.astype(np.float32)
    return result.reshape(images.shape)


def rotation(degrees: float) -> np.ndarray:
    """Return the matrix for `warp` that turns images anticlockwise by so many degrees."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def shifted(images: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Move images down by `dy` and to the right by `dx` pixels; what leaves the image is lost."""
    height, width = images.shape[1:]
    result = np.zeros_like(images)
    rows, columns = ((max(d, 0), size + min(d, 0)) for d, size in ((dy, height), (dx, width)))
    result[:, slice(*rows), slice(*columns)] = images[
        :, rows[0] - dy : rows[1] - dy, columns[0] - dx : columns[1] - dx
    ]
    return result


def _shift(images: np.ndarray, pixels: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for dy, dx in DIRECTIONS if pixels else [(0, 0)]:
        yield shifted(images, round(pixels) * dy, round(pixels) * dx)


def _rotate(images: np.ndarray, degrees: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for sign in (1, -1) if degrees else (1,):
        yield warp(images, rotation(sign * degrees))


def _scale(images: np.ndarray, factor: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield warp(images, np.eye(2) / factor)


def _stroke(images: np.ndarray, pixels: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    # A whole pixel is the largest (or smallest) of a pixel and its four neighbours; half a pixel
    # is the mean of before and after.
    extreme, result, left = np.maximum if pixels > 0 else np.minimum, images, abs(pixels)
    while left > 0:
        part, wider = min(left, 1), result
        for dy, dx in DIRECTIONS:
            wider = extreme(wider, shifted(result, dy, dx))
        result, left = (1 - part) * result + part * wider, left - 1
    yield result.astype(np.float32)


def _erase(images: np.ndarray, side: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    result, side = images.copy(), round(side)
    height, width = images.shape[1:]
    tops = rng.integers(0, max(height - side, 0) + 1, len(images))
    lefts = rng.integers(0, max(width - side, 0) + 1, len(images))
    for image, top, left in zip(result, tops, lefts, strict=True):
        image[top : top + side, left : left + side] = 0
    yield result


def _noise(images: np.ndarray, sigma: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield (images + sigma * rng.standard_normal(images.shape, np.float32)).clip(0, 1)


def salt_and_pepper(
    images: np.ndarray, fraction: float, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Replace a fraction of the pixels by paper or ink, with equal probability."""
    chance = rng.random(images.shape, np.float32)
    result = np.where(chance < fraction / 2, np.float32(0), images)
    yield np.where(chance > 1 - fraction / 2, np.float32(1), result)


def _blur(images: np.ndarray, sigma: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield ndimage.gaussian_filter(images, (0, sigma, sigma)) if sigma else images


def _pale(images: np.ndarray, factor: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield images * np.float32(factor)


def _invert(images: np.ndarray, part: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    yield (1 - np.float32(part)) * images + np.float32(part) * (1 - images)


DISTORTIONS = {
    "shift": Distortion("pixels, mean over four directions", (0, 1, 2, 3, 4, 5, 6), 0, _shift),
    "rotation": Distortion(
        "degrees, mean of both directions", (0, 10, 20, 30, 45, 60, 90), 0, _rotate
    ),
    "size": Distortion("factor", (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3), 1, _scale),
    "stroke width": Distortion(
        "pixels added on each side", (-1, -0.5, 0, 0.5, 1, 1.5, 2), 0, _stroke
    ),
    "erased square": Distortion("pixels per side", (0, 4, 6, 8, 10, 12, 14), 0, _erase),
    "Gaussian noise": Distortion("σ, where ink is 1", (0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8), 0, _noise),
    "salt and pepper": Distortion(
        "fraction of the pixels", (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5), 0, salt_and_pepper
    ),
    "blur": Distortion("σ in pixels", (0, 0.5, 1, 1.5, 2, 2.5, 3), 0, _blur),
    "contrast": Distortion("factor", (1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05), 1, _pale),
    "inversion": Distortion(
        "fraction of the negative", (0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1), 0, _invert
    ),
}
