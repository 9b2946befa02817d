"""How well pictures of a folder are read: right, wrong or refused, for each kind of picture.

    python -m benchmarks.pictures FOLDER --model runs/mnist_cnn

reads `FOLDER/KIND/SOURCE_NUMBER_LABEL.png` (or another format), where LABEL is the digit in the
picture, as `common.predict` reads it. A picture is *right* if the net's most probable class is
LABEL, *refused* if a sentence says why it cannot be used, and *wrong* otherwise. An error is
*confident* if its probability is at least 0.99.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.options import add_models, command_line
from benchmarks.pages import DOCS, publish_tables, require_markers, table
from common import UserError
from common.pictures.limits import PictureError
from common.pictures.listing import SUFFIXES
from common.pictures.preparation import prepare
from common.process.arguments import new_parser
from common.run.model import Model, load_models

import numpy as np
from tqdm import tqdm

COMMAND = "python -m benchmarks.pictures"
PAGE = DOCS / "preparation.md"
TABLES = ("other-people", "load-digits", "usps")
CONFIDENT = 0.99


@dataclass(frozen=True)
class Labelled:
    """A picture file and what its name says about it."""

    path: Path
    kind: str  # the sub-folder
    source: str
    label: str


@dataclass(frozen=True)
class Score:
    """How many pictures of a kind are read in which way."""

    right: int
    wrong: int
    refused: int
    confident: int  # how many of the wrong ones

    @property
    def total(self) -> int:
        """The number of pictures."""
        return self.right + self.wrong + self.refused


def list_labelled(folder: Path) -> list[Labelled]:
    """Return the pictures `KIND/SOURCE_NUMBER_LABEL.*` of a folder, sorted by name.

    Raises:
        UserError: there are none, or a name does not end in a label.
    """
    found = []
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        source, _, rest = path.stem.partition("_")
        label = rest.rpartition("_")[2]
        if not source or not label:
            raise UserError(f"{path} should be named SOURCE_NUMBER_LABEL{path.suffix}.")
        found.append(Labelled(path, path.parent.name, source, label))
    if not found:
        raise UserError(f"{folder} holds no pictures named KIND/SOURCE_NUMBER_LABEL.png.")
    return found


def read_all(
    pictures: Sequence[Labelled], image_shape: tuple[int, int]
) -> tuple[np.ndarray, list[str]]:
    """Prepare each picture as `common.predict` does.

    Returns:
        uint8 [n, height, width], zeros where the picture is refused; and for each picture the
        sentence that refuses it, or an empty text.
    """

    def read(picture: Labelled) -> tuple[np.ndarray, str]:
        try:
            return prepare(picture.path, image_shape).images[0], ""
        except PictureError as error:
            return np.zeros(image_shape, np.uint8), str(error)

    # SciPy and Pillow release Python's global lock for most of the work.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(read, pictures)
        results = list(tqdm(done, "Pictures", len(pictures), disable=None, leave=False))
    return np.stack([image for image, _ in results]), [reason for _, reason in results]


def score(
    labels: Sequence[str], answers: Sequence[str], certainty: np.ndarray, refused: np.ndarray
) -> Score:
    """Count the answers.

    Args:
        labels: the true class of each picture.
        answers: the most probable class of each picture.
        certainty: float [n], the probability of that class.
        refused: bool [n]; such a picture counts as refused whatever its answer.
    """
    equal = np.array([a == b for a, b in zip(labels, answers, strict=True)], bool)
    wrong = ~equal & ~refused
    return Score(
        int((equal & ~refused).sum()),
        int(wrong.sum()),
        int(refused.sum()),
        int((wrong & (certainty >= CONFIDENT)).sum()),
    )


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, Score]]:
    """Read all pictures with all models and print a table.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        kind (or source) → name of the model → its score; the last kind is "all".

    Raises:
        UserError: the folder or a model cannot be used.
        SystemExit: a usage error (status 2).
    """
    options, start = _parse(argv), time.perf_counter()
    if options.table:  # before the minutes of reading
        require_markers(PAGE, [options.table])
    models = load_models(options.model)
    pictures = list_labelled(options.folder)
    if options.source:
        pictures = [picture for picture in pictures if picture.source in options.source]
        if not pictures:
            raise UserError(f"{options.folder} holds no pictures of {', '.join(options.source)}.")
    images, reasons = read_all(pictures, models[0].image_shape)
    answers = {model.name: _answers(model, images) for model in models}
    names = [f"{picture.kind} {picture.source}" if options.by_source else picture.kind
             for picture in pictures]  # fmt: skip
    scores: dict[str, dict[str, Score]] = {}
    for name in [*dict.fromkeys(names), "all"]:
        chosen = [k for k, other in enumerate(names) if name in (other, "all")]
        scores[name] = {
            model: score(
                [pictures[k].label for k in chosen],
                [classes[k] for k in chosen],
                certainty[chosen],
                np.array([bool(reasons[k]) for k in chosen]),
            )
            for model, (classes, certainty) in answers.items()
        }
    if options.errors:
        _print_errors(pictures, reasons, answers)
    head, rows = as_table(scores)
    print(table(head, rows))
    if options.table:
        command = command_line(COMMAND, argv).replace(str(options.folder), "FOLDER", 1)
        command = command.replace(f" --table {options.table}", "")
        seconds = time.perf_counter() - start
        publish_tables(PAGE, {options.table: (head, rows)}, command, seconds)
    return scores


def as_table(
    scores: dict[str, dict[str, Score]],
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return head and rows of a table of scores: right / wrong (of them confident) / refused."""
    rows = []
    for name, columns in scores.items():
        cells = [f"{s.right} / {s.wrong} ({s.confident}) / {s.refused}" for s in columns.values()]
        rows.append((name, [str(next(iter(columns.values())).total), *cells]))
    head = [f"right / wrong ({CONFIDENT:.0%} sure) / refused", "pictures"]
    return [*head, *next(iter(scores.values()))], rows


def _answers(model: Model, images: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the most probable class of each image, and its probability."""
    probabilities = model.probabilities(images)
    return [model.class_names[k] for k in probabilities.argmax(axis=1)], probabilities.max(axis=1)


def _print_errors(
    pictures: Sequence[Labelled], reasons: Sequence[str], answers: dict[str, Any]
) -> None:
    for k, picture in enumerate(pictures):
        if reasons[k]:
            print(f"{picture.path}: refused: {reasons[k]}")
            continue
        said = [
            f"{model} {classes[k]} ({certainty[k]:.1%})"
            for model, (classes, certainty) in answers.items()
            if classes[k] != picture.label
        ]
        if said:
            print(f"{picture.path}: {', '.join(said)}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument("folder", type=Path, help="the folder with a sub-folder for each kind")
    add_models(parser)
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME",
        help="only pictures of this source; may be repeated (default: all). Choose settings on one "
        "part of the sources and report another",
    )
    parser.add_argument(
        "--by-source", action="store_true", help="a row for each source, not for each kind"
    )
    parser.add_argument(
        "--table",
        choices=TABLES,
        help="also put the table into docs/preparation.md, between the markers of this name "
        "(default: none)",
    )
    parser.add_argument(
        "--errors", action="store_true", help="also list the pictures that are not read right"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
