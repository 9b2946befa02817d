"""The connected parts of the ink, without what is not writing: frames, surroundings, specks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

SQUARE = np.ones((3, 3), bool)
INK = 0.4  # pixels with more ink than this belong to a part
LEAST_INSIDE = 0.18  # of the longer side of a frame, that what is in it must have
ALONG_EDGE = 0.5  # of a side of the picture: what touches it for longer is not a digit
WIDEST_STROKE = 0.22  # half the width of a digit's strokes, of its longer side; more is a table
SPECK = 0.12  # of the largest part's longer side
SPECK_MASS = 0.03  # of the largest part's ink


@dataclass(frozen=True)
class Part:
    """A connected component of the ink."""

    label: int
    top: int
    bottom: int
    left: int
    right: int
    mass: float
    cut: bool  # the edge of the picture cuts it off

    @property
    def height(self) -> int:
        """The number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.right - self.left

    @property
    def longer(self) -> int:
        """The longer side of the box."""
        return max(self.height, self.width)

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns of the box."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def contains(self, other: Part) -> bool:
        """Tell whether the box of another part lies within this one's."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )


def find_parts(
    ink: np.ndarray, smoothed: np.ndarray, least: int
) -> tuple[list[Part], np.ndarray, bool]:
    """Find the connected parts of the ink that can be writing.

    Left out are specks; what encloses other parts, such as the box of a form, and what is outside
    of it; what runs along the edge of the picture, such as a table; lines.

    Args:
        ink: float32 [height, width], 0 paper to 1 ink.
        smoothed: the same, blurred.
        least: pixels that the longer side of the largest part must have.

    Returns:
        the parts; the labels, int32 [height, width], of which each part has one; and whether a
        frame was left out.
    """
    labels, count = ndimage.label(smoothed > INK, structure=SQUARE)
    places = ndimage.find_objects(labels, count)
    masses = np.bincount(labels.ravel(), ink.ravel(), count + 1)
    high, wide = ink.shape
    parts = []
    for k, (rows, columns) in enumerate(places):
        cut = rows.start == 0 or columns.start == 0 or rows.stop == high or columns.stop == wide
        box = rows.start, rows.stop, columns.start, columns.stop
        parts.append(Part(k + 1, *box, float(masses[k + 1]), cut))
    parts = [part for part in parts if part.longer >= 3]
    inside = _inside_frames(parts, labels)
    framed = len(inside) < len(parts)
    parts = _without_specks(_without_surroundings(inside, labels), least)
    return parts, labels, framed


def _inside_frames(parts: Sequence[Part], labels: np.ndarray) -> list[Part]:
    """Leave out frames, and what is outside of them unless it is as tall as what is inside."""
    frames: list[Part] = []
    within: set[int] = set()
    # A frame is larger than what is in it. Few parts are large, so that this takes little time.
    for part in sorted(parts, key=lambda part: -part.longer)[:40]:
        inner = [o for o in parts if o is not part and part.contains(o)]
        inner = [o for o in inner if o.longer >= LEAST_INSIDE * part.longer]
        if not inner:
            continue
        filled = ndimage.binary_fill_holes(labels[part.place] == part.label)
        numbers = set(np.unique(labels[part.place][filled]).tolist())
        inner = [o for o in inner if o.label in numbers]
        if not inner:
            continue
        frames.append(part)
        within.update(o.label for o in parts if o.label in numbers and o is not part)
    if not frames:
        return list(parts)
    kept = [part for part in parts if part not in frames]
    tall = max((part.height for part in kept if part.label in within), default=0)
    return [part for part in kept if part.label in within or part.height >= 0.6 * tall]


def _without_surroundings(parts: Sequence[Part], labels: np.ndarray) -> list[Part]:
    """Leave out what the edge of the picture shows of a table, and lines, if anything is left."""
    side = min(labels.shape)
    kept = [part for part in parts if not _is_line(part, labels)]
    if not any(part.longer >= 0.04 * side for part in kept):
        return list(parts)
    writing = [part for part in kept if not (part.cut and _is_blob(part, labels))]
    return writing if any(part.longer >= 0.1 * side for part in writing) else kept


def _is_line(part: Part, labels: np.ndarray) -> bool:
    """Tell whether a part runs along the edge of the picture, or is a long line."""
    high, wide = labels.shape
    if part.cut:
        sides = labels[0], labels[-1], labels[:, 0], labels[:, -1]
        if max((line == part.label).mean() for line in sides) >= ALONG_EDGE:
            return True
    lying = part.width >= 10 * part.height and part.width >= 0.3 * wide
    standing = part.height >= 12 * part.width and part.cut and part.height >= 0.8 * high
    return lying or standing


def _is_blob(part: Part, labels: np.ndarray) -> bool:
    """Tell whether a part is wider than the stroke of a digit of its size."""
    mask = np.pad(labels[part.place] == part.label, 1)
    return ndimage.distance_transform_edt(mask).max() > WIDEST_STROKE * part.longer


def _without_specks(parts: Sequence[Part], least: int) -> list[Part]:
    """Leave out parts that are small compared with the largest; all, if that is too small."""
    heaviest = max((part.mass for part in parts), default=0)
    largest = max((part.longer for part in parts), default=0)
    return [
        part
        for part in parts
        if largest >= least
        and part.longer >= SPECK * largest
        and part.mass >= SPECK_MASS * heaviest
    ]
