"""Names at the ends of curves, in place of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.plots.canvas import DPI, WIDTH, short_names

import numpy as np

SIZE = 9  # points
LETTER, LINE = 8.6, 15  # pixels: a bold letter of this size is as wide, a line as high
GAP = 10  # pixels between a curve and its name
LONGEST = 40  # letters


def label_ends(
    axes: Any,
    ends: Sequence[tuple[float, float]],
    names: Sequence[str],
    colours: Sequence[str],
    fraction: float = 0.88,
) -> None:
    """Write the name of each curve beside its end, moved up or down where two would overlap.

    The x-axis is made longer, so that the names have their place in it. Scales and limits of the
    axes must be set before.

    Args:
        axes: with linear or logarithmic scales.
        ends: x and y of each end.
        names: of the curves; long ones are shortened.
        colours: of the curves.
        fraction: width of the axes as a fraction of the picture's, roughly.
    """
    if not names:
        return
    from matplotlib.patheffects import withStroke

    on_white = [withStroke(linewidth=3, foreground="white")]  # where a curve passes behind it
    names = short_names(names, LONGEST)
    wide, high = fraction * WIDTH, 0.72 * axes.figure.get_size_inches()[1] * DPI
    widths = np.array([2 * GAP + LETTER * len(name) for name in names])
    to_x, to_y = axes.xaxis.get_transform().transform, axes.yaxis.get_transform().transform
    left, right = to_x(np.array(axes.get_xlim(), float))
    x, y = np.array(ends, float).T
    x, y = to_x(x), to_y(y)
    # Where an end lies so that its name fits is a fraction of the axis: solved for the axis' end.
    right = max(right, *(left + (x - left) * wide / np.maximum(wide - widths, 0.3 * wide)))
    axes.set_xlim(right=float(axes.xaxis.get_transform().inverted().transform(right)))
    bottom, top = to_y(np.array(axes.get_ylim(), float))
    starts = (x - left) / (right - left) * wide
    heights = (y - bottom) / (top - bottom) * high
    for k, place in enumerate(_places(starts, heights, widths)):
        moved = place - heights[k]
        axes.annotate(
            names[k],
            ends[k],
            (GAP * 72 / DPI, moved * 72 / DPI),
            textcoords="offset points",
            color=colours[k],
            size=SIZE,
            weight="bold",
            va="center",
            annotation_clip=False,
            path_effects=on_white,
            arrowprops={"arrowstyle": "-", "color": colours[k], "lw": 0.6}
            if abs(moved) > LINE / 2
            else None,
        )


def _places(starts: np.ndarray, heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Move texts up or down until none overlaps another one; return their heights in pixels."""
    places = heights.copy()
    for _ in range(100):
        order, moved = np.argsort(places, kind="stable"), False
        for n, low in enumerate(order):
            for up in order[n + 1 :]:
                apart = starts[low] + widths[low] < starts[up] or (
                    starts[up] + widths[up] < starts[low]
                )
                missing = LINE - (places[up] - places[low])
                if not apart and missing > 0.1:
                    places[low] -= missing / 2
                    places[up] += missing / 2
                    moved = True
        if not moved:
            break
    return places
