"""Find the sheet of paper that the ink is on, if the picture shows more than the sheet."""

from __future__ import annotations

from common.pictures.classes import three_classes, two_classes

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

SEARCH_SIDE = 128  # sheets are looked for on a picture of this size
LEAST_AREA = 0.04  # of the picture, that a sheet takes
LEAST_TABLE = 0.15  # half the width of what is around a sheet, of the sheet's side
MIN_CONTRAST = 0.15  # least difference between a sheet and the ink on it
MIN_STEP = 0.06  # least difference between a sheet and what is beside it, of black to white
LEAST_RIM = 0.08  # of the edge of the picture, that a table takes
SHARP = 0.8  # of the edge of a sheet must be sharp
RECTANGLE = 0.97  # of its box, that a rectangle takes
WIDTH_OF_STROKES = 3  # times the widest stroke of its ink, that a sheet is wide at least
WIDTH_AROUND_A_DIGIT = 1.5  # the same of a rectangle, or if the ink is not convex
MOST_NESTED = 3  # sheets, each on the one before
CONVEX = 0.75  # of its convex hull, that ink without a dent or a hole takes
SQUARE = np.ones((3, 3), bool)


def averaged(colours: np.ndarray, side: int) -> np.ndarray:
    """Average float32 [height, width, channels] down until it has at most `side` rows, columns."""
    for axis in (0, 1):
        length = colours.shape[axis]
        count = max(1, round(length / max(1, max(colours.shape[:2]) / side)))
        edges = np.linspace(0, length, count + 1).astype(int)
        shape = [1, 1, 1]
        shape[axis] = count
        colours = np.add.reduceat(colours, edges[:-1], axis) / np.diff(edges).reshape(shape)
    return colours


