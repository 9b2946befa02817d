"""The connected parts of the ink, without what is not writing: frames, surroundings, specks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.pictures.paper import hull_area

import numpy as np
from scipy import ndimage

SQUARE = np.ones((3, 3), bool)
INK = 0.4  # pixels with more ink than this belong to a part
DARKER = 0.6, 0.8, 1.0  # the same where lines of the paper, which are paler, run through the ink
CLEAR = 0.8, 1.0  # where these show the same parts, and INK others, the others are no ink
ALIKE = 0.05  # of the longest part's longer side
BEYOND = 0.15  # of the same, that others reach further on some side
MOST_HOLES = 2  # that a digit has
LEAST_RUN = 0.7  # of the picture's height: a digit that reaches both sides is as high
EDGE_MARGIN = 0.06  # of the picture, that is free around what is written between lines
LEAST_INSIDE = 0.18  # of the longer side of a frame, or of a cell, that what is in it must have
LIKE_CELLS = 0.8  # of the largest hole of a part, that its third largest has if they are cells
MARGIN = 0.1  # of the sides of an open frame, that is free on each side of what is in it
LEAST_IN_OPEN = 0.3  # of the longer side of an open frame, that what is in it must have
ROUND = 0.95  # of its convex hull, that the inside of a frame takes
LEAST_FRAME = 12  # pixels of the longer side
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

    def surrounds(self, other: Part) -> bool:
        """Tell whether the box of another part lies in the middle of this one's."""
        y, x = MARGIN * self.height, MARGIN * self.width
        return (
            self.top + y <= other.top
            and self.left + x <= other.left
            and self.bottom - y >= other.bottom
            and self.right - x >= other.right
        )


def find_parts(
    ink: np.ndarray, smoothed: np.ndarray, least: int
) -> tuple[list[Part], np.ndarray, bool]:
    """Find the connected parts of the ink that can be writing.

    Left out are specks; what encloses other parts, such as the box of a form, and what is outside
    of it; what runs along the edge of the picture, such as a table; lines, those of ruled paper
    among them if they are paler than the ink.

    Args:
        ink: float32 [height, width], 0 paper to 1 ink.
        smoothed: the same, blurred.
        least: pixels that the longer side of the largest part must have.

    Returns:
        the parts; the labels, int32 [height, width], of which each part has one; and whether a
        frame was left out.
    """
    found = _parts_above(INK, ink, smoothed, least)
    if any(_is_ruled(part, found[1]) for part in found[0]):
        for level in DARKER:
            darker = _parts_above(level, ink, smoothed, least)
            if darker[0] and not any(_is_ruled(part, darker[1]) for part in darker[0]):
                return darker if all(_has_margin(part, ink) for part in darker[0]) else found
    # Half of a digit may be pale: only what is wider than strokes, encloses, or is cut off by the
    # edge of the picture is no digit.
    if not found[2] and not any(part.cut or _is_blob(part, found[1]) for part in found[0]):
        return found
    clear, clearest = (_parts_above(level, ink, smoothed, least) for level in CLEAR)
    if (
        clear[0]
        and _alike(clear[0], clearest[0])
        and _is_beyond(found[0], clear[0])
        and all(_has_margin(part, ink) for part in clear[0])
    ):
        return clear
    return found


def _alike(some: Sequence[Part], others: Sequence[Part]) -> bool:
    """Tell whether parts are nearly the same."""
    if len(some) != len(others):
        return False
    most = ALIKE * max((part.longer for part in some), default=0) + 1

    def box(part: Part) -> tuple[int, ...]:
        return part.top, part.bottom, part.left, part.right

    pairs = zip(sorted(map(box, some)), sorted(map(box, others)), strict=True)
    return all(abs(a - b) <= most for one, other in pairs for a, b in zip(one, other, strict=True))


def _is_beyond(some: Sequence[Part], others: Sequence[Part]) -> bool:
    """Tell whether parts reach clearly further than others, on some side."""
    if not some:
        return True
    rows, columns = (
        (
            min(getattr(part, first) for part in others)
            - min(getattr(part, first) for part in some),
            max(getattr(part, last) for part in some) - max(getattr(part, last) for part in others),
        )
        for first, last in (("top", "bottom"), ("left", "right"))
    )
    return max(*rows, *columns) > BEYOND * max(part.longer for part in others)


