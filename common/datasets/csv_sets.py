"""A CSV file for training and, perhaps, one for the test → the contents of a data set."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from common.datasets.arrays import Contents, Part
from common.datasets.csv_files import read_table
from common.datasets.idx import DataError
from common.datasets.idx_folders import read_names

import numpy as np

# Words in the names of files for testing and validation, in place of train.
TEST, VALIDATION = ("test",), ("val", "valid", "validation")
ONE_IN = 7  # rows that are held out for the test where there are no others, as in MNIST
HELD_OUT_SEED = 0


def read_csv(path: Path) -> Contents:
    """Read a training file and the files for testing and validation beside it, if they have labels.

    Without a test file, one row in seven of each class is held out for the test.

    Args:
        path: a CSV file with labels, or a folder that `is_csv_folder` accepts. The names of the
            files differ in the words train, test and val.

    Raises:
        DataError: there are no labels, or a file cannot be read.
    """
    path = _training_file(path) if path.is_dir() else path
    train = read_table(path)
    if train.labels is None:
        raise DataError(
            f"{path} has no column of labels; call one of its columns label, or name the file "
            "with the labels (python -m common.predict --csv reads one without)."
        )
    names, found_in = read_names(path.parent)
    facts = {"class_names": names, "names_from": found_in}
    facts["named_emnist"] = "emnist" in path.name.lower()
    remarks, reasons = [], []
    validation = _part_beside(path, VALIDATION, remarks)
    test = _part_beside(path, TEST, reasons)
    held_out = np.zeros(len(train.labels), bool)
    if test is None:
        held_out = _held_out(train.labels)
        if not held_out.any():
            raise DataError(
                f"{path} has too few rows to hold some out for the test; put several rows of each "
                "class there, or test rows with labels into a file of their own, test.csv."
            )
        test = Part(train.images[held_out], train.labels[held_out], str(path), str(path))
        (why,) = reasons or ["there is no test file with labels"]
        remarks.append(
            f"{why}; so one row in {ONE_IN} of {path.name}, {held_out.sum():,} rows, was held out "
            "for the test"
        )
    images, labels = train.images, train.labels
    if held_out.any():
        images, labels = images[~held_out], labels[~held_out]
    part = Part(images, labels, str(path), str(path))
    return Contents(part, test, validation, remarks=tuple(remarks), **facts)


def _part_beside(path: Path, words: tuple[str, ...], remarks: list[str]) -> Part | None:
    """Read the file for testing or validation beside a training file, if it has labels.

    Its name is that of the training file with another word in place of train, or it is the only
    CSV file there with such a word in its name.
    """
    if "train" not in path.name.lower():
        return None
    pairs = {path.name.lower().replace("train", word).removesuffix(".gz") for word in words}
    tables = [other for other in _tables(path.parent) if other != path]
    found = [other for other in tables if other.name.lower().removesuffix(".gz") in pairs]
    word = re.compile(f"(^|[^a-z])({'|'.join(words)})")
    found = found or [other for other in tables if word.search(other.name.lower())]
    if len(found) > 1:
        names = ", ".join(other.name for other in found[:3])
        remarks.append(f"which of {names} is the {words[-1]} file is not clear")
    if len(found) != 1:
        return None
    table = read_table(found[0])
    if table.labels is None:
        remarks.append(f"{found[0].name} has no labels")
        return None
    return Part(table.images, table.labels, str(found[0]), str(found[0]))


def is_csv(path: Path) -> bool:
    """Say whether a name is that of a CSV file, gzipped or not."""
    return path.name.lower().endswith((".csv", ".csv.gz"))


def is_csv_folder(folder: Path) -> bool:
    """Say whether a folder holds a CSV file with train in its name."""
    return bool(_training_files(folder))


def _tables(folder: Path) -> list[Path]:
    with suppress(OSError):  # what cannot be read is reported elsewhere
        return sorted(p for p in folder.iterdir() if is_csv(p) and p.name[0] != "." and p.is_file())
    return []


def _training_files(folder: Path) -> list[Path]:
    return [path for path in _tables(folder) if "train" in path.name.lower()]


def _training_file(folder: Path) -> Path:
    found = _training_files(folder)
    if len(found) > 1:
        raise DataError(
            f"{folder} has {len(found)} training files ({', '.join(p.name for p in found[:5])}); "
            "name one of them with --data-dir."
        )
    return found[0]


def _held_out(labels: np.ndarray) -> np.ndarray:
    """Choose one row in seven of each class, always the same: bool [n]."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.random.default_rng(HELD_OUT_SEED).permutation(len(labels))
    order = order[np.argsort(inverse[order], kind="stable")]  # class by class
    chosen = order[ONE_IN // 2 :: ONE_IN]
    held_out = np.zeros(len(labels), bool)
    held_out[chosen] = counts[inverse[chosen]] > 1  # the only row of a class is for training
    return held_out
