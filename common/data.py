"""Arrays → mini-batches: files become three splits, and the splits become mini-batches.

A digit takes this way from the disk to its mini-batch:

    fetch                 in download.py, only where a file of MNIST is missing: internet → file
    read_idx              in idx.py: one file → one array, or a DataError that says what is wrong
    load_data             four arrays → DataSets with a train, a validation and a test Split
                          (datasets.py brings them from a folder of pictures or an .npz file)
    mini_batch_indices    the step number → which examples stand in that step's mini-batch
"""

from __future__ import annotations

import math
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from common import UsageError
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

DEFAULT_DATA_DIR = Path(__file__).resolve().parents[1] / "data" / "MNIST"
MAX_VALIDATION_IMAGES = 5_000  # what TensorFlow's read_data_sets took from MNIST's 60,000


class TrainSizeError(DataError, UsageError):
    """More training examples were asked for than there are, or fewer than one: wrong usage."""

    exit_status = 2


@dataclass(frozen=True, eq=False)  # eq would compare whole arrays
class Split:
    """Examples that are used together: for training, for validation or for testing."""

    images: np.ndarray  # uint8 [n, height * width], one row of pixels per image, 0 black, 255 white
    labels: np.ndarray  # int32 [n], the class of each image, from 0 to num_classes - 1

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Split:
        """Return the first `count` examples, or all where there are fewer."""
        return Split(self.images[:count], self.labels[:count])

    def take(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of the images and the labels with these indices, in their order."""
        # NumPy's `take` copies rows faster than brackets do.
        return self.images.take(indices, axis=0), self.labels.take(indices)


@dataclass(frozen=True, eq=False)
class DataSets:
    """The three splits, and what the files say about image size and classes."""

    train: Split
    validation: Split  # steers the training
    test: Split  # only for the report
    image_shape: tuple[int, int]  # height, width
    class_names: tuple[str, ...]  # "0", "1", … in the order of the labels

    @property
    def num_classes(self) -> int:
        """How many classes there are: 10 for the digits."""
        return len(self.class_names)

    @property
    def num_pixels(self) -> int:
        """The length of one row of images: height × width, 784 for MNIST."""
        return math.prod(self.image_shape)

    def describe(self) -> str:
        """Return the sizes as a few lines of text."""
        height, width = self.image_shape
        sizes = {"training": self.train, "validation": self.validation, "test": self.test}
        return "\n".join(
            [
                f"Data: {height} × {width} pixels, {self.num_classes} classes",
                *(f"  {name:<10}{len(split):>8,} images" for name, split in sizes.items()),
            ]
        )

    def fingerprint(self) -> str:
        """Return checksums of everything that training sees, to recognise the same data by."""
        parts = (
            self.train.images,
            self.train.labels,
            self.validation.images,
            self.validation.labels,
        )
        return "-".join(f"{zlib.crc32(part):08x}" for part in parts)


def load_data(data_dir: Path | str = DEFAULT_DATA_DIR, train_size: int | None = None) -> DataSets:
    """Read a data set and split it as TensorFlow's `read_data_sets` did.

    The first 5,000 training images of MNIST are the validation split and the other 55,000 the
    training split; of a smaller set one image in twelve is for validation (at least one). In the
    default folder every file must have MNIST's checksum, and a missing one is downloaded.

    Args:
        data_dir: a folder with four files named like MNIST's (Fashion-MNIST, your own, …), or with
            pictures in train/CLASS and test/CLASS, or an .npz file (see datasets.py). Image size
            and classes come from the files.
        train_size: keep only the first so many training images; None keeps all.

    Raises:
        DataError: a file is missing, damaged, or does not fit the others.
        TrainSizeError: `train_size` is not between 1 and the number of training images.
    """
    folder = Path(data_dir)
    names = None
    is_npz = folder.suffix == ".npz"
    if is_npz or _is_folder_tree(folder):
        # Imported here because Pillow and SciPy take time, for which MNIST need not wait.
        from common.datasets import folders as datasets

        read = datasets.read_npz if is_npz else datasets.read_folder_tree
        images, labels, test_images, test_labels, names = read(folder)
        sources = [folder] * 4
    else:
        is_mnist = os.path.realpath(folder) == os.path.realpath(DEFAULT_DATA_DIR)
        paths = {name: _locate(folder, name, may_download=is_mnist) for name in CHECKSUMS}
        images, labels = _read_pair(paths, TRAIN_IMAGES, TRAIN_LABELS, is_mnist)
        test_images, test_labels = _read_pair(paths, TEST_IMAGES, TEST_LABELS, is_mnist)
        sources = [paths[n] for n in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)]
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{sources[0]} has images of {times(images.shape[1:])} pixels but "
            f"{sources[2]} of {times(test_images.shape[1:])}; use files of one data set."
        )
    num_classes = len(np.unique(labels)) if names is None else len(names)
    _check_labels(sources[1], labels, num_classes)
    _check_labels(sources[3], test_labels, num_classes)
    missing = sorted(set(range(num_classes)) - set(labels.tolist()))
    if missing:  # only where the classes have names, otherwise they are counted
        raise DataError(
            f"{sources[1]} has no training image of the class {names[missing[0]]}; add some, or "
            "leave the class out."
        )
    labels, test_labels = labels.astype(np.int32), test_labels.astype(np.int32)

    num_validation = min(MAX_VALIDATION_IMAGES, max(1, len(images) // 12))
    num_train = len(images) - num_validation  # 1 or more, as two classes need two images
    if train_size is None:
        train_size = num_train
    if not 1 <= train_size <= num_train:
        raise TrainSizeError(
            f"the train size must be from 1 to {num_train:,}, not {train_size:,}: {folder} has "
            f"{num_train:,} training images besides the {num_validation:,} for validation."
        )
    pixels = images.reshape(len(images), -1)  # [n, height, width] → [n, height * width]
    end = num_validation + train_size
    return DataSets(
        train=Split(pixels[num_validation:end], labels[num_validation:end]),
        validation=Split(pixels[:num_validation], labels[:num_validation]),
        test=Split(test_images.reshape(len(test_images), -1), test_labels),
        image_shape=images.shape[1:],
        class_names=names or tuple(str(label) for label in range(num_classes)),
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


# A step number → the examples of its mini-batch.


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Count the mini-batches that show every example once; the last one may be smaller."""
    return math.ceil(num_examples / batch_size)


def mini_batch_indices(num_examples: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Say which examples stand in the mini-batch of a step: a pure function of its arguments.

    Every epoch deals out all examples in a new random order, without replacement. Nothing is
    remembered from step to step, so training can stop at any step and go on from there later.

    Args:
        num_examples: the size of the training split, at least 1.
        batch_size: examples per step, at least 1; more than there are means all of them.
        seed: at least 0; another seed deals the examples out in another order.
        step: 0 for the first mini-batch of the first epoch, then 1, 2, … over all epochs.

    Returns:
        int64 [batch_size] indices, fewer in the last step of an epoch; read-only.
    """
    epoch, step_in_epoch = divmod(step, steps_per_epoch(num_examples, batch_size))
    start = step_in_epoch * batch_size
    return _order_of_epoch(num_examples, seed, epoch)[start : start + batch_size]


@lru_cache(maxsize=2)  # shuffled once per epoch, not once per step
def _order_of_epoch(num_examples: int, seed: int, epoch: int) -> np.ndarray:
    """Shuffle the numbers from 0 to num_examples - 1 as seed and epoch say: int64, read-only."""
    order = np.random.default_rng((seed, epoch)).permutation(num_examples)
    order.flags.writeable = False  # the cache gives the same array to all who ask
    return order
