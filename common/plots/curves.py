"""Curves: loss and accuracy by epoch, of one run or of several, and errors against time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.plots.canvas import BLUE, ORANGE, draw_message, import_matplotlib, new_picture
from common.plots.labels import label_ends

import numpy as np

# Colour, line style and marker of each model.
STYLES = [(BLUE, "-", "o"), (ORANGE, "--", "s"), ("#009E73", ":", "^"), ("#CC79A7", "-.", "D")]
STYLES += [("#000000", (0, (5, 1)), "v"), ("#E69F00", (0, (1, 1)), "P"), ("#56B4E9", "-", "X")]


def styles(number: int) -> list[tuple[str, Any, str]]:
    """Return colour, line style and marker of each model; the eighth has those of the first."""
    return [STYLES[k % len(STYLES)] for k in range(number)]


def plot_curves(
    path: Path | str,
    history: Sequence[Mapping[str, float]],
    title: str = "Loss and accuracy during training",
    *,
    show: bool = False,
) -> None:
    """Draw loss and accuracy side by side, each for training and validation.

    Args:
        path: the file to write.
        history: a row per point, any number of them, with `epoch`, `train_loss`,
            `validation_loss`, and `train_accuracy`, `validation_accuracy` as fractions.
        title: of the picture.
        show: also keep the figure for `show_all`.

    Raises:
        UserError: the file cannot be written.
    """
    if not history:
        draw_message(path, title, show, "No epoch was finished")
        return
    epochs = [row["epoch"] for row in history]
    marker = 4 if len(epochs) <= 50 else 0
    with new_picture(path, title, show, 390, layout="constrained") as figure:
        loss, accuracy = figure.subplots(1, 2)
        for axes, what, unit, factor in (loss, "loss", "", 1), (accuracy, "accuracy", "%", 100):
            for kind, colour, style in ("train", BLUE, "o-"), ("validation", ORANGE, "s--"):
                values = np.array([row[f"{kind}_{what}"] for row in history], float) * factor
                label = "Training" if kind == "train" else "Validation"
                label += f", at the end {values[-1]:.{2 if unit else 3}f}{unit}"
                axes.plot(epochs, values, style, color=colour, markersize=marker, label=label)
            axes.set(xlabel="Epoch", title=what.capitalize() + (f" ({unit})" if unit else ""))
            axes.xaxis.get_major_locator().set_params(integer=max(epochs) >= 3)
            if len(epochs) == 1:
                axes.set_xticks(epochs)
            axes.ticklabel_format(useOffset=False)
            axes.grid(color="#DDDDDD")
            axes.legend()


def plot_errors_against_time(
    path: Path | str,
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
    title: str = "Errors against training time: down and to the left is better",
) -> None:
    """Draw the errors on validation images against the seconds of training, both logarithmic.

    Each seed is a thin line, and their mean a thick one with the name of the model at its end.

    Args:
        path: the file to write.
        histories: for the name of each model, a history per seed (see `plot_curves`), whose rows
            also have `seconds`. A model without a finished epoch is left out.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    import_matplotlib()
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    curves = {name: _seconds_and_errors(runs) for name, runs in histories.items() if all(runs)}
    if not curves:
        draw_message(path, title, False, "No epoch was finished")
        return
    with new_picture(path, title, False, 420, layout="constrained") as figure:
        axes = figure.add_subplot(
            xscale="log",
            yscale="log",
            xlabel="Seconds of training",
            ylabel="Errors per 10,000 validation images",
        )
        ends, colours = [], []
        for points, (colour, line, marker) in zip(
            curves.values(), styles(len(curves)), strict=True
        ):
            for of_seed in points:
                axes.plot(*of_seed.T, linestyle=line, color=colour, linewidth=0.7, alpha=0.5)
            mean = points.mean(axis=0)
            axes.plot(*mean.T, linestyle=line, color=colour, linewidth=2)
            axes.plot(*mean[-1], marker, color=colour)
            ends.append(tuple(mean[-1]))
            colours.append(colour)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.minorticks_off()
        axes.grid(color="#DDDDDD")
        label_ends(axes, ends, list(curves), colours)


def _seconds_and_errors(runs: Sequence[Sequence[Mapping[str, float]]]) -> np.ndarray:
    """Return float [seeds, epochs, 2]: seconds and errors in 10,000 images, those above zero."""
    epochs = min(map(len, runs))
    return np.array(
        [
            [
                (row["seconds"], 1e4 * max(1 - row["validation_accuracy"], 1e-4))
                for row in run[:epochs]
            ]
            for run in runs
        ]
    )


def _errors(run: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the errors on the validation split in percent, of which a logarithm can be taken."""
    return [100 * max(1 - row["validation_accuracy"], 1e-4) for row in run]


def show_errors_as_accuracies(axes: Any) -> None:
    """Make the vertical axis, errors in percent, logarithmic, and name the accuracies there."""
    axes.set(yscale="log")
    axes.invert_yaxis()
    lowest, highest = sorted(axes.get_ylim())
    ticks = [e for e in (90, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1) if lowest <= e <= highest]
    axes.set_yticks(ticks, [f"{100 - error:g}" for error in ticks])
    axes.minorticks_off()


def plot_validation(
    path: Path | str,
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
    title: str = "Loss and accuracy on the validation split",
) -> None:
    """Draw the validation curves of several models over each other, with the names at their ends.

    The vertical axes are logarithmic, that of the accuracy in the error.

    Args:
        path: the file to write.
        histories: for the name of each model, at most 20 of them, a history per seed (see
            `plot_curves`) with a row or more.
        title: of the picture.

    Raises:
        UserError: the file cannot be written.
    """
    import_matplotlib()
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    with new_picture(path, title, False, 420, layout="constrained") as figure:
        loss, accuracy = figure.subplots(1, 2, width_ratios=[1, 1.8])
        loss.set(xlabel="Epoch", title="loss")
        accuracy.set(xlabel="Epoch", title="accuracy (%)")
        ends, colours = [], []
        for runs, (colour, line, marker) in zip(
            histories.values(), styles(len(histories)), strict=True
        ):
            for run in runs:
                epochs = [row["epoch"] for row in run]
                values = [row["validation_loss"] for row in run]
                for axes, y in (loss, values), (accuracy, _errors(run)):
                    axes.plot(epochs, y, linestyle=line, color=colour, linewidth=1)
                    axes.plot(epochs[-1:], y[-1:], marker, color=colour, markersize=4)
            ends.append((epochs[-1], _errors(run)[-1]))
            colours.append(colour)
        of_all = itertools.chain.from_iterable(histories.values())
        if all(row["validation_loss"] > 0 for run in of_all for row in run):
            loss.set(yscale="log")
            loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            loss.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            loss.minorticks_off()
        show_errors_as_accuracies(accuracy)
        for axes in (loss, accuracy):
            axes.grid(color="#DDDDDD")
        label_ends(accuracy, ends, list(histories), colours, fraction=0.55)
