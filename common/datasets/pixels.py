"""Images as files have them → grey images of bytes, 0 to 255.

Whatever is clear is converted, and a remark says so; what cannot be right is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from common.datasets.idx import DataError, times

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # luminance of red, green, blue (ITU-R BT.601)
ROWS = 1_000  # images that are converted at a time, so that little is in memory twice
LEAST_RANGE = 140  # images that use less than this of 0 to 255 look doubtful
TOLERANCE = 1e-3  # of the largest value: what resizing and rounding may add to it


def grey_images(images: np.ndarray, name: str, remarks: list[str]) -> np.ndarray:
    """Bring images to three dimensions, with colours made grey.

    Args:
        images: numbers, [n, height, width], perhaps with one axis more for 1 or 3 channels (at the
            end, or after the first), or [n, pixels] for square images.
        name: how messages name the images.
        remarks: a sentence is added for what was done.

    Returns:
        [n, height, width] of the same type, float32 for colours that are no bytes.

    Raises:
        DataError: it is none of these.
    """
    shape = images.shape
    if images.dtype.kind not in "buif" or 0 in shape or images.ndim < 2:
        raise DataError(_no_images(images, name))
    channels = [axis for axis in (images.ndim - 1, 1) if images.ndim == 4 and shape[axis] == 3]
    if channels:
        remarks.append("the images are in colour and were made grey")
        return _luminance(np.moveaxis(images, channels[0], 3))
    plain = images.reshape(len(images), *(side for side in shape[1:] if side > 1))
    if plain.ndim == 3:
        return plain
    if plain.ndim < 3:
        pixels = plain.size // len(plain)
        side = math.isqrt(pixels)
        if side * side == pixels:
            if pixels > 1:
                remarks.append(
                    f"each row of {pixels:,} pixels was taken as an image of {times((side, side))}"
                )
            return plain.reshape(len(plain), side, side)
        if images.ndim > 2:  # really one pixel high or wide
            return images.reshape(shape[:3])
    raise DataError(_no_images(images, name))


def _no_images(images: np.ndarray, name: str) -> str:
    if 0 in images.shape:
        return f"{name} has no images or no pixels; put grey images there."
    return (
        f"{name} holds {times(images.shape)} values of type {images.dtype}, not grey images; put "
        "number × height × width values there, from 0 to 255 (rows of square images are taken, "
        "too, and a last axis of 1 or 3 channels)."
    )


def _luminance(images: np.ndarray) -> np.ndarray:
    """Make [n, height, width, 3] grey: uint8 stays uint8, all else becomes float32."""
    dtype = np.uint8 if images.dtype == np.uint8 else np.float32
    grey = np.empty(images.shape[:3], dtype)
    for start in range(0, len(images), ROWS):
        with np.errstate(all="ignore"):  # what is not finite is reported later
            rows = images[start : start + ROWS].astype(np.float32) @ LUMA
        grey[start : start + ROWS] = np.rint(rows) if dtype == np.uint8 else rows
    return grey


def to_bytes(
    parts: Sequence[np.ndarray],
    names: Sequence[str],
    remarks: list[str],
    largest: float | None = None,
) -> tuple[list[np.ndarray], float]:
    """Scale the pixels of all parts of a data set alike.

    Args:
        parts: numbers [n, height, width]; the last but one is the largest part.
        names: how messages name each part.
        remarks: a sentence is added for what was done or looks doubtful.
        largest: the value that becomes 255; None decides by what is there: 1 for values up to 1,
            15 or 16 where that is the largest value, 255 otherwise.

    Returns:
        uint8 arrays, the same objects where nothing had to be done, and `largest`.

    Raises:
        DataError: pixels that are no numbers, negative, above 255 or all equal, or parts on
            different scales.
    """
    ranges = [_range_of(part, name) for part, name in zip(parts, names, strict=True)]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if largest is None:
        largest = _scale(high)
        for (_, top), name in zip(ranges, names, strict=True):
            # 0 to 1 beside 0 to 255; a part of 0 to 16 may well end at 15.
            if _scale(top) < largest and (_scale(top) == 1 or high >= LEAST_RANGE):
                other = names[[top for _, top in ranges].index(high)]
                raise DataError(
                    f"{name} has pixels up to {top:g} but {other} up to {high:g}; bring both to "
                    "one scale, 0 to 255."
                )
    elif high > largest * (1 + TOLERANCE) or (largest > 1 and _scale(high) == 1):
        raise DataError(
            f"{names[0]} has pixels up to {high:g}, and the model was trained with pixels from 0 "
            f"to {largest:g}; bring them to that scale."
        )
    factor = 255 / largest
    if factor != 1:
        remarks.append(f"pixels from 0 to {largest:g} were scaled to 0 to 255")
    elif any(part.dtype.kind == "f" and not _is_whole(part) for part in parts):
        remarks.append("pixels between whole numbers were rounded")
    if (high - low) * factor < LEAST_RANGE:
        remarks.append(
            f"WARNING: the pixels are from {low:g} to {high:g} only, where 0 to 255 was expected; "
            "a net learns badly from such images: scale them before"
        )
    return [_scaled(part, factor) for part in parts], largest


def _scale(high: float) -> float:
    """Return which value stands for white where `high` is the largest."""
    if high <= 1 + TOLERANCE:
        return 1.0
    return float(high) if high in (15, 16) else 255.0


def _range_of(images: np.ndarray, name: str) -> tuple[float, float]:
    """Return the least and the largest pixel.

    Raises:
        DataError: a pixel that cannot be right, or all are equal.
    """
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        place = _first(images, lambda rows: ~np.isfinite(rows))
        raise DataError(
            f"{name} has a pixel that is not a finite number (NaN or infinity) in image "
            f"{place}; pixels should be from 0 to 255: correct or leave out what is damaged."
        )
    tolerance = TOLERANCE * abs(high) if images.dtype.kind == "f" else 0
    if low < -tolerance:
        place = _first(images, lambda rows: rows < -tolerance)
        raise DataError(
            f"{name} has a negative pixel, {low:g} being the least, the first in image "
            f"{place}; pixels should be from 0 to 255: undo the normalisation, for example "
            "(x + 1) * 127.5 for values from -1 to 1."
        )
    if high > 255 * (1 + TOLERANCE):
        place = _first(images, lambda rows: rows > 255 * (1 + TOLERANCE))
        raise DataError(
            f"{name} has a pixel above 255, {high:g} being the largest, the first in image "
            f"{place}; pixels should be from 0 to 255: divide 16-bit images by 257."
        )
    if low == high:
        why = " (a division of whole numbers by 255 gives 0)" if low == 0 else ""
        raise DataError(
            f"all pixels of {name} are {low:g}, so there is nothing to learn from; look at what "
            f"wrote them, and write the images again{why}."
        )
    return low, high


def _first(images: np.ndarray, is_wrong: Callable[[np.ndarray], np.ndarray]) -> int:
    """Return the index of the first image with a wrong pixel."""
    return next(k for k, image in enumerate(images) if is_wrong(image).any())


def _is_whole(images: np.ndarray) -> bool:
    starts = range(0, len(images), ROWS)
    return all(
        np.array_equal(rows, np.rint(rows)) for rows in (images[s : s + ROWS] for s in starts)
    )


def _scaled(images: np.ndarray, factor: float) -> np.ndarray:
    """Multiply, round and limit to uint8; bytes that need none of it are returned as they are."""
    if factor == 1 and images.dtype == np.uint8:
        return images
    scaled = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), ROWS):
        rows = images[start : start + ROWS].astype(np.float64)
        scaled[start : start + ROWS] = np.rint(rows * factor).clip(0, 255)
    return scaled
