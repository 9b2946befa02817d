"""Finished runs → robustness and calibration of the models: robustness.json, a page, pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from common import UserError, plots
from common.comparison.distortions import DISTORTIONS
from common.comparison.durations import in_words
from common.comparison.mnist_c import CORRUPTIONS
from common.comparison.robustness import (
    NUM_BINS,
    calibration,
    measure_distortion,
    measure_robustness,
)
from common.comparison.statistics import Run
from common.comparison.tables import markdown_rows, percent
from common.data import DataSets
from common.datasets.orientation import POLARITIES
from common.run.files import atomic_path, write_json
from common.run.model import Model

import numpy as np
from tqdm import tqdm

DARK_ON_LIGHT = POLARITIES[1]
SHIFT = 2  # pixels, in the table of every comparison
NUM_TRIED, MOST_DIFFERENT = 500, 0.2  # images that tell whether a net was tested on them
FEWEST_IMAGES = 20  # in a bin of the reliability diagram


class Loaded:
    """The trained models of a comparison, and the test images; closed after use.

    Args:
        names: of the models.
        runs: for each model one run a seed, with its `folder`.
        data: the data set.

    Raises:
        UserError: a model cannot be loaded, or was tested on other images than those of `data`.
    """

    def __init__(self, names: Sequence[str], runs: Sequence[Sequence[Run]], data: DataSets) -> None:
        self.names = list(names)
        with ExitStack() as stack:  # closes the others where one cannot be loaded
            models = [
                [stack.enter_context(Model(run["folder"])) for run in of_one] for of_one in runs
            ]
            self._models = stack.pop_all()
        self.classifiers = [[model.probabilities for model in of_one] for of_one in models]
        try:
            for name, of_one, model in zip(names, runs, models, strict=True):
                _require_same_images(name, of_one[0], model[0], data)
        except UserError:
            self.close()
            raise
        self.images = data.test.images.reshape(-1, *data.image_shape)
        self.labels = data.test.labels
        if data.conventions.polarity == DARK_ON_LIGHT:
            # The distortions take 0 for paper; the nets get what they were trained on.
            self.images = 255 - self.images
            self.classifiers = [
                [lambda images, one=one: one(255 - images) for one in of_one]
                for of_one in self.classifiers
            ]

    def close(self) -> None:
        """Close the sessions of the models."""
        self._models.close()


def _require_same_images(name: str, run: Run, model: Model, data: DataSets) -> None:
    """Raise a UserError where a script has tested its net on other images than those on disk."""
    images, expected = data.test.images[:NUM_TRIED], run["predicted"][:NUM_TRIED]
    found = None
    if model.image_shape == data.image_shape:
        found = model.probabilities(images.reshape(-1, *data.image_shape)).argmax(axis=1)
    if found is None or np.mean(found != expected) > MOST_DIFFERENT:
        raise UserError(
            f"{name} was tested on other images than those of the data set, which get other "
            "answers."
        )


def shifted_accuracies(loaded: Loaded) -> list[float]:
    """Return the mean accuracy of each model when the test images are shifted by two pixels."""
    accuracy = measure_distortion(
        loaded.classifiers, loaded.images, loaded.labels, DISTORTIONS["shift"], (SHIFT,)
    )
    return accuracy.mean(axis=(1, 2)).tolist()


def report_robustness(loaded: Loaded, results: dict[str, Any], root: Path) -> list[str]:
    """Measure distortions, corruptions and calibration; write and print them.

    Args:
        loaded: the trained models.
        results: what results.json holds.
        root: the folder of the comparison.

    Returns:
        the names of the files that were written: robustness.json, robustness.md and pictures.

    Raises:
        UserError: a file cannot be written.
    """
    found: dict[str, Any] = {
        **{"command": results["command"], "machine": results["machine"]},
        **{"seeds": results["seeds"], "models": loaded.names},
        **{"distortions": {}, "corruptions": {}},
    }
    start = time.perf_counter()
    number = len(DISTORTIONS) + len(CORRUPTIONS) * (loaded.images.shape[1:] == (28, 28))
    todo = measure_robustness(loaded.classifiers, loaded.images, loaded.labels)
    with tqdm(todo, "Distorting", number, disable=None, dynamic_ncols=True) as bar:
        for kind, name, row in bar:
            found[kind][name] = row
    probabilities = [[one(loaded.images) for one in seeds] for seeds in loaded.classifiers]
    found["calibration"] = [
        [calibration(one, loaded.labels) for one in seeds] for seeds in probabilities
    ]
    found["seconds"] = time.perf_counter() - start
    text = robustness_page(found)
    print(text)
    write_json(root / "robustness.json", found)
    with atomic_path(root / "robustness.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    pictures = plots.draw_each(root, _pictures(loaded, found, probabilities))
    return ["robustness.json", "robustness.md", *pictures]


def _pictures(
    loaded: Loaded, found: dict[str, Any], probabilities: Sequence[Sequence[np.ndarray]]
) -> list[tuple[str, Any]]:
    names = loaded.names
    panels = {
        name: (row["unit"], row["strengths"], np.array(row["accuracy"]))
        for name, row in found["distortions"].items()
    }
    _, strengths, accuracy = panels["shift"]
    curves = {
        name: reliability(np.concatenate(of_one), np.tile(loaded.labels, len(of_one)))
        for name, of_one in zip(names, probabilities, strict=True)
    }
    return [
        ("robustness.png", partial(plots.plot_panels, panels=panels, names=names)),
        (
            "shift.png",
            partial(plots.plot_shift, strengths=strengths, accuracy=accuracy, names=names),
        ),
        ("reliability.png", partial(plots.plot_reliability, curves=curves)),
    ]


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve of a reliability diagram: mean confidence and accuracy of each bin.

    Bins with fewer than 20 images are left out.

    Args:
        probabilities: float [n, classes].
        labels: integers [n].
    """
    from sklearn.calibration import calibration_curve

    confidence = probabilities.max(axis=1).clip(0, 1)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, NUM_BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidence)
    keep = np.bincount(bins, minlength=NUM_BINS)[bins] >= FEWEST_IMAGES
    if not keep.any():
        return np.empty(0), np.empty(0)
    accuracy, mean_confidence = calibration_curve(correct[keep], confidence[keep], n_bins=NUM_BINS)
    return mean_confidence, accuracy


