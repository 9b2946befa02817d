"""Separate the ink of a picture from its paper, independent of colours and lighting."""

from __future__ import annotations

from dataclasses import replace

from common.datasets.idx import times
from common.pictures.classes import CLEAR, two_classes
from common.pictures.paper import find_sheet
from common.pictures.reading import Picture, PictureError

import numpy as np
from scipy import ndimage

MIN_SIDE = 8  # pixels that the longer side of a picture, and of a digit, must have
MIN_CONTRAST = 0.06  # least difference between ink and paper, as a fraction of black to white
LIGHT_SIDE = 96  # the lighting changes slowly: it is estimated on a picture of this size
LEAST_BLOCK = 4  # pixels; a picture of blocks of this size or more was enlarged
CLEAR_CONTRAST = 0.25  # least difference between two clear classes: ink and paper without doubt
LONGEST_RUN = 0.7  # of a side that ink can cover; what runs on for longer is a table or a shadow
WIDEST_STROKE = 1 / 3  # of the picture; wider differences are lighting: a gradient or a shadow


def find_ink(picture: Picture) -> np.ndarray:
    """Return how much ink each pixel has: dark on light or light on dark, coloured or grey.

    The paper is what surrounds the ink: a sheet that lies on a table, or else the colour along the
    edges of the picture. The ink is the colour that differs most from it. Uneven lighting is
    estimated with a morphological opening and removed.

    Returns:
        float32 [height, width], 0 for paper, about 1 for ink.

    Raises:
        PictureError: the picture is too small, or blank.
    """
    height, width = picture.size
    if max(height, width) < MIN_SIDE or min(picture.colours.shape[:2]) < 3:
        raise PictureError(
            f"{picture.path} has only {times(picture.size)} pixels, too few to show a digit; "
            f"it should have at least {times((2 * MIN_SIDE, 2 * MIN_SIDE))}."
        )
    picture = replace(picture, colours=_without_blocks(picture.colours))
    sheet = find_sheet(picture.colours)
    if sheet:
        place, colours = sheet
        part = _ink(colours) if min(colours.shape[:2]) >= MIN_SIDE else None
        if part is not None:
            ink = np.zeros(picture.colours.shape[:2], np.float32)
            ink[place] = part
            return ink
    ink = _ink(picture.colours)
    if ink is None and picture.opacity.min() < 1:
        # White ink on a transparent background is invisible on white, so it is put on black.
        ink = _ink(picture.colours - (1 - picture.opacity[..., None]))
    if ink is None:
        raise PictureError(
            f"{picture.path} is blank: nothing in it differs clearly from the background; write "
            "darker or photograph it in better light."
        )
    return ink


def smooth(ink: np.ndarray) -> np.ndarray:
    """Blur float32 [height, width] by a pixel, small pictures by half a pixel.

    This averages noise and the dots of dithered pictures away. The dots would enlarge the bounding
    box of a digit, and holes in a stroke would make it look thin.
    """
    return ndimage.gaussian_filter(ink, 1.0 if max(ink.shape) >= 100 else 0.5)


