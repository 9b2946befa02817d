"""Prepare a picture file for a network that was trained on MNIST: all steps in one call."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from common.pictures.digits import Digit, find_digits
from common.pictures.fitting import fit
from common.pictures.ink import find_ink
from common.pictures.polarity import LIGHT_ON_DARK, as_trained, passes_unchanged
from common.pictures.reading import Picture, read_picture

import numpy as np

FINE_DIGIT = 32  # pixels; a picture with smaller digits is read again, with more pixels
FINE_SIDE = 1600  # pixels of the longer side, then


@dataclass(frozen=True, eq=False)
class Prepared:
    """The prepared images of a picture file, with the results of the intermediate steps."""

    images: np.ndarray  # uint8 [digits, height, width]: the input of the network
    digits: list[Digit]  # one for each image; empty if the picture was used unchanged
    notes: list[str] = field(default_factory=list)  # what was left out, a phrase each
    picture: Picture | None = None
    ink: np.ndarray | None = None  # float32 [height, width], see `find_ink`

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of each digit in `ink`."""
        return [digit.box for digit in self.digits]

    def without_steps(self) -> Prepared:
        """Return a copy without the intermediate steps, whose arrays are large."""
        nothing = np.empty((0, 0), np.float32)
        digits = [replace(digit, ink=nothing) for digit in self.digits]
        return Prepared(self.images, digits, self.notes)


def prepare(
    path: Path | str,
    image_shape: tuple[int, int] = (28, 28),
    *,
    segment: bool = False,
    unchanged: bool = True,
    polarity: str | None = LIGHT_ON_DARK,
    grey_levels: bool = True,
    centred: bool = True,
) -> Prepared:
    """Turn a picture file into images as a network that was trained on MNIST expects them.

    Args:
        path: PNG, JPEG, GIF (its first image), WebP, BMP, PNM or TIFF.
        image_shape: height and width of the result. The digit takes at most 20/28 of them.
        segment: look for several digits, from left to right; otherwise there must be exactly one.
        unchanged: use a picture that already has the size `image_shape` as it is, if it is light
            on dark or dark on light, with soft or hard edges, like the training images, and as
            large and as central as these.
        polarity: that of the training images, as `Model.polarity` says. None: they had none in
            common.
        grey_levels: whether their strokes have soft edges, as `Model.grey_levels` says.
        centred: whether they are fitted as MNIST's, as `Model.centred` says.

    Returns:
        one image per digit, and the intermediate steps.

    Raises:
        PictureError: the file is not a picture, or too large or too small, or it shows nothing
            that could be a digit, or several digits without `segment`.
    """
    picture = read_picture(path)
    same_size = picture.size == tuple(image_shape)
    kind = polarity, grey_levels, centred
    if unchanged and same_size and passes_unchanged(picture.grey(), *kind):
        return Prepared(picture.grey()[None], [], [], picture)
    ink = find_ink(picture)
    digits, notes = find_digits(ink, picture.path, segment=segment)
    if max(picture.size) > max(ink.shape) and min(map(_side, digits)) < FINE_DIGIT:
        picture = read_picture(path, FINE_SIDE)
        ink = find_ink(picture)
        digits, notes = find_digits(ink, picture.path, segment=segment)
    images = np.stack([fit(digit.ink, image_shape) for digit in digits])
    images = as_trained(images, polarity)
    return Prepared(images, digits, notes, picture, ink)


def _side(digit: Digit) -> int:
    """Return the longer side of a digit, in pixels."""
    return max(digit.ink.shape)
