"""A folder or file that the user names → the arrays of a data set.

a folder with four IDX files, named like those of MNIST   (idx_folders.py)
a folder with pictures in train/CLASS and test/CLASS      (folders.py)
an .npz file                                              (npz.py)
a CSV file, or a folder with one                          (csv_sets.py)
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from common.datasets.arrays import MNIST_CONVENTIONS, Arrays, Contents, Conventions, check_arrays
from common.datasets.download import (
    CHECKSUMS,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    fetch,
)
from common.datasets.idx import DataError, read_idx
from common.datasets.idx_folders import ROLES, choose_set, find_sets, read_set
from common.datasets.order import size_of_validation

import numpy as np

__all__ = ["MNIST_CONVENTIONS", "Conventions", "has_data", "read_arrays"]

MOST_NAMED = 3  # classes in an error message
PICKLES = (".pkl", ".pickle", ".pkl.gz", ".pickle.gz", ".pt", ".pth", ".joblib")
TAKEN = (
    "a folder with IDX files named like MNIST's, a folder with pictures in train/CLASS and "
    "test/CLASS, an .npz file, or a CSV file"
)


def read_arrays(source: Path, mnist_folder: Path, transpose: bool = False) -> Arrays:
    """Read a data set, whatever its form, and check that it is one.

    Args:
        source: a folder, an .npz file, a CSV file or one of four IDX files.
        mnist_folder: the folder in which every file must have MNIST's checksum, and into which a
            missing one is downloaded.
        transpose: exchange rows and columns of all images.

    Raises:
        DataError: a file is missing, damaged, or does not fit the others.
    """
    if os.path.realpath(source) == os.path.realpath(mnist_folder):
        return _read_mnist(source, transpose)
    return check_arrays(_read_contents(source), mnist_folder, transpose)


def _read_mnist(folder: Path, transpose: bool) -> Arrays:
    """Read MNIST itself: checksums take the place of all other checks."""
    images, labels, test_images, test_labels = (
        read_idx(_locate(folder, name, may_download=True), CHECKSUMS[name])
        for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    )
    conventions = MNIST_CONVENTIONS
    if transpose:
        remark = "WARNING: MNIST's images are upright; run again without --transpose"
        conventions = conventions._replace(transposed=True, remarks=(remark,))
        images, test_images = (
            np.ascontiguousarray(array.transpose(0, 2, 1)) for array in (images, test_images)
        )
    return Arrays(
        images,
        labels.astype(np.int32),
        test_images,
        test_labels.astype(np.int32),
        tuple(map(str, range(10))),
        size_of_validation(len(images)),
        conventions,
    )


def _read_contents(source: Path) -> Contents:
    # Imported here because Pillow and SciPy take time, which MNIST does not need.
    from common.datasets import csv_sets, folders, npz

    is_file, is_folder = _is(source, Path.is_file), _is(source, Path.is_dir)
    if source.suffix.lower() == ".npz":
        return npz.read_npz(source)
    if csv_sets.is_csv(source) and not is_folder:
        return csv_sets.read_csv(source)
    found = choose_set(source) if is_file or is_folder else None
    if found:
        return read_set(*found)
    if is_folder and folders.is_folder_tree(source):
        return folders.read_folder_tree(source)
    if is_folder and csv_sets.is_csv_folder(source):
        return csv_sets.read_csv(source)
    for path in _files_of(source):
        if _is_pickle(path):
            raise DataError(
                f"{path} is a pickle, which can run any program when it is opened, so it is never "
                "read here. MNIST itself comes with these scripts: leave --data-dir out. For other "
                "data, open it in a program of your own if you trust it, write the arrays with "
                "numpy.savez('data.npz', x_train=…, y_train=…, x_test=…, y_test=…), and use "
                "--data-dir data.npz."
            )
        if is_folder and (csv_sets.is_csv(path) or path.suffix.lower() == ".npz"):
            raise DataError(
                f"the data folder {source} has no IDX files, but {path.name}; if that holds the "
                f"data, name it: --data-dir {path}."
            )
    if is_file:
        raise DataError(
            f"{source} is a file of a kind that is not read; --data-dir takes {TAKEN}. Unpack "
            "archives, and convert other files with numpy.savez."
        )
    names = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    return read_set("", dict(zip(ROLES, (_locate(source, name) for name in names), strict=True)))


def has_data(folder: Path) -> bool:
    """Say whether a folder is a data set, or one with CSV or .npz files, which are to be named.

    In the working directory such files may belong to anything.
    """
    if find_sets(folder):
        return True
    if not _is(folder, Path.is_dir):
        return False
    from common.datasets import csv_sets, folders

    if folders.is_folder_tree(folder) or csv_sets.is_csv_folder(folder):
        return True
    tables = [p for p in _files_of(folder) if csv_sets.is_csv(p) or p.suffix.lower() == ".npz"]
    return bool(tables) and folder.resolve() != Path.cwd()


def _is(source: Path, kind: Callable[[Path], bool]) -> bool:
    with suppress(OSError):  # what cannot be read is reported by _locate
        return kind(source)
    return False


def _files_of(source: Path) -> list[Path]:
    """Return the file itself, or the files in a folder."""
    with suppress(OSError):
        return [source] if source.is_file() else sorted(p for p in source.iterdir() if p.is_file())
    return []


def _is_pickle(path: Path) -> bool:
    """Say whether a file is a pickle, by its name or its first bytes, gzipped or not."""
    if path.name.lower().endswith(PICKLES):
        return True
    with suppress(OSError, EOFError, zlib.error):
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"\x1f\x8b":
            with gzip.open(path) as file:
                start = file.read(2)
        return len(start) == 2 and start[0] == 0x80 and 2 <= start[1] <= 5
    return False


def _locate(folder: Path, name: str, may_download: bool = False) -> Path:
    """Find a file under one of its usual names, or else download it where that is allowed."""
    names = [name, name.removesuffix(".gz")]
    names += [other.replace("-idx", ".idx") for other in names]  # many copies have a dot there
    try:
        present = [folder / other for other in names if (folder / other).exists()]
        # Some archives unpack into folders with the names of the files: real files go first.
        present.sort(key=Path.is_dir)
        problem = f"has no {name}" if folder.is_dir() else "does not exist or is not a folder"
    except OSError as error:
        present, problem = [], f"cannot be read ({error.strerror})"
    if present:
        return present[0]
    if may_download:
        return fetch(name, folder)
    if classes := _with_pictures(folder):
        named = ", ".join(classes[:MOST_NAMED]) + ", …" * (len(classes) > MOST_NAMED)
        raise DataError(
            f"{folder} has pictures in {named}, but no folders train and test: move about one in "
            f"seven pictures of each class to {folder}/test/CLASS and the others to "
            f"{folder}/train/CLASS."
        )
    raise DataError(
        f"the data folder {folder} {problem}; choose one with --data-dir that holds "
        f"{', '.join(CHECKSUMS)} (or the same without .gz), or pictures in train/CLASS and "
        "test/CLASS, or name an .npz or a CSV file."
    )


def _with_pictures(folder: Path) -> list[str]:
    """Return the names of those sub-folders in which pictures lie."""
    from common.pictures.listing import SUFFIXES

    with suppress(OSError):
        return sorted(
            inner.name
            for inner in folder.iterdir()
            if inner.is_dir() and any(path.suffix.lower() in SUFFIXES for path in inner.iterdir())
        )
    return []
