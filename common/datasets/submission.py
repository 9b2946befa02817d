"""A CSV file without labels → the answers of a net, as Kaggle takes them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.datasets.csv_files import read_table
from common.datasets.idx import DataError, times
from common.datasets.pixels import to_bytes
from common.process.text import visible
from common.run.files import atomic_path, require_writable_folder

import numpy as np

if TYPE_CHECKING:  # which would load TensorFlow
    from common.run.model import Model

COLUMNS = ("ImageId", "Label")


def answer_table(path: Path, model: Model, folder: Path) -> dict[str, str]:
    """Classify each row of a CSV file, write the answers as another one, and print what was read.

    The rows are treated as those that the model was trained with: scaled alike, and with rows and
    columns exchanged if `--transpose` did that.

    Args:
        path: pixels, one image a row, with or without labels, see csv_files.py.
        model: whose image size the rows must have.
        folder: where `submission.csv` is written: `ImageId,Label`, the rows counted from 1, or else
            the column of ids that `path` has and `label`.

    Returns:
        `file`, that was read, and `submission`, that was written.

    Raises:
        DataError: `path` cannot be read, or does not fit the model.
        UserError: the folder cannot be written.
    """
    target = require_writable_folder(folder) / "submission.csv"
    table = read_table(path)
    images, name, remarks = table.images, str(path), []
    if images.shape[1:] != tuple(model.image_shape):
        raise DataError(
            f"{path} has images of {times(images.shape[1:])} pixels and {model.name} reads "
            f"{times(model.image_shape)}; use a model that was trained with such images."
        )
    (images,), _ = to_bytes([images], [name], remarks, model.largest_pixel)
    if model.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
        remarks.append("rows and columns were exchanged, as for the training")
    predicted = model.probabilities(images).argmax(axis=1)
    answers = [model.class_names[k] for k in predicted]
    _write(target, answers, table.ids)
    lines = [f"{path}: {len(answers):,} images, classified by {model.name}", *remarks]
    if table.labels is not None:
        right = sum(a == b for a, b in zip(answers, table.labels.tolist(), strict=True))
        lines.append(f"{right:,} of {len(answers):,} answers are those of its column of labels")
    print("\n  ".join(map(visible, lines)))
    print(f"Files written:\n  {visible(target)}")
    return {"file": str(path), "submission": str(target)}


def _write(path: Path, answers: Sequence[str], ids: tuple[str, np.ndarray] | None) -> None:
    name, numbers = ids or (COLUMNS[0], np.arange(1, len(answers) + 1).astype(str))
    label = "label" if name.islower() else COLUMNS[1]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([name, label])
        writer.writerows(zip(numbers.tolist(), answers, strict=True))
