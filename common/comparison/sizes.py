"""How many training images a net needs: accuracy against their number, beside scikit-learn.

The recipes are those of the scripts, with two changes for few images: at least MIN_STEPS training
steps, since with 100 images ten epochs would be ten steps; and at least MIN_STEPS_PER_EPOCH of them
in an epoch, by smaller mini-batches. At the end of each epoch a net is validated and saved, which
takes longer than a step with all of 100 images.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import UsageError, plots
from common.comparison.durations import SECONDS_PER_RUN, in_words
from common.comparison.references import MOST_ITERATIONS, NEIGHBOURS, References
from common.comparison.robustness import calibration
from common.comparison.runs import Model, train_all
from common.comparison.statistics import Run
from common.comparison.tables import markdown_rows, model_name, percent
from common.data import DataSets, steps_per_epoch
from common.run.files import atomic_path, write_json
from common.run.model import Model as Trained

import numpy as np

MIN_STEPS = 300
MIN_STEPS_PER_EPOCH = 10


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
        batch_size = max(1, min(settings.batch_size, size // MIN_STEPS_PER_EPOCH))
        steps = settings.iterations or settings.epochs * steps_per_epoch(size, batch_size)
        steps = max(steps, MIN_STEPS)
        length = ["--train-size", str(size), "--iterations", str(steps)]
        if batch_size < settings.batch_size:
            length += ["--batch-size", str(batch_size)]
        models.append(Model(script, (*flags, *length)))
    return models


def sizes_results(
    rows: Sequence[tuple[str, list[list[Run]]]],
    sizes: Sequence[int],
    references: dict[str, list[dict[str, float]]],
) -> dict[str, Any]:
    """Return what sizes.json holds beside command, machine, seeds and optimum.

    Args:
        rows: for each row of the comparison its name and, for each size, one run a seed.
        sizes: the numbers of training images.
        references: what `References.measure` returns.
    """
    runs = [run for _, of_sizes in rows for of_one in of_sizes for run in of_one]
    return {
        "sizes": list(sizes),
        "accuracy": {
            model_name(name): [[run["test_accuracy"] for run in runs] for runs in of_sizes]
            for name, of_sizes in rows
        },
        "references": {
            name: [row["accuracy"] for row in of_one] for name, of_one in references.items()
        },
        "seconds": sum(run["train_seconds"] + SECONDS_PER_RUN for run in runs)
        + sum(row["seconds"] for of_one in references.values() for row in of_one),
    }


def _optimum(
    rows: Sequence[tuple[str, list[list[Run]]]],
    sizes: Sequence[int],
    references: References,
    data: DataSets,
) -> dict[str, Any] | None:
    """Return how far softmax regression is from its optimum after all training images.

    Returns:
        `size`, and loss and accuracy (see `References.optimum`) of the optimum and, one for each
        seed, of softmax regression; None where one of them is not known.
    """
    runs = dict(rows).get("mnist_softmax.py")
    lowest = references.optimum(sizes[-1]) if runs and sizes[-1] == len(data.train) else None
    if not runs or lowest is None:
        return None
    train, losses = data.train, []
    for run in runs[-1]:
        with Trained(run["folder"]) as trained:
            probabilities = trained.probabilities(train.images)
        losses.append(calibration(probabilities, train.labels)["log_loss"])
    return {
        "size": len(train),
        "loss": losses,
        "accuracy": [run["test_accuracy"] for run in runs[-1]],
        "lowest_loss": lowest["loss"],
        "accuracy_there": lowest["accuracy"],
        "seconds": lowest["seconds"],
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
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    measured = (
        f"Test accuracy, %. The nets: {over}, with the recipes of the scripts but at least "
        f"{MIN_STEPS:,} training steps, {MIN_STEPS_PER_EPOCH} of them in an epoch; scikit-learn's "
        f"models: one run. On {found['machine']}. Made by `{found['command']}`, in about "
        f"{in_words(found['seconds'])}."
    )
    table = markdown_rows(["training images", *names], rows, words=0)
    return "\n\n".join([table, *_optimum_sentences(found), measured]) + "\n"


def _optimum_sentences(found: dict[str, Any]) -> list[str]:
    """Say whether softmax regression has reached its optimum, and by how much it has not."""
    optimum = found.get("optimum")
    if not optimum:
        return []
    loss, lowest = float(np.mean(optimum["loss"])), optimum["lowest_loss"]
    gain = 100 * (float(np.mean(optimum["accuracy"])) - optimum["accuracy_there"])
    side, more = "more" if loss > lowest else "less", "more" if gain > 0 else "fewer"
    return [
        f"The optimum of softmax regression on {optimum['size']:,} training images is a mean loss "
        f"of {lowest:.4f} on them (logistic regression without a penalty, at most "
        f"{MOST_ITERATIONS:,} iterations of L-BFGS). The script ends at {loss:.4f}, "
        f"{abs(loss / lowest - 1):.1%} {side}. It classifies {abs(gain):.2f} percentage points "
        f"{more} of the test images correctly than the weights with the lowest training loss."
    ]


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
        UsageError: a number is larger than the training split, or too small for scikit-learn's
            models.
        UserError: a run failed, or a file cannot be written.
        InterruptedRunError: Ctrl-C or SIGTERM.
    """
    sizes = sorted(set(options.train_sizes))
    if sizes[-1] > len(data.train):
        raise UsageError(
            f"--train-sizes {sizes[-1]:,} is more than the {len(data.train):,} training images "
            f"of {options.data_dir}"
        )
    smallest = data.train.first(sizes[0])
    if len(smallest) < NEIGHBOURS or len(set(smallest.labels.tolist())) < 2:
        raise UsageError(
            f"--train-sizes {sizes[0]} needs {NEIGHBOURS} or more images, of two classes or more"
        )
    sized = [sized_models(model.script, model.flags, sizes) for model in models]
    flat = train_all(list(itertools.chain(*sized)), range(options.seeds), root, options)
    per_model = [flat[k * len(sizes) : (k + 1) * len(sizes)] for k in range(len(models))]
    references = References(data, root / "references.json")
    measured = references.measure(sizes)
    rows = [(model.name, runs) for model, runs in zip(models, per_model, strict=True)]
    found = {name: results[name] for name in ("command", "machine", "seeds")}
    found |= sizes_results(rows, sizes, measured)
    found["optimum"] = _optimum(rows, sizes, references, data)
    found["seconds"] += found["optimum"]["seconds"] if found["optimum"] else 0
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
                lambda path: plots.plot_sizes(path, sizes, found["accuracy"], found["references"]),
            )
        ],
    )
    return ["sizes.json", "sizes.md", *drawn]
