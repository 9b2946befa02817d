"""Finished runs → the pictures of a comparison."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from common import plots
from common.data import DataSets

import numpy as np


def draw_figures(
    folder: Path, names: list[str], runs: list[list[dict[str, Any]]], data: DataSets
) -> list[str]:
    """Draw the pictures of a comparison.

    Args:
        folder: where the PNG files are written.
        names: the names of the models.
        runs: for each model one run per seed (see statistics.py).
        data: the data set; its test images are drawn.

    Returns:
        the names of the files that were written: validation accuracy against training time, the
        confusion matrices (mean over the seeds), test images that all models classify incorrectly
        and, for more than one model, test images that only the last one classifies correctly, of
        the first and it. The single images are those of the first seed. A picture that cannot be
        drawn is complained of.
    """
    histories = {
        name: [run["history"] for run in of_one] for name, of_one in zip(names, runs, strict=True)
    }
    matrices = [np.mean([run["confusion_matrix"] for run in of_one], axis=0) for of_one in runs]
    wrong = [of_one[0]["predicted"] != of_one[0]["true"] for of_one in runs]
    selections = {
        "all_wrong.png": (
            np.logical_and.reduce(wrong),
            f"test images that all {len(names)} models classify incorrectly",
        )
    }
    if len(names) > 1:
        selections["first_wrong_last_right.png"] = (
            wrong[0] & ~wrong[-1],
            f"test images that {names[0]} classifies incorrectly and {names[-1]} correctly",
        )

    def draw_selection(mask: np.ndarray, description: str, path: Path) -> None:
        indices = np.flatnonzero(mask)
        shown = indices[:9]
        plots.plot_images(
            path,
            data.test.images[shown],
            data.image_shape,
            data.test.labels[shown],
            runs[0][0]["predicted"][shown],
            data.class_names,
            title=f"The first {len(shown)} of {len(indices)} {description}"
            f" (predicted: by {names[0]})",
        )

    return plots.draw_each(
        folder,
        [
            (
                "accuracy_against_time.png",
                lambda path: plots.plot_accuracy_against_time(path, histories),
            ),
            (
                "confusion_matrices.png",
                lambda path: plots.plot_confusion_matrices(path, matrices, names, data.class_names),
            ),
            *((file, partial(draw_selection, *one)) for file, one in selections.items()),
        ],
        "The results are complete; to draw again, repeat the command.",
    )