def _ink(colours: np.ndarray) -> np.ndarray | None:
    """Compute `find_ink` for float32 [height, width, 3]; None if the picture is blank."""
    height, width = colours.shape[:2]
    # The averages of a smaller picture hardly contain noise and thin strokes.
    factor = -(-max(height, width) // LIGHT_SIDE)
    top, left = min(factor // 2, height - 1), min(factor // 2, width - 1)
    small = ndimage.uniform_filter1d(colours, factor, axis=0, mode="nearest")[top::factor]
    small = ndimage.uniform_filter1d(small, factor, axis=1, mode="nearest")[:, left::factor]
    written = _ink_at_edges(small)
    surface = _surface_through_edges(small, ~written)
    difference = small - surface
    # The direction in colour space from paper to ink: the mean of the differences, weighted by
    # their squared lengths, so that many small differences hardly count.
    weights = np.square(difference).sum(axis=2, keepdims=True)
    direction = (difference * weights).sum(axis=(0, 1))
    length = float(np.linalg.norm(direction))
    if length < 1e-9:
        return None
    direction /= length
    surroundings = np.where(written, surface @ direction, small @ direction)
    ink = _without_lighting(
        colours @ direction, small @ direction, surroundings, float(direction.sum())
    )
    smoothed = smooth(ink)
    classes = two_classes(smoothed)
    if classes.contrast > max(CLEAR_CONTRAST, CLEAR * classes.low_spread):
        # A tight crop can have more ink than paper: the median would be ink.
        paper = smoothed[smoothed <= classes.threshold]
    else:
        paper = smoothed
    middle = np.median(paper)
    noise = 1.4826 * float(np.median(np.abs(paper - middle)))  # σ, from the median deviation
    clear = smoothed[smoothed > middle + 4 * noise + MIN_CONTRAST / 2] - middle
    if not clear.size:
        return None
    level = float(np.square(clear).sum() / clear.sum())  # a mean weighted towards the darkest ink
    if level < max(MIN_CONTRAST, 5 * noise):
        return None
    return ((ink - middle) / level).astype(np.float32)


def _without_blocks(colours: np.ndarray) -> np.ndarray:
    """Smooth a small picture that was enlarged by repeating its pixels: float32 [height, width, 3].

    The corners of its blocks are no strokes. Other pictures are returned as they are.
    """
    size = 0
    for axis in (0, 1):
        changes = np.diff(colours, axis=axis).any(axis=(1 - axis, 2))
        size = int(np.gcd.reduce([size, colours.shape[axis], *(np.flatnonzero(changes) + 1)]))
    if size < LEAST_BLOCK or min(colours.shape[:2]) == size:
        return colours
    small = colours[::size, ::size]
    zoom = (size, size, 1)
    return ndimage.zoom(small, zoom, order=3, mode="nearest", grid_mode=True).clip(0, 1)


def _ink_at_edges(small: np.ndarray) -> np.ndarray:
    """Find where the ink reaches the edge of the picture, so that it is not taken for paper.

    Ink at the edge is the rarer of two clear classes of colours, where it does not run on along
    most of a side: that is a table or a shadow.

    Returns:
        bool [height, width] for float32 [height, width, 3]; only its edge is of use.
    """
    flat = small.reshape(-1, 3)
    flat = flat - flat.mean(axis=0)
    axis = np.linalg.eigh(flat.T @ flat)[1][:, -1]  # along which the colours differ most
    values = (small - small.mean(axis=(0, 1))) @ axis
    classes = two_classes(values)
    high = values > classes.threshold
    none = np.zeros(high.shape, bool)
    margin = max(1, round(0.06 * max(high.shape)))
    edge = _edge(high.shape, margin)
    ink = high if high[edge].mean() < 0.5 else ~high
    spread = classes.low_spread if ink is high else classes.high_spread
    if classes.contrast < max(CLEAR_CONTRAST, CLEAR * spread):
        return none
    for line in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
        # The short sides of a tight crop are covered by a 1.
        if _longest_run(line) > LONGEST_RUN * max(len(line), 0.6 * max(ink.shape)):
            return none
    return ndimage.binary_dilation(ink)


def _longest_run(line: np.ndarray) -> int:
    """Return the length of the longest run of True in bool [n]."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]])))
    return int((changes[1::2] - changes[::2]).max(initial=0))


def _edge(shape: tuple[int, ...], margin: int) -> np.ndarray:
    """Return a mask of the outer pixels of a picture."""
    edge = np.ones(shape, bool)
    edge[margin : shape[0] - margin, margin : shape[1] - margin] = False
    return edge


def _without_lighting(
    amount: np.ndarray, small: np.ndarray, surroundings: np.ndarray, total: float
) -> np.ndarray:
    """Subtract the lighting from a picture, and even out the contrast of dark ink.

    Args:
        amount: float32 [height, width], the colours projected onto the direction of the ink. It is
            overwritten.
        small: the same for the smaller picture.
        surroundings: the same size as `small`; beyond the edge of the picture its edge goes on.
        total: the sum of that direction, negative for dark ink.
    """
    # The opening removes everything narrower than its window and keeps the lighting. The surface
    # through the edges is too smooth for this: it leaves a dark stripe beside the edge of a shadow.
    side = max(3, int(max(small.shape) * WIDEST_STROKE)) | 1
    padded = np.pad(surroundings, side, mode="edge")
    padded[side:-side, side:-side] = small
    light = ndimage.grey_opening(padded, (side, side), mode="nearest")[side:-side, side:-side]
    # Linear interpolation to the full size; the corners of both pictures coincide.
    light = ndimage.zoom(light, np.divide(amount.shape, light.shape), order=1, mode="nearest")
    amount -= light
    if total < -0.5:
        # Dark ink absorbs a fraction of the light, so its contrast is lower in a shadow.
        light /= total
        np.maximum(light, 0.1, out=light)
        amount *= light.max()
        amount /= light
    return amount


def _surface_through_edges(small: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Fit a quadratic surface to the outer pixels of float32 [height, width, 3], each channel.

    The fit minimises the sum of the distances, not of their squares, by iteratively reweighted
    least squares. So a digit that touches the edge has little influence. Only pixels of the mask
    `usable` count.
    """
    height, width = small.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=2)
    edge = _edge((height, width), max(1, round(0.06 * max(height, width))))
    if (edge & usable).any():
        edge &= usable
    wanted, given = small[edge], terms[edge]
    weights = np.ones(len(given))
    for _ in range(12):
        weighted = given * weights[:, None] / weights.sum()
        # The small number on the diagonal keeps the system solvable for narrow pictures.
        factors = np.linalg.solve(weighted.T @ given + 1e-6 * np.eye(6), weighted.T @ wanted)
        weights = 1 / np.maximum(np.linalg.norm(given @ factors - wanted, axis=1), 0.01)
    return (terms @ factors).astype(np.float32)
