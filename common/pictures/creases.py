"""What runs across a picture of paper: a crease, or the edge of the sheet. It looks like a 1."""

from __future__ import annotations

from collections.abc import Sequence

from common.pictures.paper import hull_area
from common.pictures.parts import Part

import numpy as np

NEAR = 0.01  # of the longer side of the picture: what comes so near touches the edge
THIN = 12  # lengths a width of a line from edge to edge; MNIST's 1s have at most 10
HAIR = 40  # the same where only one of its ends touches an edge
STRAIGHT = 1.6, 2.5  # times its area has the convex hull of a straight line; of a hair with gaps
ALONG = 0.9  # of a side of the picture, that a strip touches
WIDEST_STRIP = 0.4  # of the other side


def runs_across(parts: Sequence[Part], labels: np.ndarray) -> bool:
    """Tell whether a digit may be a crease of the paper, or what is beside the edge of a sheet.

    Such is a straight, thin line across the picture, or a strip along one of its sides.

    Args:
        parts: those of the digit.
        labels: int32 [height, width], the number of the part of each pixel.
    """
    if len(parts) != 1:
        return False
    part, (high, wide) = parts[0], labels.shape
    near = 1 + round(NEAR * max(high, wide))
    # Only of the edges: a page may have hundreds of digits.
    rows, columns = (labels[:near], labels[-near:]), (labels[:, :near], labels[:, -near:])
    top, bottom = (float((edge == part.label).any(axis=0).mean()) for edge in rows)
    left, right = (float((edge == part.label).any(axis=1).mean()) for edge in columns)
    touched = sum(side > 0 for side in (top, bottom, left, right))
    mask = labels[part.place] == part.label
    area = float(mask.sum())
    lengths = (part.height**2 + part.width**2) / area  # in widths
    hair = lengths >= HAIR
    if touched < 2 - hair or hull_area(mask) > STRAIGHT[hair] * area:
        return False
    lying = (top >= ALONG) != (bottom >= ALONG) and part.height <= WIDEST_STRIP * high
    standing = (left >= ALONG) != (right >= ALONG) and part.width <= WIDEST_STRIP * wide
    return lying or standing or lengths >= THIN
