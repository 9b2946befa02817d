"""Prepared images are light on dark; a network may have been trained with dark on light."""

from __future__ import annotations

from common.datasets.orientation import POLARITIES, are_centred, has_grey_levels

import numpy as np

LIGHT_ON_DARK, DARK_ON_LIGHT = POLARITIES
EDGE_LEVEL = 64  # of 255: how far the median along the edge may be from black, or from white
# Of 255: a picture whose darkest (or lightest) pixel is farther away has a coloured background, as
# those have that matplotlib.pyplot.imsave writes.
FLOOR = 4


def passes_unchanged(
    grey: np.ndarray, polarity: str | None, grey_levels: bool, centred: bool
) -> bool:
    """Say whether a picture is like the images that a network was trained with.

    Args:
        grey: uint8 [height, width].
        polarity: that of the training images; None if they had none in common, so that any
            picture passes.
        grey_levels: whether the strokes of the training images have soft edges. A picture of black
            and white does not pass then: its thin strokes are thinner than any in MNIST.
        centred: whether the training images have one size and their centre of mass in the middle.
            A digit in a corner, or one that fills the picture, does not pass then.
    """
    if grey_levels and not has_grey_levels(grey[None]):
        return False
    if centred and polarity and not are_centred(grey[None], polarity):
        return False
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    level = float(np.median(edge))
    return {
        LIGHT_ON_DARK: level <= EDGE_LEVEL and grey.min() <= FLOOR,
        DARK_ON_LIGHT: level >= 255 - EDGE_LEVEL and grey.max() >= 255 - FLOOR,
    }.get(polarity, True)


def as_trained(images: np.ndarray, polarity: str | None) -> np.ndarray:
    """Return prepared images, light on dark, as the training images were.

    Args:
        images: uint8, of any shape.
        polarity: that of the training images.
    """
    return 255 - images if polarity == DARK_ON_LIGHT else images
