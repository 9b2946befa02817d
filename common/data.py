"""Arrays → mini-batches: a data set becomes three splits, and the splits become mini-batches.

How a digit gets from the disk into its mini-batch:

    read_arrays           in datasets/: files → arrays, or a DataError that says what is wrong
    load_data             arrays → DataSets with a train, a validation and a test Split
    mini_batch_indices    the number of a step → which examples are in its mini-batch
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from common import UsageError
from common.datasets.idx import DataError
from common.datasets.reading import MNIST_CONVENTIONS, Conventions, read_arrays
from common.process.text import visible

import numpy as np

DEFAULT_DATA_DIR = Path(__file__).resolve().parents[1] / "data" / "MNIST"


class TrainSizeError(DataError, UsageError):
    """More training examples were asked for than there are, or fewer than one: wrong usage."""

    exit_status = 2


@dataclass(eq=False)  # eq would compare whole arrays
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
        return self.images.take(indices, axis=0), self.labels.take(indices, axis=0)


@dataclass(eq=False)
class DataSets:
    """The three splits, and what the files say about image size and classes."""

    train: Split
    validation: Split  # for choosing settings and watching the training
    test: Split  # only for the report
    image_shape: tuple[int, int]  # height, width
    class_names: tuple[str, ...]  # "0", "1", … in the order of the labels
    conventions: Conventions = MNIST_CONVENTIONS  # light on dark or dark on light, and remarks

    @property
    def num_classes(self) -> int:
        """How many classes there are: 10 for the digits."""
        return len(self.class_names)

    @property
    def num_pixels(self) -> int:
        """The length of one row of images: height × width, 784 for MNIST."""
        return math.prod(self.image_shape)

    def describe(self) -> str:
        """Return the sizes, and what there is to say about the files, as a few lines of text."""
        height, width = self.image_shape
        sizes = {"training": self.train, "validation": self.validation, "test": self.test}
        return "\n".join(
            [
                f"Data: {height} × {width} pixels, {self.num_classes} classes",
                *(f"  {name:<10}{len(split):>8,} images" for name, split in sizes.items()),
                *(f"  {visible(remark)}" for remark in self.conventions.remarks),
            ]
        )

    def fingerprint(self) -> str:
        """Return checksums of everything that training sees, to recognise the same data by."""
        parts = [array for s in (self.train, self.validation) for array in (s.images, s.labels)]
        return "-".join(f"{zlib.crc32(np.ascontiguousarray(part)):08x}" for part in parts)


def load_data(
    data_dir: Path | str = DEFAULT_DATA_DIR, train_size: int | None = None, transpose: bool = False
) -> DataSets:
    """Read a data set and split it as TensorFlow's `read_data_sets` did.

    The first 5,000 training images of MNIST are the validation split and the other 55,000 the
    training split; of a smaller set one image in twelve is for validation (at least one), unless
    the files have a validation split of their own.

    Args:
        data_dir: a data set in one of the forms of docs/your-own-data.md. In the default folder
            every file must have MNIST's checksum, and a missing one is downloaded.
        train_size: keep only the first so many training images; None keeps all.
        transpose: exchange rows and columns of all images.

    Raises:
        DataError: a file is missing, damaged, or does not fit the others.
        TrainSizeError: `train_size` is not between 1 and the number of training images.
    """
    arrays = read_arrays(Path(data_dir), DEFAULT_DATA_DIR, transpose)
    num_images, num_validation = len(arrays.images), arrays.num_validation
    num_train = num_images - num_validation  # 1 or more, as two classes need two images
    if train_size is None:
        train_size = num_train
    if not 1 <= train_size <= num_train:
        raise TrainSizeError(
            f"the train size must be from 1 to {num_train:,}, not {train_size:,}: {data_dir} has "
            f"{num_train:,} training images besides the {num_validation:,} for validation."
        )
    pixels = arrays.images.reshape(num_images, -1)  # [n, height, width] → [n, height * width]
    end = num_validation + train_size
    return DataSets(
        train=Split(pixels[num_validation:end], arrays.labels[num_validation:end]),
        validation=Split(pixels[:num_validation], arrays.labels[:num_validation]),
        test=Split(arrays.test_images.reshape(len(arrays.test_images), -1), arrays.test_labels),
        image_shape=arrays.images.shape[1:],
        class_names=arrays.class_names,
        conventions=arrays.conventions,
    )


# The number of a step → the examples of its mini-batch.


def steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Count the mini-batches that show every example once; the last one may be smaller."""
    return math.ceil(num_examples / batch_size)


def mini_batch_indices(num_examples: int, batch_size: int, seed: int, step: int) -> np.ndarray:
    """Return which examples are in the mini-batch of a step: a pure function of its arguments.

    Every epoch has all examples once, in a new random order. Nothing is
    remembered from step to step, so training can stop at any step and continue from there later.

    Args:
        num_examples: the size of the training split, at least 1.
        batch_size: examples per step, at least 1; more than there are means all of them.
        seed: at least 0; another seed gives another order.
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
    order.flags.writeable = False  # the cache returns the same array each time
    return order
