"""Confusion matrices: counts by true class (rows) and predicted class (columns)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.plots.canvas import (
    GREY,
    colour_scale,
    import_matplotlib,
    new_picture,
    short_name,
    short_names,
)

import numpy as np

LONGEST = 36  # letters of the name of a model
MAX_LABELLED = 20  # classes; with more of them the numbers or names would overlap


def plot_confusion_matrix(
    path: Path | str,
    matrix: np.ndarray,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion matrix: errors in colour, correct predictions in grey",
    *,
    show: bool = False,
) -> None:
    """Draw a confusion matrix: the errors on a colour scale, the correct predictions in grey.

    Args:
        path: the file to write.
        matrix: counts, integers `[classes, classes]`, rows true, columns predicted. Up to 20
            classes the counts stand in the cells.
        class_names: a name per class; numbers if None.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    matrix = np.asarray(matrix)
    classes = len(matrix)
    names = [short_name(label, class_names) for label in range(classes)]
    # The counts on the diagonal are about a hundred times larger, so they are not on the scale.
    errors = np.ma.array(matrix, mask=np.eye(classes, dtype=bool))
    most = max(1, int(errors.filled(0).max()))
    colours = colour_scale("YlOrBr", 0, most)
    with new_picture(path, title, show, 720, layout="compressed") as figure:
        axes = figure.add_subplot(xlabel="Predicted class", ylabel="True class")
        axes.imshow(errors, norm=colours.norm, cmap=colours.cmap)
        label = "Number of errors (the grey diagonal counts correct predictions)"
        bar = figure.colorbar(colours, ax=axes, label=label)
        bar.ax.yaxis.get_major_locator().set_params(integer=True)
        size, slant = (9 if classes <= MAX_LABELLED else 5), {}
        if max(map(len, names)) > 3:
            slant = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(classes), names, size=size, **slant)
        axes.set_yticks(range(classes), names, size=size)
        axes.tick_params(length=0)
        edges = np.arange(classes + 1) - 0.5
        axes.hlines(edges, edges[0], edges[-1], color="white")
        axes.vlines(edges, edges[0], edges[-1], color="white")
        axes.spines[:].set_visible(False)
        shown = matrix if classes <= MAX_LABELLED else matrix[:0]
        for (row, column), count in np.ndenumerate(shown):
            ink = "white" if row != column and count > 0.7 * most else "black" if count else GREY
            place = {"ha": "center", "va": "center", "in_layout": False}
            axes.text(column, row, str(count), color=ink, size=size, **place)


def plot_confusion_matrices(
    path: Path | str,
    matrices: Sequence[np.ndarray],
    names: Sequence[str],
    class_names: Sequence[str] | None = None,
    title: str = "Errors by true and predicted class: fewer and paler cells are better",
    seeds: int = 1,
) -> None:
    """Draw the errors of several models side by side on one logarithmic colour scale from 1.

    Args:
        path: the file to write.
        matrices: counts or mean counts `[classes, classes]` per model, rows true, columns
            predicted.
        names: the name of each model.
        class_names: a name per class; numbers if None.
        title: of the picture.
        seeds: over how many runs the counts are means.

    Raises:
        UserError: the file cannot be written.
    """
    import_matplotlib()
    from matplotlib.colors import LogNorm

    errors = [np.ma.array(m, mask=np.eye(len(m), dtype=bool), dtype=float) for m in matrices]
    most = max(2.0, *(float(e.filled(0).max()) for e in errors))
    rows, shown_names = -(-len(errors) // 3), short_names(names, LONGEST)
    with new_picture(path, title, False, 290 * rows, layout="compressed") as figure:
        colours = colour_scale("YlOrBr", 0, most)
        colours.set_norm(LogNorm(1, most))
        # Cells with less than one error are white.
        colours.set_cmap(colours.cmap.with_extremes(under="white", bad="#DDDDDD"))
        grid = figure.subplots(rows, min(3, len(errors)), squeeze=False)
        for axes in grid.flat[len(errors) :]:
            axes.set_axis_off()
        for axes, error, name in zip(grid.flat, errors, shown_names, strict=False):
            shown_error = np.ma.masked_array(np.maximum(error.filled(0), 1e-9), error.mask)
            axes.imshow(shown_error, norm=colours.norm, cmap=colours.cmap)
            axes.set_title(f"{name}\n{error.sum():.0f} errors", size=9)
            axes.set(xlabel="Predicted class", ylabel="True class")
            labels = [short_name(k, class_names) for k in range(len(error))]
            if len(labels) <= MAX_LABELLED:
                slant = {"rotation": 90} if max(map(len, labels)) > 3 else {}
                axes.set_xticks(range(len(labels)), labels, size=8, **slant)
                axes.set_yticks(range(len(labels)), labels, size=8)
        label = f"Number of errors, mean of {seeds} seeds" if seeds > 1 else "Number of errors"
        bar = figure.colorbar(colours, ax=grid, label=label, shrink=0.8)
        bar.ax.yaxis.minorticks_off()
        ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= most]
        bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
        bar.minorticks_off()
