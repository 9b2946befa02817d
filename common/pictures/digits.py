"""Find the digits in the ink of a picture, line by line, each from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.pictures.creases import runs_across
from common.pictures.ink import MIN_SIDE, smooth
from common.pictures.lines import group, height_of
from common.pictures.parts import Part, find_parts
from common.pictures.reading import PictureError

import numpy as np
from scipy import ndimage

MAX_PARTS = 500  # a page of digits has fewer; grouping them takes seconds at most
CUT_HEIGHT = 0.75  # of the other digits: a lower one at the edge of the picture is cut off
SMALL_DIGIT = 24  # pixels of the longer side; such a digit is not blurred
ALONE = 2.2  # times as tall as all other shapes: the one digit of a picture with small print


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit of a picture."""

    box: tuple[int, int, int, int]  # left, top, right, bottom, in pixels of `find_ink`'s result
    ink: np.ndarray  # float32 [height, width] of the box: 0 paper to 1 ink, without other digits
    line: int = 0  # from the top, from 0
    place: int = 0  # in the line, from the left, from 0
    across: bool = False  # it runs from edge to edge of the picture, as a crease does


def find_digits(
    ink: np.ndarray, path: Path | str = "the picture", *, segment: bool = True
) -> tuple[list[Digit], list[str]]:
    """Group the connected parts of the ink into digits: line by line, from left to right.

    Args:
        ink: float32 [height, width] from `find_ink`.
        path: the name of the picture in error messages.
        segment: return all digits; otherwise there must be exactly one, beside which there may be
            small print, and what the edge of the picture cuts off.

    Returns:
        the digits; and a sentence for each kind of shape that was left out.

    Raises:
        PictureError: nothing is large enough, or there are too many shapes, or several digits
            without `segment`.
    """
    smoothed = smooth(ink)
    parts, labels, framed = find_parts(ink, smoothed, MIN_SIDE)
    if not parts:
        raise PictureError(
            f"{path} shows no digit: nothing in it has a stroke of {MIN_SIDE} pixels or more; "
            "fill more of the picture with the digit, or photograph it in better light."
        )
    if len(parts) > MAX_PARTS:
        raise PictureError(
            f"{path} shows {len(parts):,} separate shapes, more than a page of digits has; crop it "
            "to the digits, or photograph them on plain paper."
        )
    lines, small = group(parts, labels)
    lines, cut = _without_cut(lines, segment)
    lines, print_ = (lines, 0) if segment else _largest_alone(lines)
    if not segment:
        _require_one(lines, path)
    notes = []
    if framed:
        notes.append("a frame around the ink was left out")
    if small or print_:
        count = len(small) + print_
        notes.append(f"{_number(count, 'small mark')} left out (points, minus signs, small print)")
    if cut:
        notes.append(f"{_number(cut, 'shape')} left out that the edge of the picture cuts off")
    return [
        _cut_out(parts, ink, smoothed, labels, number, place)
        for number, line in enumerate(lines)
        for place, parts in enumerate(line)
    ], notes


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{' was' if count == 1 else 's were'}"


def _without_cut(
    lines: list[list[list[Part]]], segment: bool
) -> tuple[list[list[list[Part]]], int]:
    """Leave out what the edge of the picture cuts off; return how many shapes that are.

    What is as tall as the digits beside it is kept, as a digit that touches the edge; but if there
    should be only one digit, the one that does not touch the edge is meant.
    """
    whole = [height_of(d) for line in lines for d in line if not any(part.cut for part in d)]
    cut = [height_of(d) for line in lines for d in line if any(part.cut for part in d)]
    if not cut or not whole or max(whole) < 0.4 * max(cut):
        return lines, 0
    least = CUT_HEIGHT * float(np.median(whole)) if segment else np.inf
    kept = [
        [d for d in line if not any(part.cut for part in d) or height_of(d) >= least]
        for line in lines
    ]
    kept = [line for line in kept if line]
    return kept, sum(map(len, lines)) - sum(map(len, kept))


def _largest_alone(lines: list[list[list[Part]]]) -> tuple[list[list[list[Part]]], int]:
    """Leave out all shapes but one if it is far larger; return how many that are."""
    digits = sorted((digit for line in lines for digit in line), key=height_of)
    if len(digits) > 1 and height_of(digits[-1]) >= ALONE * height_of(digits[-2]):
        return [[digits[-1]]], len(digits) - 1
    return lines, 0


def _require_one(lines: list[list[list[Part]]], path: Path | str) -> None:
    """Raise a PictureError if there are several digits."""
    count = sum(map(len, lines))
    if count == 1:
        return
    where = "side by side" if len(lines) == 1 else f"in {len(lines)} lines"
    if max(map(len, lines)) == 1:
        where = "one above the other"
    raise PictureError(
        f"{path} shows {count} shapes {where}, not one digit; crop it to one, or read all of them "
        "with python -m common.predict --segment."
    )


def _cut_out(
    parts: Sequence[Part],
    ink: np.ndarray,
    smoothed: np.ndarray,
    labels: np.ndarray,
    line: int,
    place: int,
) -> Digit:
    """Return the ink of one digit, without that of its neighbours."""
    # Half a stroke width more on each side, to include the soft edges of the strokes.
    reach = 1 + max(part.longer for part in parts) // 20
    top, left = (max(0, min(getattr(p, side) for p in parts) - reach) for side in ("top", "left"))
    bottom, right = (max(getattr(p, side) for p in parts) + reach for side in ("bottom", "right"))
    around = slice(top, bottom), slice(left, right)
    mask = np.isin(labels[around], [part.label for part in parts])
    mask = ndimage.binary_dilation(mask, iterations=reach) & (mask | (labels[around] == 0))
    # The strokes of a small digit are as thin as what the blur averages.
    blurred = smoothed if max(part.longer for part in parts) >= SMALL_DIGIT else ink
    own = np.where(mask, blurred[around], 0).clip(0, None)
    box = left, top, left + own.shape[1], top + own.shape[0]
    return Digit(box, own, line, place, runs_across(parts, labels))
