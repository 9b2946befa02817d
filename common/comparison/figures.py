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
        with all answers and, for more than one model, one test image of each class that the last
        one classifies correctly and the first does not. The single images are those of the first
        seed. A picture that cannot be drawn is reported.
    """
    histories = {
        name: [run["history"] for run in of_one] for name, of_one in zip(names, runs, strict=True)
    }
    matrices = [np.mean([run["confusion_matrix"] for run in of_one], axis=0) for of_one in runs]
    answers = {name: of_one[0]["predicted"] for name, of_one in zip(names, runs, strict=True)}
    true = runs[0][0]["true"]
    wrong = [predicted != true for predicted in answers.values()]
    all_wrong = np.flatnonzero(np.logical_and.reduce(wrong))
    selections = {
        "all_wrong.png": (
            all_wrong[:10],
            answers,
            f"{len(all_wrong[:10])} of the {len(all_wrong)} test images that all {len(names)} "
            "models classify incorrectly",
        )
    }
    if len(names) > 1:
        only = wrong[0] & ~wrong[-1]
        found = [np.flatnonzero(only & (true == k)) for k in range(data.num_classes)]
        selections["first_wrong_last_right.png"] = (
            np.array([of_class[0] for of_class in found if len(of_class)][:10], int),
            {name: answers[name] for name in (names[0], names[-1])},
            f"{only.sum()} test images are classified correctly by {names[-1]} and not by "
            f"{names[0]}: one of each class",
        )

    def draw_selection(
        indices: np.ndarray, answers: dict[str, np.ndarray], title: str, path: Path
    ) -> None:
        plots.plot_answers(
            path,
            data.test.images[indices],
            data.image_shape,
            true[indices],
            {name: predicted[indices] for name, predicted in answers.items()},
            title,
            data.class_names,
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
                lambda path: plots.plot_confusion_matrices(
                    path, matrices, names, data.class_names, seeds=len(runs[0])
                ),
            ),
            *((file, partial(draw_selection, *one)) for file, one in selections.items()),
        ],
        "The results are complete; to draw again, repeat the command.",
    )
