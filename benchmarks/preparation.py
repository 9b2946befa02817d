"""How well pictures are prepared: MNIST's test images as photos, scans and drawings.

    python -m benchmarks.preparation --model runs/mnist_mlp --model runs/mnist_cnn

renders test images in many ways, reads each picture from its file as `common.predict` does, and
compares the accuracy with the accuracy on the original images. Then it does the same with the
digits of fonts. With `--update-docs` the tables are written to docs/preparation.md. Settings in
common/pictures/ are chosen with `--split validation`; the test images are only for the report.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.fonts import HANDWRITTEN, PRINTED, SIZES, draw_digit, find_fonts
from benchmarks.options import add_images, add_models, command_line, parse_with_page
from benchmarks.pages import DOCS, publish_tables, table
from benchmarks.renderings import (
    CLEAN,
    DIRTY,
    black_on_white,
    enlarge,
    noise,
    page,
    render,
    shadow,
    uneven,
)
from common.data import Split, load_data
from common.pictures.preparation import Prepared, prepare
from common.pictures.reading import PictureError
from common.process.arguments import new_parser
from common.run.model import Model, load_models

import numpy as np
from tqdm import tqdm

# The tests use some renderings through this module.
__all__ = [
    "CLEAN",
    "DIRTY",
    "black_on_white",
    "enlarge",
    "main",
    "noise",
    "page",
    "render",
    "shadow",
    "uneven",
]
COMMAND = "python -m benchmarks.preparation"
PAGE = DOCS / "preparation.md"
TABLES = ("renderings", "printed", "handwritten")


def prepared(content: bytes) -> Prepared | None:
    """Prepare a picture file as `common.predict` does; None if it is refused."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            return prepare(file.name).without_steps()
        except PictureError:
            return None


def _image(content: bytes) -> np.ndarray:
    """Return the prepared image of a picture file: uint8 [784], zeros if it is refused."""
    one = prepared(content)
    return np.zeros(784, np.uint8) if one is None else one.images.ravel()


def prepared_renderings(images: np.ndarray) -> np.ndarray:
    """Render each image in each way and prepare the picture.

    Args:
        images: uint8 [n, 784].

    Returns:
        uint8 [n, ways, 784]; the ways in the order of CLEAN, then of DIRTY.
    """

    def all_ways(seed: int) -> np.ndarray:
        ink = enlarge(images[seed].reshape(28, 28))
        ways = (CLEAN | DIRTY).values()
        return np.stack([_image(render(ink, steps, kind, seed)) for steps, kind in ways])

    # SciPy and Pillow release Python's global lock for most of the work.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(all_ways, range(len(images)))
        return np.stack(list(tqdm(done, "Images", len(images), disable=None, leave=False)))


def accuracy(model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of images that the model classifies correctly.

    Args:
        model: the net.
        images: uint8 [n, 784]; an image of zeros counts as an error.
        labels: integers [n].
    """
    correct = model.probabilities(images).argmax(axis=1) == labels
    return float((correct & images.any(axis=1)).mean())


def renderings(models: Sequence[Model], originals: Split) -> list[tuple[str, list[float]]]:
    """Measure the accuracy of each model on the originals and on each rendering of them.

    Returns:
        for each row of the table its name and one accuracy per model, from 0 to 1.
    """
    again = prepared_renderings(originals.images)
    names = ["the original images", *CLEAN, *DIRTY]
    columns = [originals.images, *again.swapaxes(0, 1)]
    return [
        (name, [accuracy(model, images, originals.labels) for model in models])
        for name, images in zip(names, columns, strict=True)
    ]


def fonts(models: Sequence[Model], packages: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Classify the ten digits of each font in three sizes with each model.

    Args:
        models: the nets.
        packages: name of a font → its package, for the table.

    Returns:
        for each font its name, its package and, for each model, how many of the 30 pictures it
        classifies correctly and which digits it does not; a last row with the fractions over all
        fonts. The row of a font that is not installed says so.
    """
    found = find_fonts(list(packages))
    labels = np.tile(np.arange(10), len(SIZES))
    rows, totals = [], np.zeros(len(models), int)
    for name, package in packages.items():
        if name not in found:
            rows.append((name, [package, *["not installed"] * len(models)]))
            continue
        files = [draw_digit(found[name], size, digit) for size in SIZES for digit in range(10)]
        images = np.stack([_image(file) for file in files])
        correct = np.stack([m.probabilities(images).argmax(axis=1) == labels for m in models])
        correct &= images.any(axis=1)
        totals += correct.sum(axis=1)
        rows.append((name, [package, *(_correct_and_not(labels, one) for one in correct)]))
    drawn = max(1, len(found) * len(labels))
    return [*rows, ("all", [f"{len(found)} fonts", *(f"{total / drawn:.1%}" for total in totals)])]


def _correct_and_not(labels: np.ndarray, correct: np.ndarray) -> str:
    """Return the number of correct pictures and the digits with an error: `26 (not 4 9)`."""
    wrong = " ".join(map(str, sorted(set(labels[~correct].tolist()))))
    return f"{correct.sum()}" + (f" (not {wrong})" if wrong else "")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print the tables and, if requested, write them.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        name of the rendering → name of the model → accuracy, from 0 to 1.

    Raises:
        UserError: a model cannot be loaded, or the page cannot be read or written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    add_models(parser)
    add_images(parser, 1000, "use the first N of them")
    options, start = parse_with_page(parser, argv, PAGE, TABLES), time.perf_counter()
    models = load_models(options.model)
    names = [model.name for model in models]
    measured = renderings(models, getattr(load_data(), options.split).first(options.images))
    tables = {
        "renderings": (["picture", *names], _renderings_rows(measured)),
        "printed": (["font", "package", *names], fonts(models, PRINTED)),
        "handwritten": (["font", "package", *names], fonts(models, HANDWRITTEN)),
    }
    for one in tables.values():
        print(table(*one), end="\n\n")
    if options.update_docs:
        command = command_line(COMMAND, argv)
        publish_tables(PAGE, tables, command, time.perf_counter() - start)
    return {name: dict(zip(names, fractions, strict=True)) for name, fractions in measured}


def _renderings_rows(
    measured: list[tuple[str, list[float]]],
) -> list[tuple[str, list[str]]]:
    (_, original), *others = measured
    rows = [("the original images", [f"{fraction:.1%}" for fraction in original])]
    rows += [
        (
            name,
            [f"{f:.1%} ({100 * (f - o):+.1f})" for f, o in zip(fractions, original, strict=True)],
        )
        for name, fractions in others
    ]
    return rows


if __name__ == "__main__":
    main()
