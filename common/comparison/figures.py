"""Finished runs → the pictures of a comparison."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from common import plots
from common.data import DataSets
from common.plots.canvas import draw_message
from common.plots.inside import OneNet
from common.run.inside import look_inside
from common.run.model import Model

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
        the names of the files that were written: validation errors against training time, the
        confusion matrices (mean over the seeds), test images that all models classify incorrectly
        with all answers and, for more than one model, one test image of each class that the last
        one classifies correctly and the first does not, and one image through the layers of up to
        three models. The single images are those of the first seed. A picture that cannot be drawn
        is reported.
    """
    if len(names) > 1:
        one_image = [("one_image.png", partial(_draw_one_image, names, runs, data))]
    else:
        one_image = []
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
                "errors_against_time.png",
                lambda path: plots.plot_errors_against_time(path, histories),
            ),
            (
                "confusion_matrices.png",
                lambda path: plots.plot_confusion_matrices(
                    path, matrices, names, data.class_names, seeds=len(runs[0])
                ),
            ),
            *((file, partial(draw_selection, *one)) for file, one in selections.items()),
            *one_image,
        ],
        "The results are complete; to draw again, repeat the command.",
    )


def _draw_one_image(
    names: list[str], runs: list[list[dict[str, Any]]], data: DataSets, path: Path
) -> None:
    """Draw what the layers of one model of each script make of an image that only the best reads.

    Where there is no such image, or the layers of a model are not known, the picture says so.
    """
    by_script: dict[str, int] = {}
    for k, of_one in enumerate(runs):
        by_script.setdefault(of_one[0]["model"], k)
    chosen = list(by_script.values()) if len(by_script) > 1 else [0, len(runs) - 1]
    chosen.sort(key=lambda k: runs[k][0]["test_correct"])
    *others, best = [runs[k][0]["predicted"] == runs[k][0]["true"] for k in chosen]
    found = np.flatnonzero(best & ~np.logical_or.reduce(others))
    title = f"A test image that only one of {len(chosen)} nets reads: what each layer makes of it"
    if not len(found):
        draw_message(path, title, False, "There is none")
        return
    with ExitStack() as stack:
        models = [stack.enter_context(Model(runs[k][0]["folder"])) for k in chosen]
        probabilities = np.stack([model.probabilities(data.test.images[found]) for model in models])
        # The image of which all are surest: the best of the truth, the others of their errors.
        index = int(probabilities.max(axis=2).prod(axis=0).argmax())
        image = data.test.images[found[index]].reshape(data.image_shape)
        stages = [look_inside(model, image) for model in models]
    if not all(stages):
        draw_message(path, title, False, "The names of some layers are not known")
        return
    true = int(data.test.labels[found[index]])
    plots.plot_one_image(
        path,
        image,
        f"Test image {found[index]}\nTrue: {data.class_names[true]}",
        true,
        [
            OneNet(names[k], of_model, answers[index])
            for k, of_model, answers in zip(chosen, stages, probabilities, strict=True)
        ],
        data.class_names,
        title,
    )
