"""Lines of writing, and in each line its digits, from the parts of the ink.

A digit is a list of parts: the strokes that were written without lifting the pen far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from common.pictures.parts import Part

import numpy as np
from scipy.sparse import csgraph

Digit = list[Part]
TALL = 0.45  # of the tallest part of a line; less is a detached stroke, a point or a minus sign
SMALL = 0.34  # of the tallest digit of a line; what stays smaller is not a digit
NEAR = 0.15  # of the height of a line: a stroke that is so near to a digit belongs to it
APART = 0.06  # of the height of two parts, one above the other: a wider gap separates two lines
STEEPEST = 1.0  # a slanted line with this many columns a row may separate two digits


def group(parts: Sequence[Part], labels: np.ndarray) -> tuple[list[list[Digit]], list[Part]]:
    """Group parts into lines, from top to bottom, and into digits, from left to right.

    Args:
        parts: from `find_parts`.
        labels: int32 [height, width], the number of the part of each pixel.

    Returns:
        for each line its digits; and the small parts that belong to none: points, commas, minus
        signs.
    """
    lines, left_out = [], []
    for line in _lines(parts):
        digits, small = _digits(line, labels)
        lines.append(digits)
        left_out += small
    tallest = max((height_of(digit) for line in lines for digit in line), default=0)
    for line in lines:
        # A line of its own that holds only a point, a comma or a dash.
        if len(line) == 1 and height_of(line[0]) < SMALL * tallest:
            left_out += line.pop()
    lines = [line for line in lines if line]
    return sorted(lines, key=lambda line: min(p.top for digit in line for p in digit)), left_out


def height_of(parts: Sequence[Part]) -> int:
    """Return the number of rows from the top of the highest part to the bottom of the lowest."""
    return max(p.bottom for p in parts) - min(p.top for p in parts)


def _width(parts: Sequence[Part]) -> int:
    return max(p.right for p in parts) - min(p.left for p in parts)


def _connected(count: int, joined: np.ndarray) -> list[list[int]]:
    """Return the connected components of a relation, bool [count, count]."""
    _, numbers = csgraph.connected_components(joined, directed=False)
    return [np.flatnonzero(numbers == k).tolist() for k in range(numbers.max() + 1)]


def _join(
    groups: list[list[Part]], should: Callable[[list[Part], list[Part]], bool]
) -> list[list[Part]]:
    """Join groups, two at a time, until no two should be joined."""
    groups = list(groups)
    k = 0
    while k < len(groups):
        for j in range(len(groups)):
            if j != k and should(groups[k], groups[j]):
                groups[min(j, k)] = groups[j] + groups[k]
                del groups[max(j, k)]
                k = min(j, k) - 1  # the joined group is compared with all others
                break
        k += 1
    return groups


def _lines(parts: Sequence[Part]) -> list[list[Part]]:
    """Group parts whose rows overlap, neighbours first, so that a line may rise or fall."""
    top, bottom, left, right = (
        np.array([getattr(part, side) for part in parts])
        for side in ("top", "bottom", "left", "right")
    )
    height = bottom - top
    rows = np.minimum(bottom, bottom[:, None]) - np.maximum(top, top[:, None])
    gap = np.maximum(left, left[:, None]) - np.minimum(right, right[:, None])
    shorter, taller = np.minimum(height, height[:, None]), np.maximum(height, height[:, None])
    joined = (rows >= 0.5 * shorter) & (gap <= 3 * taller) & (shorter >= TALL * taller)
    lines = [[parts[k] for k in line] for line in _connected(len(parts), joined)]

    def same_rows(one: list[Part], other: list[Part]) -> bool:
        above, below = (max(min(p.top for p in line) for line in (one, other)),
                        min(max(p.bottom for p in line) for line in (one, other)))  # fmt: skip
        return below - above >= 0.6 * min(height_of(one), height_of(other))

    lines = _join(lines, same_rows)

    def strokes(one: list[Part], other: list[Part]) -> bool:
        """Tell whether two lines are the strokes of one digit, one above the other."""
        if len(one) > 2 and len(other) > 2:
            return False
        small, large = sorted((one, other), key=height_of)
        nearest = max(large, key=lambda part: _columns(part, small))
        if _columns(nearest, small) <= 0:
            return False
        both = [*small, nearest]
        height = height_of(both)
        gap = max(min(p.top for p in small) - nearest.bottom,
                  nearest.top - max(p.bottom for p in small))  # fmt: skip
        if gap <= APART * height:
            return True
        return gap <= 0.25 * height and height_of(small) <= 0.3 * height

    return _join(lines, strokes)


def _columns(part: Part, others: Sequence[Part]) -> int:
    """Return how many columns a part and a group share; negative: the gap between them."""
    return min(part.right, max(p.right for p in others)) - max(
        part.left, min(p.left for p in others)
    )


def _digits(line: Sequence[Part], labels: np.ndarray) -> tuple[list[Digit], list[Part]]:
    """Group the parts of a line into digits, from left to right; return what is too small, too."""
    tallest = max(part.height for part in line)
    tall = [part for part in line if part.height >= TALL * tallest]
    small = [part for part in line if part.height < TALL * tallest]
    digits = _join([[part] for part in tall], lambda one, other: _one_digit(one, other, labels))
    tallest = max(map(height_of, digits))
    left_out = []
    for part in sorted(small, key=lambda part: -part.mass):
        nearest = min(digits, key=lambda digit: _distance(part, digit))
        if _distance(part, nearest) <= NEAR * tallest and not _is_point(part, nearest, tallest):
            nearest.append(part)
        else:
            left_out.append(part)
    return sorted(digits, key=lambda digit: min(part.left for part in digit)), left_out


def _one_digit(one: Digit, other: Digit, labels: np.ndarray) -> bool:
    """Tell whether two groups of a line are strokes of one digit: their columns overlap."""
    shared = min(max(p.right for p in g) for g in (one, other)) - max(
        min(p.left for p in g) for g in (one, other)
    )
    if shared <= 0.25 * min(_width(one), _width(other)):
        return False
    # Two tall, slanted digits overlap as well, but a slanted line separates them.
    return not (
        min(height_of(one), height_of(other)) >= 0.7 * max(height_of(one), height_of(other))
        and _separated(one, other, labels)
    )


def _separated(one: Digit, other: Digit, labels: np.ndarray) -> bool:
    """Tell whether a straight line, upright or slanted, runs between two digits."""
    one, other = sorted(
        (one, other), key=lambda digit: sum(p.left + p.right for p in digit) / len(digit)
    )
    slants = np.linspace(-STEEPEST, STEEPEST, 41)
    rightmost = np.full(len(slants), -np.inf)
    leftmost = np.full(len(slants), np.inf)
    for digit in (one, other):
        for part in digit:
            mask = labels[part.place] == part.label
            rows = np.arange(part.top, part.bottom)
            left = part.left + mask.argmax(axis=1)
            right = part.right - mask[:, ::-1].argmax(axis=1)
            if digit is one:
                moved = right + slants[:, None] * rows
                rightmost = np.maximum(rightmost, moved.max(axis=1))
            else:
                moved = left + slants[:, None] * rows
                leftmost = np.minimum(leftmost, moved.min(axis=1))
    return bool((rightmost < leftmost).any())


def _distance(part: Part, digit: Digit) -> float:
    """Return the gap between a small part and a digit, in pixels; 0 if their boxes touch."""
    gaps = []
    for other in digit:
        x = max(other.left - part.right, part.left - other.right, 0)
        y = max(other.top - part.bottom, part.top - other.bottom, 0)
        # A bar may hang further above its digit than a stroke stands beside it.
        gaps.append(float(max(x, 0.6 * y)))
    return min(gaps)


def _is_point(part: Part, digit: Digit, tallest: int) -> bool:
    """Tell whether a part is a decimal point or comma beside the foot of a digit."""
    foot = max(p.bottom for p in digit)
    beside = part.left >= max(p.right for p in digit) or part.right <= min(p.left for p in digit)
    return (
        beside
        and part.width <= 0.22 * tallest
        and part.height <= 0.3 * tallest
        and part.top > foot - 0.3 * tallest
    )
