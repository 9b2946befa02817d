"""The arrays of a data set as its files have them, and what must be true of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from common.datasets.idx import DataError, times

import numpy as np


class Arrays(NamedTuple):
    """A data set before it is split."""

    images: np.ndarray  # uint8 [n, height, width]
    labels: np.ndarray  # integers [n]
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...] | None  # None: the classes are numbers


def check_arrays(arrays: Arrays, sources: tuple[Path, Path, Path, Path]) -> tuple[str, ...]:
    """Return the names of the classes, if the four arrays make one data set.

    Args:
        arrays: what was read.
        sources: from where: training images, training labels, test images, test labels.

    Raises:
        DataError: the arrays do not fit together, or a class has no training image.
    """
    size, test_size = arrays.images.shape[1:], arrays.test_images.shape[1:]
    if size != test_size:
        raise DataError(
            f"{sources[0]} has images of {times(size)} pixels but {sources[2]} of "
            f"{times(test_size)}; use files of one data set."
        )
    names = arrays.class_names
    num_classes = len(np.unique(arrays.labels)) if names is None else len(names)
    _check_labels(sources[1], arrays.labels, num_classes)
    _check_labels(sources[3], arrays.test_labels, num_classes)
    names = names or tuple(str(label) for label in range(num_classes))
    missing = sorted(set(range(num_classes)) - set(arrays.labels.tolist()))
    if missing:  # only where the classes have names, otherwise they are counted
        raise DataError(
            f"{sources[1]} has no training image of the class {names[missing[0]]}; add some, or "
            "leave the class out."
        )
    return names


def _check_labels(path: Path, labels: np.ndarray, num_classes: int) -> None:
    """Raise a DataError unless there are several classes and each label is the number of one."""
    if num_classes < 2:
        raise DataError(
            f"{path} has the label {labels[0]} only; put labels of two classes or more there."
        )
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(outside):
        raise DataError(
            f"{path} has labels out of range: label {labels[outside[0]]} at index {outside[0]} is "
            f"the first; the training labels have {num_classes} different values, so number the "
            f"classes from 0 to {num_classes - 1} without a gap."
        )
