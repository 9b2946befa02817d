"""Numbers that describe the strokes of images, for `common.run.familiarity`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

GRID = 14  # images are averaged down to this height and width: the directions stay
CELLS = 7  # parts of an image, in each direction
DIRECTIONS = 8
NUM_COUNTS = 5
PART_PIXELS = 1_000_000  # that are described at a time


def stroke_counts(images: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Count the parts, holes and strokes of images, at half of the full brightness.

    The Euler number is the number of connected parts less the number of holes, counted in squares
    of 2 × 2 pixels (Gray, "Local properties of binary images in two dimensions", 1971). Runs are
    the strokes that a row or a column crosses.

    Args:
        images: uint8 [n, height, width] or [n, pixels].
        image_shape: height and width.

    Returns:
        float32 [n, NUM_COUNTS]: Euler number, most runs in a row and in a column, and their means
        over the rows and columns with ink.
    """
    parts = [_counts(some > 127) for some in _in_parts(images, image_shape)]
    return np.concatenate(parts or [np.empty((0, NUM_COUNTS), np.float32)])


def _counts(ink: np.ndarray) -> np.ndarray:
    """Compute `stroke_counts` for bool [n, height, width], True for ink."""
    ink = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    a, b, c, d = ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]
    filled = a.astype(np.int8) + b + c + d
    diagonal = (filled == 2) & (a == d)
    ones, threes = (np.count_nonzero(filled == count, axis=(1, 2)) for count in (1, 3))
    euler = (ones - threes - 2 * np.count_nonzero(diagonal, axis=(1, 2))) / 4
    counts = [euler]
    for runs in ((a != b).sum(axis=2) / 2, (a != c).sum(axis=1) / 2):
        counts += [runs.max(axis=1), runs.sum(axis=1) / np.maximum((runs > 0).sum(axis=1), 1)]
    return np.stack(counts, axis=1).astype(np.float32)


def edge_directions(images: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Return how strong edges of each direction are, in each of CELLS × CELLS parts of images.

    Args:
        images: uint8 [n, height, width] or [n, pixels].
        image_shape: height and width.

    Returns:
        float32 [n, DIRECTIONS · CELLS²], each row of length 1 (0 for an image of one colour).
    """
    windows = _both(_windows(), _windows())
    angles = 2 * np.pi * np.arange(DIRECTIONS, dtype=np.float32) / DIRECTIONS
    result = np.empty((len(images), DIRECTIONS, CELLS * CELLS), np.float32)
    start = 0
    for some in _in_parts(images, image_shape):
        small = _shrink(some)
        across, down = np.zeros_like(small), np.zeros_like(small)
        across[:, :, 1:-1] = small[:, :, 2:] - small[:, :, :-2]
        down[:, 1:-1] = small[:, 2:] - small[:, :-2]
        across, down = (g.reshape(len(small), -1) for g in (across, down))
        strength = np.sqrt(across * across + down * down)
        across /= strength + 1e-6
        down /= strength + 1e-6
        for k, angle in enumerate(angles):
            # ((1 + cos)/2)⁸ of the angle between: a smooth bin 90 degrees wide.
            near = np.cos(angle) / 2 * across + np.sin(angle) / 2 * down + np.float32(0.5)
            for _ in range(3):
                near *= near
            result[start : start + len(small), k] = (near * strength) @ windows
        start += len(small)
    result = np.sqrt(result).reshape(len(images), -1)
    return result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-6)


def _in_parts(images: np.ndarray, image_shape: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the images as uint8 [m, height, width], so many at a time that they fit in a cache."""
    images = images.reshape(-1, *image_shape)
    step = max(1, PART_PIXELS // math.prod(image_shape))
    yield from (images[start : start + step] for start in range(0, len(images), step))


def _shrink(images: np.ndarray) -> np.ndarray:
    """Average uint8 [n, height, width] to float32 [n, GRID, GRID], from 0 to 1."""
    n, height, width = images.shape
    rows, columns = (_averages(length, GRID).astype(np.float32) for length in (height, width))
    small = images.reshape(-1, width).astype(np.float32) @ (columns.T / 255)
    small = small.reshape(n, height, GRID).swapaxes(1, 2).reshape(-1, height) @ rows.T
    return np.ascontiguousarray(small.reshape(n, GRID, GRID).swapaxes(1, 2))


def _both(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Combine weights for rows [a, height] and for columns [b, width]: [height · width, a · b]."""
    weights = np.einsum("ih,jw->hwij", rows, columns)
    return weights.reshape(rows.shape[1] * columns.shape[1], -1).astype(np.float32)


def _averages(length: int, parts: int) -> np.ndarray:
    """Return the weights that average `length` pixels to `parts`, float64 [parts, length]."""
    edges, pixels = np.linspace(0, length, parts + 1), np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return overlap.clip(0) * parts / length


def _windows() -> np.ndarray:
    """Return weights of CELLS overlapping triangular windows over GRID pixels: [CELLS, GRID]."""
    width = GRID / CELLS
    centres = (np.arange(CELLS) + 0.5) * width
    weights = (1 - np.abs(np.arange(GRID) + 0.5 - centres[:, None]) / (1.5 * width)).clip(0)
    return weights / weights.sum(axis=1, keepdims=True)
