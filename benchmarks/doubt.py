"""How often `common.predict` doubts a digit, and how often something that is none.

    python -m benchmarks.doubt --model runs/mnist_mlp --model runs/mnist_cnn

measures the false alarms on MNIST's images, as they are and as pictures, and on the digits of
fonts; and what happens to pictures that show no digit, from benchmarks/nondigits.py. With
`--update-docs` the tables are written to docs/preparation.md. Settings in
common/run/familiarity.py are chosen with `--split validation`, which also draws other pictures.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.fonts import HANDWRITTEN, PRINTED, SIZES, draw_digit, find_fonts
from benchmarks.nondigits import KINDS, draw
from benchmarks.options import add_images, add_models, command_line, parse_with_page
from benchmarks.pages import DOCS, publish_tables, table
from benchmarks.preparation import prepared, prepared_renderings
from common.data import load_data
from common.pictures.doubt import unfamiliarity
from common.process.arguments import new_parser
from common.run.model import Model, load_models

import numpy as np

COMMAND = "python -m benchmarks.doubt"
PAGE = DOCS / "preparation.md"
TABLES = ("false-alarms", "no-digit")
SURE = 0.99
FIRST_SEED = {"validation": 0, "test": 1_000_000}


def doubted(
    model: Model, images: np.ndarray, across: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Return which prepared images the model alone would doubt, bool [n].

    Args:
        model: the net; one that noted nothing about its training images doubts no strokes.
        images: uint8 [n, height, width].
        across: bool [n], see `Digit.across`.
        probabilities: float32 [n, classes], its answers.
    """
    parts = unfamiliarity(model, images, probabilities, np.zeros(len(images), bool))
    return across if parts is None else across | (parts.sum(axis=1) > 1)


def prepare_all(files: Iterable[Callable[[], bytes]]) -> tuple[np.ndarray, np.ndarray]:
    """Make picture files and prepare them.

    Returns:
        uint8 [n, 28, 28], zeros where one is refused; and bool [n], see `Digit.across`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda make: prepared(make()), files))
    images = [np.zeros((28, 28), np.uint8) if one is None else one.images[0] for one in done]
    return np.stack(images), np.array([one is not None and one.digits[0].across for one in done])


def false_alarms(
    models: Sequence[Model], digits: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> list[tuple[str, list[str]]]:
    """Count, among the digits that each model classifies correctly, those that it doubts.

    Args:
        models: the nets.
        digits: name of a set → prepared images, uint8 [n, 28, 28], what `prepare_all` says of them,
            and labels, integers [n]; images of zeros were refused and are left out.

    Returns:
        a row for each set: its number of images, and for each model the fraction doubted.
    """
    rows = []
    for name, (images, across, labels) in digits.items():
        read = images.any(axis=(1, 2))
        cells = [f"{read.sum():,}"]
        for model in models:
            probabilities = model.probabilities(images[read])
            right = probabilities.argmax(axis=1) == labels[read]
            alarms = doubted(model, images[read], across[read], probabilities) & right
            cells.append(f"{alarms.sum() / max(1, right.sum()):.1%}")
        rows.append((name, cells))
    return rows


def detection(
    models: Sequence[Model], others: dict[str, tuple[np.ndarray, np.ndarray]]
) -> tuple[list[tuple[str, list[str]]], dict[str, Any]]:
    """Count what happens to pictures that show no digit.

    Args:
        models: the nets.
        others: kind → what `prepare_all` returns.

    Returns:
        a row for each kind: its number of pictures, the fraction refused, and for each model the
        fraction of the others that it doubts, with the number of those that it neither doubts nor
        is less than SURE of; and the same as numbers, kind → model → (answered, doubted, sure).
    """
    rows, numbers = [], {}
    for kind, (images, across) in others.items():
        answered = images.any(axis=(1, 2))
        read, across = images[answered], across[answered]
        cells, numbers[kind] = [f"{len(images)}", f"{1 - len(read) / len(images):.0%}"], {}
        for model in models:
            probabilities = model.probabilities(read)
            doubts = doubted(model, read, across, probabilities)
            sure = probabilities.max(axis=1, initial=0) >= SURE
            left = int((sure & ~doubts).sum())
            cells.append(f"{doubts.sum() / max(1, len(read)):.0%} ({sure.sum()} → {left})")
            numbers[kind][model.name] = (len(read), int(doubts.sum()), left)
        rows.append((kind, cells))
    return rows, numbers


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print the tables and, if requested, write them.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        kind of picture → name of the model → how many were answered, doubted, and surely answered
        without a doubt.

    Raises:
        UserError: a model cannot be loaded, or the page cannot be read or written.
        SystemExit: a usage error (status 2).
    """
    options, start = _parse(argv), time.perf_counter()
    models = load_models(options.model)
    names = [model.name for model in models]
    first = FIRST_SEED[options.split]
    others = {
        kind: prepare_all(
            [lambda kind=kind, k=k: draw(kind, first + k) for k in range(options.images)]
        )
        for kind in KINDS
    }
    rows, numbers = detection(models, others)
    tables = {
        "false-alarms": (["digits", "images", *names], false_alarms(models, _digits(options))),
        "no-digit": (["no digit", "pictures", "refused", *names], rows),
    }
    for one in tables.values():
        print(table(*one), end="\n\n")
    if options.update_docs:
        command = command_line(COMMAND, argv)
        publish_tables(PAGE, tables, command, time.perf_counter() - start)
    return numbers


def _digits(options: argparse.Namespace) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the sets of digits: MNIST's images, the same as pictures, and those of fonts."""
    split = getattr(load_data(), options.split)
    few = split.first(options.images)
    pictures = prepared_renderings(few.images)
    digits = {
        "MNIST's images": (
            split.images.reshape(-1, 28, 28),
            np.zeros(len(split), bool),
            split.labels,
        ),
        f"{options.images} of them, each rendered in {pictures.shape[1]} ways": (
            pictures.reshape(-1, 28, 28),
            np.zeros(pictures.shape[0] * pictures.shape[1], bool),  # they have a margin
            np.repeat(few.labels, pictures.shape[1]),
        ),
    }
    for name, fonts in (("printed", PRINTED), ("handwritten", HANDWRITTEN)):
        found = find_fonts(list(fonts))
        cases = [(font, size, k) for font in found.values() for size in SIZES for k in range(10)]
        if cases:
            pictures = prepare_all([lambda case=case: draw_digit(*case) for case in cases])
            labels = np.array([digit for _, _, digit in cases])
            digits[f"digits of {len(found)} {name} fonts"] = *pictures, labels
    return digits


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(COMMAND, __doc__)
    add_models(parser)
    add_images(parser, 100, "draw N pictures of each kind, and render the first N images of MNIST")
    return parse_with_page(parser, argv, PAGE, TABLES)


if __name__ == "__main__":
    main()
