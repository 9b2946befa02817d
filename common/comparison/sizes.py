"""How many training images a net needs: accuracy against their number, beside scikit-learn.

The recipes are those of the scripts, with at least MIN_STEPS training steps: with 100 images, ten
epochs would be ten steps.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import UsageError, plots
from common.comparison.runs import Model, train_all
from common.comparison.statistics import Run
from common.comparison.tables import markdown_rows, model_name, percent
from common.data import DataSets, steps_per_epoch
from common.process.status import status
from common.run.contents import number, parse_json, require
from common.run.files import atomic_path, write_json

import numpy as np

MIN_STEPS = 300
# The most training images that a reference is given, so that each finishes within minutes.
REFERENCES = {
    "logistic regression": 60_000,
    "3 nearest neighbours": 60_000,
    "SVM with RBF kernel": 10_000,
}


def sized_models(script: str, flags: Sequence[str], sizes: Sequence[int]) -> list[Model]:
    """Return a model for each number of training images.

    Args:
        script: its name without `.py`.
        flags: those of the row.
        sizes: the numbers of training images.
    """
    settings = importlib.import_module(script).read_settings(list(flags))
    models = []
    for size in sizes:
        steps = settings.iterations or settings.epochs * steps_per_epoch(size, settings.batch_size)
        steps = max(steps, MIN_STEPS)
        length = ["--train-size", str(size), "--iterations", str(steps)]
        models.append(Model(script, (*flags, *length)))
    return models


def _new_references() -> dict[str, Callable[[], Any]]:
    """Return scikit-learn's models; its import waits until here, since it takes a second."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    return {
        # Without a penalty it is the model of softmax regression, trained to its optimum.
        "logistic regression": lambda: LogisticRegression(C=np.inf, max_iter=1_000, tol=1e-3),
        "3 nearest neighbours": lambda: KNeighborsClassifier(3),
        "SVM with RBF kernel": lambda: SVC(C=5, gamma="scale"),
    }


def measure_references(data: DataSets, sizes: Sequence[int], kept: Path) -> dict[str, list[float]]:
    """Return the test accuracy of each model of scikit-learn, on the first images of each number.

    Args:
        data: the data set.
        sizes: the numbers of training images.
        kept: a file that keeps what was measured, for the next time.

    Returns:
        for each name accuracies from 0 to 1, fewer than there are sizes where a model would take
        too long.
    """
    fingerprint = data.fingerprint()
    try:
        content = require(parse_json(kept.read_bytes()), dict, "content")
        known = require(content.get("accuracies"), dict, "accuracies")
        for name, accuracy in known.items():
            number(accuracy, name, 0, 1)
        known = known if content.get("data") == fingerprint else {}
    except (OSError, ValueError):  # then they are measured
        known = {}
    models, found = _new_references(), {}
    test = data.test.images / np.float32(255)
    for name, most in REFERENCES.items():
        found[name] = []
        for size in (size for size in sizes if size <= most):
            key = f"{name}, {size}"
            if key not in known:
                train = data.train.first(size)
                with status(f"{name} on {size:,} images"):
                    model = models[name]().fit(train.images / np.float32(255), train.labels)
                    known[key] = float(np.mean(model.predict(test) == data.test.labels))
                write_json(kept, {"data": fingerprint, "accuracies": known})
            found[name].append(known[key])
    return found


def sizes_results(
    rows: Sequence[tuple[str, list[list[Run]]]],
    sizes: Sequence[int],
    references: dict[str, list[float]],
) -> dict[str, Any]:
    """Return what sizes.json holds beside command, machine and seeds.

    Args:
        rows: for each row of the comparison its name and, for each size, one run a seed.
        sizes: the numbers of training images.
        references: what `measure_references` returns.
    """
    return {
        "sizes": list(sizes),
        "accuracy": {
            model_name(name): [[run["test_accuracy"] for run in runs] for runs in of_sizes]
            for name, of_sizes in rows
        },
        "references": references,
    }


def sizes_page(found: dict[str, Any]) -> str:
    """Return the results as Markdown: a row for each number of training images.

    Args:
        found: what sizes.json holds.
    """
    names = [*found["accuracy"], *found["references"]]
    rows = []
    for k, size in enumerate(found["sizes"]):
        cells = [f"{size:,}"]
        for accuracies in found["accuracy"].values():
            values = np.array(accuracies[k])
            std = float(values.std(ddof=1)) if len(values) > 1 else None
            cells.append(percent(float(values.mean()), std))
        for accuracies in found["references"].values():
            cells.append(percent(accuracies[k]) if k < len(accuracies) else "–")
        rows.append(cells)
    seeds = found["seeds"]
    measured = (
        f"Test accuracy, %. The nets: mean ± standard deviation over {seeds} "
        f"seed{'s' * (seeds != 1)}, with the recipes of the scripts but at least {MIN_STEPS:,} "
        f"training steps; scikit-learn's models: one run. On {found['machine']}. Made by "
        f"`{found['command']}`."
    )
    table = markdown_rows(["training images", *names], rows, words=0)
    return f"{table}\n\n{measured}\n"


def report_sizes(
    models: Sequence[Model],
    data: DataSets,
    root: Path,
    options: argparse.Namespace,
    results: dict[str, Any],
) -> list[str]:
    """Train every model on each number of images; write and print the accuracies.

    Args:
        models: the rows of the comparison.
        data: the data set.
        root: the folder of the comparison.
        options: `train_sizes`, `seeds`, and what `train_all` needs.
        results: what results.json holds.

    Returns:
        the names of the files that were written: sizes.json, sizes.md and a picture.

    Raises:
        UsageError: a number is larger than the training split.
        UserError: a run failed, or a file cannot be written.
        InterruptedRunError: Ctrl-C or SIGTERM.
    """
    sizes = sorted(set(options.train_sizes))
    if sizes[-1] > len(data.train):
        raise UsageError(
            f"--train-sizes {sizes[-1]:,} is more than the {len(data.train):,} training images "
            f"of {options.data_dir}"
        )
    sized = [sized_models(model.script, model.flags, sizes) for model in models]
    flat = train_all(list(itertools.chain(*sized)), range(options.seeds), root, options)
    per_model = [flat[k * len(sizes) : (k + 1) * len(sizes)] for k in range(len(models))]
    references = measure_references(data, sizes, root / "references.json")
    rows = [(model.name, runs) for model, runs in zip(models, per_model, strict=True)]
    found = {name: results[name] for name in ("command", "machine", "seeds")}
    found |= sizes_results(rows, sizes, references)
    text = sizes_page(found)
    print(text)
    write_json(root / "sizes.json", found)
    with atomic_path(root / "sizes.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    drawn = plots.draw_each(
        root,
        [
            (
                "sizes.png",
                lambda path: plots.plot_sizes(path, sizes, found["accuracy"], references),
            )
        ],
    )
    return ["sizes.json", "sizes.md", *drawn]