def robustness_page(found: dict[str, Any]) -> str:
    """Return the results of `report_robustness` as Markdown.

    Args:
        found: what robustness.json holds.
    """
    names = [f"{k + 1}: {name}" for k, name in enumerate(found["models"])]
    parts = [
        "<details><summary>Accuracy on the distorted test images, %, mean over the seeds</summary>",
        _distortion_table(found, names),
        "</details>",
    ]
    if found["corruptions"]:
        parts += [
            "Error on twelve corruptions of MNIST-C, %, mean ± standard deviation over the seeds:",
            _corruption_table(found, names),
        ]
    parts += ["Probabilities on the test images:", _calibration_table(found, names)]
    seeds = found["seeds"]
    text = f"{seeds} seed{'s' * (seeds != 1)}, on {found['machine']}. Made by `{found['command']}`"
    if found.get("seconds"):  # older files do not say
        text += f", after the training in about {in_words(found['seconds'])}"
    parts.append(f"{text}.")
    return "\n\n".join(parts) + "\n"


def _distortion_table(found: dict[str, Any], names: Sequence[str]) -> str:
    rows = []
    for name, row in found["distortions"].items():
        means = np.array(row["accuracy"]).mean(axis=2)  # [models, strengths]
        for strength, of_models in zip(row["strengths"], means.T, strict=True):
            if strength != DISTORTIONS[name].neutral:
                cells = [percent(value, digits=1) for value in of_models]
                rows.append([name, f"{strength:g} ({row['unit']})", *cells])
    return markdown_rows(["distortion", "strength", *names], rows)


def _corruption_table(found: dict[str, Any], names: Sequence[str]) -> str:
    errors = {name: 1 - np.array(row["accuracy"]) for name, row in found["corruptions"].items()}
    errors["**mean corruption error**"] = np.mean(list(errors.values()), axis=0)
    rows = [[name, *map(_with_spread, of_models)] for name, of_models in errors.items()]
    return markdown_rows(["corruption", *names], rows, words=1)


def _with_spread(values: np.ndarray) -> str:
    spread = f" ± {100 * values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return percent(float(values.mean()), digits=1) + spread


CALIBRATION = {
    "log_loss": "log-loss",
    "brier": "Brier score",
    "calibration_error": "expected calibration error, %",
    "confidence": "mean confidence, %",
}


def _calibration_table(found: dict[str, Any], names: Sequence[str]) -> str:
    rows = []
    for key, title in CALIBRATION.items():
        means = [np.mean([one[key] for one in seeds]) for seeds in found["calibration"]]
        in_percent = title.endswith("%")
        rows.append([title, *(percent(v) if in_percent else f"{v:.4f}" for v in means)])
    return markdown_rows(["", *names], rows, words=1)
