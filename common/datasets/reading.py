"""A folder or file that the user names → the arrays of a data set.

a folder with four IDX files, named like those of MNIST
a folder with pictures in train/CLASS and test/CLASS   (folders.py)
an .npz file                                           (npz.py)
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from common.datasets.arrays import Arrays, check_arrays
from common.datasets.download import (
    CHECKSUMS,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    fetch,
)
from common.datasets.idx import DataError, read_idx, times

import numpy as np


def read_arrays(source: Path, mnist_folder: Path) -> Arrays:
    """Read a data set, whatever its form, and check that it is one.

    Args:
        source: a folder or an .npz file.
        mnist_folder: the folder in which every file must have MNIST's checksum, and into which a
            missing one is downloaded.

    Returns:
        uint8 images and int32 labels; the class names are never None.

    Raises:
        DataError: a file is missing, damaged, or does not fit the others.
    """
    if source.suffix == ".npz" or _is_folder_tree(source):
        # Imported here because Pillow and SciPy take time, which MNIST does not need.
        from common.datasets import folders, npz

        read = npz.read_npz if source.suffix == ".npz" else folders.read_folder_tree
        arrays, sources = read(source), (source,) * 4
    else:
        is_mnist = os.path.realpath(source) == os.path.realpath(mnist_folder)
        paths = {name: _locate(source, name, may_download=is_mnist) for name in CHECKSUMS}
        arrays = Arrays(
            *_read_pair(paths, TRAIN_IMAGES, TRAIN_LABELS, is_mnist),
            *_read_pair(paths, TEST_IMAGES, TEST_LABELS, is_mnist),
            class_names=None,
        )
        sources = tuple(
            paths[name] for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
        )
    names = check_arrays(arrays, sources)
    return arrays._replace(
        labels=arrays.labels.astype(np.int32),
        test_labels=arrays.test_labels.astype(np.int32),
        class_names=names,
    )


def _is_folder_tree(folder: Path) -> bool:
    """Say whether a folder holds pictures in `train`, and no files named like MNIST's."""
    with suppress(OSError):  # what cannot be read is reported by _locate
        return (folder / "train").is_dir() and not any(folder.glob("*-ubyte*"))
    return False


def _locate(folder: Path, name: str, may_download: bool) -> Path:
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
    raise DataError(
        f"the data folder {folder} {problem}; choose one with --data-dir that holds "
        f"{', '.join(CHECKSUMS)} (or the same without .gz), or pictures in train/CLASS and "
        "test/CLASS, or name an .npz file."
    )


def _read_pair(
    paths: dict[str, Path], images_name: str, labels_name: str, is_mnist: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Read grey images uint8 [n, height, width] and their labels int32 [n], none of it empty."""
    images_path, labels_path = paths[images_name], paths[labels_name]
    images = read_idx(images_path, CHECKSUMS[images_name] if is_mnist else None)
    labels = read_idx(labels_path, CHECKSUMS[labels_name] if is_mnist else None)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{images_path} holds {times(images.shape)} values of type {images.dtype}, not grey "
            "images; put number × height × width values of type uint8 (0 to 255) there."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{labels_path} holds {times(labels.shape)} values of type {labels.dtype}, not "
            "labels; put one whole number per image there."
        )
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images):,} images but {labels_path} has {len(labels):,} "
            "labels; use two files that belong together."
        )
    if images.size == 0:
        raise DataError(f"{images_path} has no images or no pixels; put at least one image there.")
    return images, labels.astype(np.int32)