def find_sheet(colours: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Find a sheet of paper on a table, a note on a wall, a page whose corner is in the picture.

    A sheet is a convex region of one of two classes of colour, with something of the other class
    inside: the ink. Its edge is sharp, unlike that of a shadow, and what is around it is wider than
    a stroke, unlike a circle around a digit. A sign with a coloured rim is a sheet on a sheet.

    Args:
        colours: float32 [height, width, 3].

    Returns:
        the rows and columns of the sheet, and their colours, float32 [rows, columns, 3], in which
        all that is not on the sheet has the colour of the nearest paper; None if there is no such
        sheet, as in most pictures.
    """
    place = None
    for _ in range(MOST_NESTED):
        found = _largest_sheet(colours)
        if not found:
            break
        (rows, columns), colours = found
        top, left = (place[0].start, place[1].start) if place else (0, 0)
        place = (
            slice(top + rows.start, top + rows.stop),
            slice(left + columns.start, left + columns.stop),
        )
    return (place, colours) if place else None


def _largest_sheet(colours: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Find a sheet as `find_sheet` does, whatever is on it."""
    small = averaged(colours, SEARCH_SIDE)
    if min(small.shape[:2]) < 16:
        return None
    channels = list(np.moveaxis(small, 2, 0))
    if np.ptp(small, axis=2).max() < 0.02:  # a grey picture
        channels = channels[:1]
    else:
        edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
        channels.append(np.linalg.norm(small - np.median(edge, axis=0), axis=2) / np.sqrt(3))
    sheets = [sheet for channel in channels for sheet in _sheets(channel)]
    if not sheets:
        return None
    sheet, paper = max(sheets, key=lambda one: np.count_nonzero(one[0]))
    # Without the soft edge of the sheet.
    inside = ndimage.binary_erosion(sheet, SQUARE, iterations=2, border_value=1)
    if not inside.any():
        return None
    return _on_sheet(colours, small, inside, inside & paper)


def _sheets(channel: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the sheets in float32 [height, width], and all that has the colour of their paper.

    Both are masks, bool [height, width].
    """
    low, high = three_classes(channel)
    middle = two_classes(channel).threshold
    papers = [channel > low, channel <= high, (channel > low) & (channel <= high)]
    papers += [channel > middle, channel <= middle, channel > high, channel <= low]
    found = []
    for paper in papers:
        labels, count = ndimage.label(paper)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        for k in np.flatnonzero(sizes >= LEAST_AREA * paper.size):
            part = labels == k + 1
            filled = ndimage.binary_fill_holes(part)
            if _is_sheet(filled, part, ~paper, channel):
                found.append((filled, paper))
    return found


def _is_sheet(
    filled: np.ndarray, paper: np.ndarray, other: np.ndarray, channel: np.ndarray
) -> bool:
    """Tell whether a region, bool [height, width], is a sheet with ink on it."""
    area = filled.sum()
    if area > 0.985 * filled.size or area < 0.9 * hull_area(filled):
        return False
    rows, columns = (np.flatnonzero(filled.any(axis=axis)) for axis in (1, 0))
    sides = np.ptp(rows) + 1, np.ptp(columns) + 1
    if max(sides) > 3 * min(sides) and (sides[0] == len(filled) or sides[1] == len(filled[0])):
        return False  # the title bar of a window
    ink = filled & other
    places = ndimage.find_objects(ndimage.label(ink, SQUARE)[0])
    longest = max((max(s.stop - s.start for s in place) for place in places), default=0)
    if longest < max(4, 0.06 * np.sqrt(area)):
        return False
    if abs(float(channel[paper].mean() - channel[ink].mean())) < MIN_CONTRAST:
        return False  # light that changes within a loop
    closed = ndimage.binary_closing(np.pad(filled, 4), SQUARE, iterations=3)[4:-4, 4:-4]
    if (closed & ~filled).sum() > 0.01 * area:  # ink crosses the edge
        return False
    deep = ndimage.binary_erosion(closed, SQUARE, iterations=2, border_value=1)
    if (deep & ~filled).any():  # so does the stroke of a thin pen: this is the edge of a shadow
        return False
    stroke = _half_width(ink)
    # A 0 in bold type has paper outside and inside: its stroke is not much wider than the inside.
    # But a 0 is no rectangle, and what is inside of it is convex.
    certain = area > RECTANGLE * sides[0] * sides[1] or not _is_convex(ink)
    least = WIDTH_AROUND_A_DIGIT if certain else WIDTH_OF_STROKES
    return _half_width(paper) >= least * stroke and _is_on_table(
        filled, paper, other, channel, max(1.5 * stroke, LEAST_TABLE * np.sqrt(area))
    )


def _is_convex(ink: np.ndarray) -> bool:
    """Tell whether the largest part of the ink is convex and has no hole, as what is inside a 0."""
    labels, _ = ndimage.label(ink, SQUARE)
    part = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    return bool(part.sum() >= CONVEX * hull_area(part))


def _is_on_table(
    filled: np.ndarray, paper: np.ndarray, other: np.ndarray, channel: np.ndarray, width: float
) -> bool:
    """Tell whether a sheet has a sharp edge, with something at least 2 · `width` wide beside it."""
    outside = other & ~filled
    # What is outside may go on beyond the edge of the picture.
    more = int(np.ceil(width)) + 1
    padded = np.pad(outside, more, mode="edge")
    middles = ndimage.distance_transform_edt(padded) >= width
    table = outside & (ndimage.distance_transform_edt(~middles) < width + 1)[more:-more, more:-more]
    rim = np.concatenate([table[0], table[-1], table[:, 0], table[:, -1]])
    if rim.mean() < LEAST_RIM:  # the stroke of a 0 with a speck in it
        return False
    edge = filled & ndimage.binary_dilation(~filled, SQUARE)
    middle = paper & ndimage.binary_erosion(filled, SQUARE, iterations=2, border_value=1)
    if not middle.any():
        return False
    distance, beside = ndimage.distance_transform_edt(~table, return_indices=True)
    inside = ndimage.distance_transform_edt(~middle, return_distances=False, return_indices=True)
    far = beside + 2 * (beside - np.indices(filled.shape))  # two pixels further
    far = [np.clip(line, 0, n - 1)[edge] for line, n in zip(far, filled.shape, strict=True)]
    step = np.abs(channel[tuple(far)] - channel[tuple(inside)][edge])
    whole = abs(float(channel[paper].mean() - channel[table].mean()))
    clear = (distance[edge] <= 3) & (step > max(MIN_STEP, 0.5 * whole))
    return bool(clear.mean() > SHARP)


def _half_width(mask: np.ndarray) -> float:
    """Return the radius of the largest circle in a mask, in pixels."""
    return float(ndimage.distance_transform_edt(mask).max())


def hull_area(mask: np.ndarray) -> float:
    """Return the area of the convex hull of a mask, in pixels."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask[rows].argmax(axis=1)
    right = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = [
        (y + dy, x)
        for dy in (0, 1)
        for side in (left, right)
        for y, x in zip(rows, side, strict=True)
    ]
    try:
        return float(ConvexHull(np.array(corners)).volume)
    except QhullError:
        return float(mask.sum())


def _on_sheet(
    colours: np.ndarray, small: np.ndarray, inside: np.ndarray, paper: np.ndarray
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Cut the sheet out of a picture and paint what is not on it."""
    height, width = colours.shape[:2]
    scale = height / small.shape[0], width / small.shape[1]
    nearest = paper if paper.any() else inside
    y, x = ndimage.distance_transform_edt(~nearest, return_distances=False, return_indices=True)
    row = np.minimum((np.arange(height) / scale[0]).astype(int), small.shape[0] - 1)
    column = np.minimum((np.arange(width) / scale[1]).astype(int), small.shape[1] - 1)
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    place = (
        slice(*np.searchsorted(row, (rows[0], rows[-1] + 1))),
        slice(*np.searchsorted(column, (columns[0], columns[-1] + 1))),
    )
    row, column = row[place[0], None], column[None, place[1]]
    painted = small[y, x][row, column]
    return place, np.where(inside[row, column, None], colours[place], painted).astype(np.float32)
