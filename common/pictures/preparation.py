"""Prepare a picture file for a network that was trained on MNIST: all steps in one call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.pictures.digits import find_digits
from common.pictures.fitting import fit
from common.pictures.ink import find_ink
from common.pictures.polarity import LIGHT_ON_DARK, as_trained, passes_unchanged
from common.pictures.reading import Picture, PictureError, read_picture

import numpy as np


@dataclass(frozen=True, eq=False)
class Prepared:
    """The prepared images of a picture file, with the results of the intermediate steps."""

    images: np.ndarray  # uint8 [digits, height, width]: the input of the network
    # Left, top, right, bottom of each digit in `ink`; empty if the picture was used unchanged.
    boxes: list[tuple[int, int, int, int]]
    picture: Picture | None = None
    ink: np.ndarray | None = None  # float32 [height, width], see `find_ink`

    def without_steps(self) -> Prepared:
        """Return a copy without the intermediate steps, whose arrays are large."""
        return Prepared(self.images, self.boxes)


def prepare(
    path: Path | str,
    image_shape: tuple[int, int] = (28, 28),
    *,
    segment: bool = False,
    unchanged: bool = True,
    polarity: str | None = LIGHT_ON_DARK,
) -> Prepared:
    """Turn a picture file into images as a network that was trained on MNIST expects them.

    Args:
        path: PNG, JPEG, GIF (its first image), WebP, BMP, PNM or TIFF.
        image_shape: height and width of the result. The digit takes at most 20/28 of them.
        segment: look for several digits, from left to right; otherwise there must be exactly one.
        unchanged: use a picture that already has the size `image_shape` as it is, if it is light
            on dark or dark on light like the training images.
        polarity: that of the training images, as `Model.polarity` says. None: they had none in
            common.

    Returns:
        one image per digit, and the intermediate steps.

    Raises:
        PictureError: the file is not a picture, or too large or too small, or it shows nothing
            that could be a digit, or several digits without `segment`.
    """
    picture = read_picture(path)
    same_size = picture.size == tuple(image_shape)
    if unchanged and same_size and passes_unchanged(picture.grey(), polarity):
        return Prepared(picture.grey()[None], [], picture)
    ink = find_ink(picture)
    digits = find_digits(ink, picture.path)
    if len(digits) > 1 and not segment:
        raise PictureError(
            f"{picture.path} shows {len(digits)} shapes side by side, not one digit; crop it to "
            "one, or read all of them with python -m common.predict --segment."
        )
    images = np.stack([fit(digit.ink, image_shape) for digit in digits])
    images = as_trained(images, polarity)
    return Prepared(images, [digit.box for digit in digits], picture, ink)
