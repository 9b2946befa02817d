"""Light on dark or dark on light, soft edges, centred, transposed: what the images tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.datasets.download import TEST_IMAGES, TEST_LABELS
from common.datasets.idx import DataError, read_idx

import numpy as np

POLARITIES = ("light on dark", "dark on light")
HARD, SOFT = 20, 0.1  # this near to black or white is not grey; least fraction of grey in the ink
SAMPLE = 1_000  # images that are looked at for the polarity
AGREEING = 0.9  # fraction of them that must have one polarity, or be centred
# Fractions of the sides: MNIST's digits take 18 to 20 of 28 pixels, where these have more than INK
# of 255, and their centre of mass is at most one pixel from the middle.
OFF_CENTRE, SMALLEST, LARGEST, INK = 1.5 / 28, 16 / 28, 22 / 28, 64
SIDE = 20  # of the mean images that are compared, in pixels
# The least correlation of mean images with MNIST's for digits, handwritten or printed, and how much
# larger it must be than that of the images as they are. tests/datasets/test_conventions.py has
# digits above and other things below.
ALIKE, CLEARLY = 0.28, 0.1
DIGITS = tuple("0123456789")


def polarity_of(images: np.ndarray) -> str | None:
    """Say whether images are light on dark or dark on light; None if neither holds for most.

    The background of an image is the median of the pixels along its edge.

    Args:
        images: uint8 [n, height, width].
    """
    sample = images[:: -(-len(images) // SAMPLE)]
    inner = np.zeros(images.shape[1:], bool)
    inner[1:-1, 1:-1] = True
    rows = sample.reshape(len(sample), -1)
    background = np.median(rows[:, ~inner.ravel()], axis=1)
    lighter = rows.mean(axis=1) - background
    lighter = lighter[lighter != 0]
    if not len(lighter):
        return None
    fraction = float((lighter > 0).mean())
    if max(fraction, 1 - fraction) < AGREEING:
        return None
    return POLARITIES[int(fraction < 0.5)]


def has_grey_levels(images: np.ndarray) -> bool:
    """Say whether the strokes of most images have soft edges, as those of scans do.

    Of MNIST's 70,000 images all but a few have grey pixels; drawings of black and white have none.

    Args:
        images: uint8 [n, height, width], light on dark or dark on light.
    """
    sample = images[:: -(-len(images) // SAMPLE)].reshape(-1, images[0].size)
    dark = np.minimum(sample, 255 - sample) > HARD
    ink = np.minimum((sample > HARD).sum(axis=1), (sample < 255 - HARD).sum(axis=1))
    return bool(np.mean(dark.sum(axis=1) > SOFT * ink) >= 0.5)


def are_centred(images: np.ndarray, polarity: str | None) -> bool:
    """Say whether most images are fitted as MNIST's: one size, the centre of mass in the middle.

    Args:
        images: uint8 [n, height, width].
        polarity: as `polarity_of` says; for None the answer is False.
    """
    if polarity is None:
        return False
    sample = images[:: -(-len(images) // SAMPLE)]
    light = 255 - sample if polarity == POLARITIES[1] else sample
    fitted = light.any(axis=(1, 2))
    longest = np.zeros(len(light))
    for axis in (1, 2):
        size = light.shape[axis]
        profile = light.sum(axis=3 - axis, dtype=np.float64)
        mass = np.maximum(profile.sum(axis=1), 1)
        centre = profile @ ((np.arange(size) + 0.5) / size) / mass
        fitted &= np.abs(centre - 0.5) <= OFF_CENTRE
        ink = (light > INK).any(axis=3 - axis)
        length = (size - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)) * ink.any(axis=1)
        longest = np.maximum(longest, length / size)
    fitted &= (longest >= SMALLEST) & (longest <= LARGEST)
    return bool(fitted.mean() >= AGREEING)


def orientation_remark(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    polarity: str | None,
    transposed: bool,
    mnist_folder: Path,
) -> str | None:
    """Return a sentence if digits look transposed, turned or mirrored beside MNIST's.

    The mean image of each class, less the mean of all, is correlated with MNIST's in each of the
    eight orientations. Nothing is said of classes that are not called 0 to 9, of images that
    resemble MNIST's digits in no orientation, or where MNIST cannot be read.

    Args:
        images: uint8 [n, height, width].
        labels: integers [n].
        class_names: the names of the classes.
        polarity: as `polarity_of` says.
        transposed: rows and columns were exchanged already.
        mnist_folder: the folder with MNIST's files.
    """
    if tuple(class_names) != DIGITS or min(images.shape[1:]) < 4:
        return None
    own = _mean_images(images, labels, polarity)
    paths = [mnist_folder / name for name in (TEST_IMAGES, TEST_LABELS)]
    if own is None or not all(path.is_file() for path in paths):
        return None
    try:
        mnist = _mean_images(*map(read_idx, paths), POLARITIES[0])
    except DataError:
        return None
    if mnist is None:
        return None
    # Turned by so many quarters after rows and columns were exchanged, or not.
    likeness = {
        (flip, turns): _correlation(
            np.rot90(own.transpose(0, 2, 1) if flip else own, turns, axes=(1, 2)), mnist
        )
        for flip in (False, True)
        for turns in range(4)
    }
    best = max(likeness, key=likeness.__getitem__)
    if likeness[best] < max(ALIKE, likeness[False, 0] + CLEARLY):
        return None
    if best == (True, 0):
        other = "without --transpose" if transposed else "with --transpose, as EMNIST's files need"
        return f"WARNING: these digits look transposed beside MNIST's; run again {other}"
    return (
        "WARNING: these digits look turned or mirrored beside MNIST's; a net that is trained with "
        "them misreads upright pictures: turn them before"
    )


def _mean_images(images: np.ndarray, labels: np.ndarray, polarity: str | None) -> np.ndarray | None:
    """Return what tells the classes apart: float64 [10, SIDE, SIDE], light ink, without margins."""
    means = np.stack([images[labels == k].mean(axis=0, dtype=np.float64) for k in range(10)])
    if polarity == POLARITIES[1]:
        means = 255 - means
    ink = means.max(axis=0)
    ink = ink > ink.min() + 0.2 * np.ptp(ink)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) < 2:
        return None
    means = means[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    means = _resized(_resized(means, 1), 2)
    return means - means.mean(axis=0)


def _resized(images: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate one axis of [n, height, width] to SIDE values."""
    size = images.shape[axis]
    places = (np.arange(SIDE) + 0.5) * size / SIDE - 0.5
    below = np.clip(places.astype(int), 0, size - 2)
    weight = np.clip(places - below, 0, 1).reshape((-1, 1) if axis == 1 else (1, -1))
    low, high = images.take(below, axis), images.take(below + 1, axis)
    return low + (high - low) * weight


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    length = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / length if length else 0.0
