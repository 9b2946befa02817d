"""Find the digits in the ink of a picture, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.pictures.ink import MIN_SIDE, smooth
from common.pictures.reading import PictureError

import numpy as np
from scipy import ndimage


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit of a picture."""

    box: tuple[int, int, int, int]  # left, top, right, bottom, in pixels of `find_ink`'s result
    ink: np.ndarray  # float32 [height, width] of the box: 0 paper to 1 ink, without other digits


@dataclass(frozen=True)
class _Part:
    """A connected component of the ink."""

    label: int
    top: int
    bottom: int
    left: int
    right: int
    mass: float

    @property
    def longer(self) -> int:
        return max(self.bottom - self.top, self.right - self.left)


def find_digits(ink: np.ndarray, path: Path | str = "the picture") -> list[Digit]:
    """Group the connected components of the ink into digits, from left to right.

    Specks, and components that the edge of the picture cuts off, are left out.

    Args:
        ink: float32 [height, width] from `find_ink`.
        path: the name of the picture in error messages.

    Raises:
        PictureError: nothing is large enough, or the digits stand one above the other.
    """
    smoothed = smooth(ink)
    labels, count = ndimage.label(smoothed > 0.4, structure=np.ones((3, 3)))
    parts = [
        _Part(k + 1, *_bounds(place), ndimage.sum_labels(ink[place], labels[place], k + 1))
        for k, place in enumerate(ndimage.find_objects(labels, count))
    ]
    parts = _without_specks(_without_surroundings(parts, ink.shape))
    if not parts:
        raise PictureError(
            f"{path} shows no digit: nothing in it has a stroke of {MIN_SIDE} pixels or more; "
            "fill more of the picture with the digit, or photograph it in better light."
        )
    digits = []
    for group in _groups(parts):
        _require_one_line(group, path)
        # Half a stroke width more on each side, to include the soft edges of the strokes.
        reach = 1 + max(part.longer for part in group) // 20
        top, left = (
            max(0, min(getattr(p, side) for p in group) - reach) for side in ("top", "left")
        )
        bottom, right = max(p.bottom for p in group) + reach, max(p.right for p in group) + reach
        place = slice(top, bottom), slice(left, right)
        mask = np.isin(labels[place], [part.label for part in group])
        mask = ndimage.binary_dilation(mask, iterations=reach) & (mask | (labels[place] == 0))
        digit_ink = np.where(mask, smoothed[place], 0)
        digits.append(Digit((left, top, *(s.stop for s in place[::-1])), digit_ink))
    return digits


def _bounds(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    return place[0].start, place[0].stop, place[1].start, place[1].stop


def _without_surroundings(parts: list[_Part], shape: tuple[int, ...]) -> list[_Part]:
    """Leave out parts at the edge of the picture, if a part of some size lies inside."""
    inside = [
        part
        for part in parts
        if part.top > 0 and part.left > 0 and part.bottom < shape[0] and part.right < shape[1]
    ]
    return inside if any(part.longer >= 0.2 * min(shape) for part in inside) else parts


def _without_specks(parts: list[_Part]) -> list[_Part]:
    """Leave out parts that are small compared with the largest; all, if that is too small."""
    heaviest = max((part.mass for part in parts), default=0)
    largest = max((part.longer for part in parts), default=0)
    return [
        part
        for part in parts
        if largest >= MIN_SIDE and part.longer >= 0.12 * largest and part.mass >= 0.03 * heaviest
    ]


def _groups(parts: list[_Part]) -> list[list[_Part]]:
    """Group parts whose columns overlap, the strokes of one digit, from left to right."""
    groups: list[list[_Part]] = []
    tallest = max(part.bottom - part.top for part in parts)
    for part in sorted(parts, key=lambda part: part.left):
        if groups:
            right = max(other.right for other in groups[-1])
            narrower = min(part.right - part.left, right - min(o.left for o in groups[-1]))
            if right - part.left > 0.25 * narrower:
                groups[-1].append(part)
                continue
        groups.append([part])
    # A group less than a third as tall as the tallest part is a detached stroke of a digit.
    return _join_small(groups, 0.34 * tallest)


def _join_small(groups: list[list[_Part]], least: float) -> list[list[_Part]]:
    """Join each group that is less than `least` pixels tall to its nearer neighbour."""

    def height(group: list[_Part]) -> int:
        return max(p.bottom for p in group) - min(p.top for p in group)

    def gap(left: list[_Part], right: list[_Part]) -> int:
        return min(p.left for p in right) - max(p.right for p in left)

    groups = list(groups)
    while len(groups) > 1 and min(map(height, groups)) < least:
        k = min(range(len(groups)), key=lambda k: height(groups[k]))
        left = gap(groups[k - 1], groups[k]) if k else np.inf
        right = gap(groups[k], groups[k + 1]) if k + 1 < len(groups) else np.inf
        at = k - 1 if left <= right else k
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    return groups


def _require_one_line(group: list[_Part], path: Path | str) -> None:
    """Raise a PictureError for two digits one above the other, which form one group."""
    rows = sorted(group, key=lambda part: part.top)
    height = max(part.bottom for part in rows) - rows[0].top
    for k in range(1, len(rows)):
        end = max(part.bottom for part in rows[:k])
        gap = rows[k].top - end
        below = max(part.bottom for part in rows[k:]) - rows[k].top
        if gap > 0.06 * height and min(end - rows[0].top, below) > 0.3 * height:
            raise PictureError(
                f"{path} shows digits one above the other; crop it to one line of digits."
            )
