"""The arrays of a data set as its files have them → arrays that a net can be trained with.

Every form of file comes through `check_arrays`, so that each convention is checked in one place.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from common.datasets.idx import DataError, times
from common.datasets.labels import number_labels
from common.datasets.order import order_for_validation, random_order, size_of_validation
from common.datasets.orientation import (
    POLARITIES,
    are_centred,
    has_grey_levels,
    orientation_remark,
    polarity_of,
)
from common.datasets.pixels import grey_images, to_bytes
from common.process.text import visible

import numpy as np


class Part(NamedTuple):
    """Images and their labels as a file has them, and how messages name the two."""

    images: np.ndarray  # numbers of any kind, [n, height, width] or another shape that is clear
    labels: np.ndarray  # whole numbers, names or one-hot rows
    images_from: str  # "x_train in digits.npz"
    labels_from: str


class Contents(NamedTuple):
    """What the files of a data set hold, before anything is checked."""

    train: Part
    test: Part
    validation: Part | None = None  # None: it is taken from the training images
    class_names: tuple[str, ...] | None = None  # None: the labels are the names
    names_from: str = ""  # how messages name the class names
    remarks: tuple[str, ...] = ()  # what the reader should be told, a sentence each
    named_emnist: bool = False  # by its files: EMNIST's images are transposed
    in_order: bool = False  # the training images are known to be sorted by class


class Conventions(NamedTuple):
    """How the images of a data set are to be understood."""

    polarity: str | None  # "light on dark", "dark on light", None for neither
    transposed: bool  # rows and columns were exchanged after reading
    largest_pixel: float  # the value in the files that became 255
    remarks: tuple[str, ...]  # what was changed, left out or looks doubtful, a sentence each
    grey_levels: bool = True  # strokes have soft edges
    centred: bool = True  # as MNIST's: one size, the centre of mass in the middle


MNIST_CONVENTIONS = Conventions(POLARITIES[0], False, 255.0, ())


class Arrays(NamedTuple):
    """A data set before it is split. The first `num_validation` images are for validation."""

    images: np.ndarray  # uint8 [n, height, width]
    labels: np.ndarray  # int32 [n]
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    num_validation: int
    conventions: Conventions


def check_arrays(contents: Contents, mnist_folder: Path, transpose: bool = False) -> Arrays:
    """Bring what was read to uint8 images and to labels from 0, or say why that is not possible.

    Args:
        contents: what was read.
        mnist_folder: where MNIST lies, to compare the orientation of digits with.
        transpose: exchange rows and columns of all images.

    Raises:
        DataError: the parts do not fit together, or a value cannot be right.
    """
    remarks = list(contents.remarks)
    validation = [contents.validation] if contents.validation else []
    parts = [*validation, contents.train, contents.test]
    images = [grey_images(part.images, part.images_from, remarks) for part in parts]
    for part, array in zip(parts, images, strict=True):
        _check_sizes(part, array, parts[0], images[0])
    labels, names = number_labels(
        [part.labels for part in parts],
        [part.labels_from for part in parts],
        contents.class_names,
        contents.names_from,
        remarks,
    )
    images, largest = to_bytes(images, [part.images_from for part in parts], remarks)
    if transpose:
        images = [np.ascontiguousarray(array.transpose(0, 2, 1)) for array in images]
    *train_images, test_images = images
    *train_labels, test_labels = labels
    x, y = train_images[-1], train_labels[-1]
    num_validation = size_of_validation(len(y))
    if contents.in_order:
        order = random_order(len(y))
    else:
        order = order_for_validation(y, num_validation, len(names), remarks)
    if order is not None:
        x, y = x[order], y[order]
    if validation:
        num_validation = len(labels[0])
        x, y = np.concatenate([images[0], x]), np.concatenate([labels[0], y])
    polarity, test_polarity = polarity_of(x), polarity_of(test_images)
    if polarity and test_polarity and polarity != test_polarity:
        remarks.append(
            f"WARNING: the training images are {polarity}, but the test images {test_polarity}; "
            "invert one of them (255 - x)"
        )
    remark = orientation_remark(x, y, names, polarity, transpose, mnist_folder)
    if not remark and contents.named_emnist and not transpose:
        remark = "WARNING: the images of EMNIST's files are transposed; for these use --transpose"
    remarks += [remark] if remark else []
    remarks = tuple(map(visible, dict.fromkeys(remarks)))  # each once
    kind = has_grey_levels(x), are_centred(x, polarity)
    conventions = Conventions(polarity, transpose, largest, remarks, *kind)
    return Arrays(x, y, test_images, test_labels, names, num_validation, conventions)


def _check_sizes(part: Part, images: np.ndarray, first: Part, first_images: np.ndarray) -> None:
    """Raise a DataError unless there is a label per image, and all images have one size."""
    if part.labels.ndim and len(images) != len(part.labels):
        raise DataError(
            f"{part.images_from} has {len(images):,} images but {part.labels_from} has "
            f"{len(part.labels):,} labels; use two that belong together, with one "
            f"whole number for each of the {len(images):,} images."
        )
    size, first_size = images.shape[1:], first_images.shape[1:]
    if size != first_size:
        raise DataError(
            f"{first.images_from} has images of {times(first_size)} pixels but "
            f"{part.images_from} of {times(size)}; use files of one data set."
        )
