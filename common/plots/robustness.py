"""Accuracy against the strength of a distortion, and confidence against accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.plots.canvas import GREY, draw_message, new_picture
from common.plots.curves import show_errors_as_accuracies, styles
from common.plots.labels import label_ends

import numpy as np

COLUMNS = 3


def plot_panels(
    path: Path | str,
    panels: Mapping[str, tuple[str, Sequence[float], np.ndarray]],
    names: Sequence[str],
    title: str = "Accuracy on the test images when they are distorted: higher is more robust",
) -> None:
    """Draw one small panel for each distortion, with a line for each model.

    Args:
        path: the file to write.
        panels: for the name of each distortion its unit, its strengths, and the accuracies, float
            [models, strengths, seeds] from 0 to 1. A band shows ± a standard deviation.
        names: of the models.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    if not panels:
        draw_message(path, title, False, "Nothing was measured")
        return
    rows = -(-(len(panels) + 1) // COLUMNS)  # one more place, for the legend
    with new_picture(path, title, False, 215 * rows, layout="constrained") as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for axes, (name, (unit, strengths, accuracy)) in zip(grid, panels.items(), strict=False):
            _draw_lines(axes, strengths, accuracy, names)
            axes.set(ylim=(-3, 103), title=name)
            axes.set_xlabel(unit, size=8)
            axes.tick_params(labelsize=8)
            if axes in grid[::COLUMNS]:
                axes.set_ylabel("Accuracy (%)", size=8)
        handles, labels = grid[0].get_legend_handles_labels()
        grid[len(panels)].legend(handles, labels, loc="center", frameon=False)


def plot_shift(
    path: Path | str,
    strengths: Sequence[float],
    accuracy: np.ndarray,
    names: Sequence[str],
    title: str = "Accuracy on shifted test images: the flatter, the less the position matters",
) -> None:
    """Draw the accuracy against a shift in pixels, each line with its name at its end.

    Args:
        path: the file to write.
        strengths: the shifts.
        accuracy: float [models, strengths, seeds] from 0 to 1.
        names: of the models.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    with new_picture(path, title, False, 360, layout="constrained") as figure:
        axes = figure.add_subplot(
            xlabel="Shift of the test images (pixels, mean over four directions)",
            ylabel="Accuracy (%)",
            ylim=(0, 103),
        )
        _draw_lines(axes, strengths, accuracy, names)
        axes.set_xlim(min(strengths), max(strengths))
        ends = [(max(strengths), 100 * of_model[-1].mean()) for of_model in accuracy]
        colours = [line.get_color() for line in axes.get_lines()]
        label_ends(axes, ends, names, colours)
        axes.set_xticks(strengths)


def plot_reliability(
    path: Path | str,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    title: str = "Calibration: on the dashed line, 90 % of answers at 90 % are correct",
) -> None:
    """Draw the accuracy of each model against its confidence: a reliability diagram.

    Args:
        path: the file to write.
        curves: for the name of each model, mean confidence and accuracy of each bin, floats from 0
            to 1, as `sklearn.calibration.calibration_curve` returns them (in the other order).
        title: of the picture.

    Raises:
        UserError: the file cannot be written.

    Source: Guo et al., "On calibration of modern neural networks", 2017 (arXiv 1706.04599).
    """
    with new_picture(path, title, False, 380, layout="constrained") as figure:
        axes = figure.add_subplot(
            xlabel="Confidence: largest probability, mean of a bin (%)",
            ylabel="Accuracy in the bin (%)",
        )
        axes.plot([0, 100], [0, 100], "--", color=GREY)
        for (name, (confidence, accuracy)), (colour, line, marker) in zip(
            curves.items(), styles(len(curves)), strict=True
        ):
            axes.plot(
                100 * confidence,
                100 * accuracy,
                linestyle=line,
                color=colour,
                marker=marker,
                label=name,
            )
        lowest = min((100 * c.min() for c, _ in curves.values() if len(c)), default=0)
        axes.set(xlim=(lowest - 3, 101), ylim=(-3, 103))
        axes.grid(color="#DDDDDD")
        axes.legend(loc="lower right")


def _draw_lines(
    axes: Any, strengths: Sequence[float], accuracy: np.ndarray, names: Sequence[str]
) -> None:
    lines = zip(accuracy, names, styles(len(names)), strict=True)
    for of_model, name, (colour, line, marker) in lines:
        mean, spread = 100 * of_model.mean(axis=1), 100 * of_model.std(axis=1)
        axes.plot(
            strengths, mean, linestyle=line, color=colour, marker=marker, markersize=4, label=name
        )
        axes.fill_between(strengths, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)
    axes.grid(color="#DDDDDD")


def plot_sizes(
    path: Path | str,
    sizes: Sequence[int],
    accuracies: Mapping[str, Sequence[Sequence[float]]],
    references: Mapping[str, Sequence[float]],
    title: str = "Accuracy against the number of training images",
) -> None:
    """Draw the accuracy of each model against the number of training images, both logarithmic.

    Args:
        path: the file to write.
        sizes: the numbers of training images.
        accuracies: for the name of each net, for each size one accuracy a seed, from 0 to 1.
        references: for the name of each other model one accuracy for each of the first sizes.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    with new_picture(path, title, False, 430, layout="constrained") as figure:
        axes = figure.add_subplot(
            xscale="log",
            xlabel="Training images",
            ylabel="Accuracy on the test images (%)",
        )
        greys = zip(references.items(), ("--", ":", "-.") * len(references), strict=False)
        curves = [
            *zip(accuracies.items(), styles(len(accuracies)), strict=True),
            *(((name, [[v] for v in one]), (GREY, line, "")) for (name, one), line in greys if one),
        ]
        ends = []
        for (_, rows), (colour, line, marker) in curves:
            errors = 100 * (1 - np.array(rows, float)).clip(1e-4)
            mean, shown = errors.mean(axis=1), sizes[: len(errors)]
            axes.plot(shown, mean, linestyle=line, color=colour, marker=marker)
            for seed in errors.T:
                axes.plot(shown, seed, linestyle=line, color=colour, linewidth=0.6, alpha=0.5)
            ends.append((shown[-1], mean[-1]))
        show_errors_as_accuracies(axes)
        label_ends(axes, ends, [name for (name, _), _ in curves], [style[0] for _, style in curves])
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(color="#DDDDDD")
