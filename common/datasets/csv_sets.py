"""A CSV file for training and, perhaps, one for the test → the contents of a data set."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from common.datasets.arrays import Contents, Part
from common.datasets.csv_files import read_table
from common.datasets.idx import DataError
from common.datasets.idx_folders import read_names

import numpy as np

ONE_IN = 7  # rows that are held out for the test where there are no others, as in MNIST
HELD_OUT_SEED = 0


def read_csv(path: Path) -> Contents:
    """Read a training file and the test file that lies beside it, if that has labels.

    Without one, one row in seven of each class is held out for the test.

    Args:
        path: a CSV file with labels, or a folder that `is_csv_folder` accepts. The names of the
            training and the test file differ in the words train and test.

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
    names = (str(path), str(path))
    named_emnist = "emnist" in path.name.lower()
    found, found_in = read_names(path.parent)
    class_names = {"class_names": found, "names_from": found_in}
    other = _test_file(path)
    test = read_table(other) if other else None
    if other and test.labels is not None:
        part = Part(test.images, test.labels, str(other), str(other))
        train_part = Part(train.images, train.labels, *names)
        return Contents(train_part, part, named_emnist=named_emnist, **class_names)
    held_out = _held_out(train.labels)
    if not held_out.any():
        raise DataError(
            f"{path} has too few rows to hold some out for the test; put several rows of each "
            "class there, or test rows with labels into a file of their own, test.csv."
        )
    why = f"{other.name} has no labels" if other else "there is no test file with labels"
    remark = (
        f"{why}; so one row in {ONE_IN} of {path.name}, {held_out.sum():,} rows, was held out for "
        "the test"
    )
    return Contents(
        Part(train.images[~held_out], train.labels[~held_out], *names),
        Part(train.images[held_out], train.labels[held_out], *names),
        remarks=(remark,),
        named_emnist=named_emnist,
        **class_names,
    )


def is_csv(path: Path) -> bool:
    """Say whether a name is that of a CSV file, gzipped or not."""
    return path.name.lower().endswith((".csv", ".csv.gz"))


def is_csv_folder(folder: Path) -> bool:
    """Say whether a folder holds a CSV file with train in its name."""
    return bool(_training_files(folder))


def _training_files(folder: Path) -> list[Path]:
    with suppress(OSError):  # what cannot be read is reported elsewhere
        found = [path for path in folder.iterdir() if is_csv(path)]
        return sorted(p for p in found if "train" in p.name.lower() and p.name[0] != ".")
    return []


def _training_file(folder: Path) -> Path:
    found = _training_files(folder)
    if len(found) > 1:
        raise DataError(
            f"{folder} has {len(found)} training files ({', '.join(p.name for p in found[:5])}); "
            "name one of them with --data-dir."
        )
    return found[0]


def _test_file(path: Path) -> Path | None:
    """Return the test file beside a training file, if there is one."""
    low = path.name.lower()
    at = low.rfind("train")
    if at < 0:
        return None
    rest = path.name[at + len("train") :]
    for word in ("test", "TEST", "Test"):
        for end in (rest, rest.removesuffix(".gz"), f"{rest}.gz"):
            other = path.with_name(path.name[:at] + word + end)
            if other.is_file():
                return other
    return None


def _held_out(labels: np.ndarray) -> np.ndarray:
    """Choose one row in seven of each class, always the same: bool [n]."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.random.default_rng(HELD_OUT_SEED).permutation(len(labels))
    order = order[np.argsort(inverse[order], kind="stable")]  # class by class
    chosen = order[ONE_IN // 2 :: ONE_IN]
    held_out = np.zeros(len(labels), bool)
    held_out[chosen] = counts[inverse[chosen]] > 1  # the only row of a class is for training
    return held_out