def _parts_above(
    level: float, ink: np.ndarray, smoothed: np.ndarray, least: int
) -> tuple[list[Part], np.ndarray, bool]:
    """Find the parts as `find_parts` returns them, whose pixels have more ink than `level`."""
    labels, count = ndimage.label(smoothed > level, structure=SQUARE)
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


def _is_ruled(part: Part, labels: np.ndarray) -> bool:
    """Tell whether lines from the left edge of the picture to the right hold a part together."""
    high, wide = labels.shape
    near = max(1, round(0.01 * max(high, wide)))  # lines may begin beside the edge
    if part.left > near or part.right < wide - near:
        return False
    if part.top > near or part.bottom < high - near:
        return part.height < LEAST_RUN * high
    mask = labels[part.place] == part.label  # squared paper, or a digit without a margin
    return ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)[1] > MOST_HOLES


def _has_margin(part: Part, ink: np.ndarray) -> bool:
    """Tell whether there is paper between a part and each edge of the picture."""
    high, wide = ink.shape
    y, x = EDGE_MARGIN * high, EDGE_MARGIN * wide
    rows = part.top >= y and part.bottom <= high - y
    return rows and part.left >= x and part.right <= wide - x


def _inside_frames(parts: Sequence[Part], labels: np.ndarray) -> list[Part]:
    """Leave out frames, and what is outside of them unless it is as tall as what is inside."""
    frames: list[Part] = []
    within: set[int] = set()
    # A frame is larger than what is in it. Few parts are large, so that this takes little time.
    for part in sorted(parts, key=lambda part: -part.longer)[:40]:
        enclosed = _enclosed(part, parts, labels)
        if enclosed:
            frames.append(part)
            within |= enclosed
    if not frames:
        return list(parts)
    kept = [part for part in parts if part not in frames]
    tall = max((part.height for part in kept if part.label in within), default=0)
    return [part for part in kept if part.label in within or part.height >= 0.6 * tall]


def _enclosed(frame: Part, parts: Sequence[Part], labels: np.ndarray) -> set[int]:
    """Return the labels of the parts within one that is their frame; none if it is a digit."""
    inner = [part for part in parts if part is not frame and frame.contains(part)]
    if not inner or frame.longer < LEAST_FRAME:
        return set()
    mask = labels[frame.place] == frame.label
    filled = ndimage.binary_fill_holes(mask)
    if (labels[frame.place][filled & ~mask] > 0).any() and not _is_round(filled, mask):
        return set()
    holes = ndimage.find_objects(ndimage.label(filled & ~mask)[0])
    sides = sorted((max(s.stop - s.start for s in hole) for hole in holes), reverse=True)[:3]
    # A digit has two holes at most: three alike are the cells of a form, each with a digit.
    cells = len(sides) > MOST_HOLES and sides[2] >= LIKE_CELLS * sides[0]
    least = LEAST_INSIDE * (sides[0] if cells else frame.longer)
    numbers = set(np.unique(labels[frame.place][filled]).tolist())
    # A circle whose ends do not meet, or a box that is open above, has no holes.
    numbers |= {
        part.label
        for part in inner
        if part.longer >= LEAST_IN_OPEN * frame.longer and frame.surrounds(part)
    }
    inner = [part for part in inner if part.label in numbers]
    if max((part.longer for part in inner), default=0) < least:
        return set()
    return {part.label for part in inner}


def _is_round(filled: np.ndarray, mask: np.ndarray) -> bool:
    """Tell whether a shape is a disc or a box, lines that jut out left aside, and no hollow digit.

    Args:
        filled: bool [height, width], the shape with its holes.
        mask: the same without them: its outline.
    """
    width = int(np.ceil(ndimage.distance_transform_edt(np.pad(mask, 1)).max()))
    body = ndimage.binary_opening(np.pad(filled, 2 * width), SQUARE, iterations=width)
    return bool(body.sum() >= ROUND * hull_area(body)) if body.any() else False


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
