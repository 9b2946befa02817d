"""Scale a digit and centre it as in MNIST."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

BOX_FRACTION = 20 / 28  # of the height and width of an image that MNIST's digits take, at most
# Of the longer side, which takes 20 pixels in MNIST: thinner strokes are widened and wider ones are
# thinned, as MNIST has few.
MIN_STROKE, MAX_STROKE = 1.7 / 20, 4.0 / 20
FINE = 160  # pixels of the longer side of a digit whose strokes are changed by whole pixels


def fit(ink: np.ndarray, image_shape: tuple[int, int] = (28, 28)) -> np.ndarray:
    """Scale a digit and place it in an image by its centre of mass.

    The method is that of MNIST (http://yann.lecun.com/exdb/mnist/), with a least and a greatest
    stroke width.

    Args:
        ink: float32 [height, width], 0 paper to 1 ink, with any margin; the largest value must be
            above 0.37.
        image_shape: height and width of the result.

    Returns:
        uint8 `image_shape`, 0 paper, 255 ink. The digit takes at most 20/28 of the height and of
        the width. Its centre of mass is in the middle of the image, or as near as the digit fits.
    """
    ink = ((ink - 0.1) / 0.9).clip(0, 1)  # values below are noise, values above are full ink
    ink = _with_usual_stroke(ink)
    small = _scaled(ink, BOX_FRACTION * image_shape[0], BOX_FRACTION * image_shape[1])
    small = small / max(small.max(), 1e-6)

    result = np.zeros(image_shape, np.float32)
    mass = ndimage.center_of_mass(small)
    # In MNIST the mean centre of mass is row 14.0, column 14.0, counted from 0: half a pixel below
    # and to the right of the middle.
    top, left = (
        int(np.clip(round(whole / 2 - centre), 0, whole - side))
        for whole, centre, side in zip(image_shape, mass, small.shape, strict=True)
    )
    result[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.rint(result * 255).astype(np.uint8)


def _scaled(ink: np.ndarray, most_high: float, most_wide: float) -> np.ndarray:
    """Cut a digit out and scale it to the largest size that is neither higher nor wider."""
    rows, columns = (np.flatnonzero((ink > 0.3).any(axis=axis)) for axis in (1, 0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    high, wide = box[3] - box[1], box[2] - box[0]
    scale = min(most_high / high, most_wide / wide)
    high, wide = max(1, round(high * scale)), max(1, round(wide * scale))
    # BOX averages all pixels that become one, which gives anti-aliased edges. It would only repeat
    # the pixels of a digit that is enlarged.
    kind = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(ink).resize((wide, high), kind, box=box))


def _with_usual_stroke(ink: np.ndarray) -> np.ndarray:
    """Widen strokes that would be paler than any in MNIST, and thin those that fill a digit."""
    if max(ink.shape) < FINE:
        ink = _scaled(ink, FINE, FINE)
    mask = ink > 0.5
    if not mask.any():
        return ink
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    # The mean distance of the pixels of a stroke of width w to its edge is w / 4.
    width = 4 * float(ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][mask].mean())
    missing = int((MIN_STROKE * side - width) / 2 + 0.5)
    if missing >= 1:
        return ndimage.grey_dilation(np.pad(ink, missing), footprint=_disc(missing))
    # What is taken off the strokes is taken off the longer side, too: (width - 2 · surplus) /
    # (side - 2 · surplus) = MAX_STROKE, in the size in which it is taken off.
    surplus = int((width / side - MAX_STROKE) / (1 - MAX_STROKE) / 2 * FINE)
    if surplus >= 1:
        fine = _scaled(ink, FINE, FINE)
        thin = ndimage.grey_erosion(fine, footprint=_disc(surplus), mode="constant")
        return thin if (thin > 0.5).any() else ink
    return ink


def _disc(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return x * x + y * y <= radius * radius
