"""What TensorFlow 1's module `tensorflow.examples.tutorials.mnist.input_data` offered, today.

    from common.datasets import input_data

    mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
    images, labels = mnist.train.next_batch(100)

An old script needs no other change for its data. The files are read by this project's loader, which
checks them; TensorFlow is not imported. docs/tensorflow-1-today.md shows whole scripts.

The interface is that of TensorFlow 1.15 (tensorflow/contrib/learn/python/learn/datasets/mnist.py);
`DataSet.cls` is what Hvass's tutorials add to it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

from common.datasets.arrays import Arrays
from common.datasets.download import MIRRORS
from common.datasets.idx import DataError
from common.datasets.reading import has_data, read_arrays
from common.process.text import visible

import numpy as np

MNIST_FOLDER = Path(__file__).resolve().parents[2] / "data" / "MNIST"
# Where old scripts say that MNIST comes from. All four files are the same.
MNIST_URLS = (*MIRRORS, "http://yann.lecun.com/exdb/mnist/", "https://yann.lecun.com/exdb/mnist/")
NUM_FAKE_EXAMPLES = 10_000


class DataSet:
    """One of the three splits: arrays, and mini-batches of them.

    Attributes:
        cls: int64 [n], the class of each example as a number. It may be assigned.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        cls: np.ndarray,
        random: np.random.Generator,
        as_floats: bool,
    ) -> None:
        self._images = images  # uint8 until somebody asks for all of them as float32
        self._as_floats = as_floats
        self._labels = labels
        self.cls = cls
        self._random = random
        self._order = np.arange(len(labels))
        self._epochs_completed = 0
        self._index_in_epoch = 0

    @property
    def images(self) -> np.ndarray:
        """Float32 [n, height · width] from 0 to 1, or as `reshape` and `dtype` say."""
        self._images = self._scaled(self._images)
        return self._images

    @property
    def labels(self) -> np.ndarray:
        """Integers [n], or float64 [n, classes] with a 1 for the class (`one_hot=True`)."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self._labels)

    @property
    def epochs_completed(self) -> int:
        """How often `next_batch` has begun to show the examples again."""
        return self._epochs_completed

    @property
    def index_in_epoch(self) -> int:
        """How many examples of this epoch `next_batch` has returned."""
        return self._index_in_epoch

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the next examples: each once in an epoch, in a new order in each epoch.

        A mini-batch that begins at the end of an epoch is filled from the next one, so that all
        have the same size. TensorFlow 1 put `images` itself into the new order; here it stays.

        Args:
            batch_size: how many examples, at least 1.
            fake_data: return white images of class 0, which take no part in the epoch.
            shuffle: False keeps the order as it is: that of the file, if it was never shuffled.

        Returns:
            copies of rows of `images` and of `labels`.

        Raises:
            ValueError: `batch_size` is below 1, or there are no examples.
        """
        if batch_size < 1:
            raise ValueError(f"a mini-batch has at least 1 example, not {batch_size}.")
        if fake_data:
            return self._fake_rows(batch_size)
        if not self.num_examples:
            raise ValueError(
                "this split has no examples; choose another validation_size in read_data_sets."
            )
        if shuffle and not (self._epochs_completed or self._index_in_epoch):
            self._order = self._random.permutation(self.num_examples)
        pieces, missing = [], batch_size
        while missing > self.num_examples - self._index_in_epoch:
            pieces.append(self._order[self._index_in_epoch :])
            missing -= len(pieces[-1])
            self._epochs_completed += 1
            self._index_in_epoch = 0
            if shuffle:
                self._order = self._random.permutation(self.num_examples)
        pieces.append(self._order[self._index_in_epoch : self._index_in_epoch + missing])
        self._index_in_epoch += missing
        rows = np.concatenate(pieces)
        return self._scaled(self._images.take(rows, axis=0)), self._labels.take(rows, axis=0)

    def _scaled(self, images: np.ndarray) -> np.ndarray:
        """Return pixels from 0 to 1 if these are bytes and floats are wanted."""
        if self._as_floats and images.dtype == np.uint8:
            return np.multiply(images, np.float32(1 / 255), dtype=np.float32)
        return images

    def _fake_rows(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return white images of class 0."""
        white = np.full([count, *self._images.shape[1:]], 255, np.uint8)
        classes = np.zeros([count, *self._labels.shape[1:]], self._labels.dtype)
        if classes.ndim == 2:
            classes[:, 0] = 1
        return self._scaled(white), classes


class Datasets(NamedTuple):
    """The three splits."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Path | str = MNIST_FOLDER,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int | None = None,
    seed: int | None = None,
    source_url: str | None = None,
    transpose: bool = False,
) -> Datasets:
    """Read MNIST, or other data of its form, and split it as TensorFlow 1 did.

    Args:
        train_dir: a folder with the four files. Where there are none, nothing is downloaded: the
            files of this repository are read, and a line on the standard error says so. Whatever
            `--data-dir` of the scripts takes can be named, too (docs/your-own-data.md).
        fake_data: return white images of class 0, 10,000 in each split, and read nothing.
        one_hot: `labels` as rows of zeros with a 1 for the class. Otherwise integers.
        dtype: float32 for pixels from 0 to 1 or uint8 for pixels from 0 to 255, of NumPy or of
            TensorFlow.
        reshape: an image is a row of pixels. False: [height, width, 1].
        validation_size: how many images are split off for validation, from the beginning of the
            training files. None: 5,000 of MNIST's 60,000; of other data as the scripts do.
        seed: at least 0; another number shuffles in another way, the same one in the same way. None
            shuffles differently in each run (`tf.set_random_seed` has no influence).
        source_url: an address of MNIST, which is not needed.
        transpose: exchange rows and columns of the images, as EMNIST's files need.

    Raises:
        DataError: a file is missing or damaged, or does not fit the others.
        ValueError: `validation_size`, `seed` or `source_url` cannot be.
        TypeError: `dtype` is another one.
    """
    number = _number_type(dtype)
    if fake_data:
        images = np.full([NUM_FAKE_EXAMPLES, 28, 28], 255, np.uint8)
        labels = np.zeros(NUM_FAKE_EXAMPLES, np.int32)
        parts, num_classes = [(images, labels)] * 3, 10
    else:
        arrays = _read(Path(train_dir), source_url, transpose)
        num_classes = len(arrays.class_names)
        size = arrays.num_validation if validation_size is None else validation_size
        if not 0 <= size <= len(arrays.labels):
            raise ValueError(
                f"validation_size must be from 0 to {len(arrays.labels)}, the number of images in "
                f"the training files, not {size}."
            )
        parts = [
            (arrays.images[size:], arrays.labels[size:]),
            (arrays.images[:size], arrays.labels[:size]),
            (arrays.test_images, arrays.test_labels),
        ]
    one_hot_rows = np.eye(num_classes)
    label_type = np.uint8 if num_classes <= 256 else np.int32
    sets = []
    for place, (pixels, numbers) in enumerate(parts):
        count, height, width = pixels.shape
        images = pixels.reshape([count, height * width] if reshape else [count, height, width, 1])
        labels = one_hot_rows[numbers] if one_hot else numbers.astype(label_type)
        random = np.random.default_rng(None if seed is None else (seed, place))
        cls = numbers.astype(np.int64)
        sets.append(DataSet(images, labels, cls, random, as_floats=number == np.float32))
    return Datasets(*sets)


def _read(source: Path, source_url: str | None, transpose: bool) -> Arrays:
    """Read what `train_dir` names, or MNIST where nothing is there."""
    is_ours = source.resolve() == MNIST_FOLDER  # there a missing file is downloaded
    if not (is_ours or source.is_file() or has_data(source)):
        if source_url and source_url.rstrip("/") not in [url.rstrip("/") for url in MNIST_URLS]:
            raise ValueError(
                f"nothing is downloaded from source_url {source_url}; put its four files into the "
                f"folder {source} yourself, or leave source_url out for MNIST."
            )
        _say(f"{source} has no data, so MNIST is read from {MNIST_FOLDER}")
        source = MNIST_FOLDER
    try:
        arrays = read_arrays(source, MNIST_FOLDER, transpose)
    except DataError as error:
        raise DataError(_without_flags(str(error))) from None
    for remark in arrays.conventions.remarks:
        _say(_without_flags(remark))
    return arrays


def _say(sentence: str) -> None:
    print(f"input_data: {visible(sentence)}", file=sys.stderr)


def _without_flags(sentence: str) -> str:
    """Return a sentence for the command line in the words of this function's arguments."""
    return sentence.replace("--data-dir", "train_dir").replace("--transpose", "transpose=True")


def _number_type(dtype: Any) -> np.dtype:
    """Return float32 or uint8 of NumPy, for one of NumPy, of TensorFlow, or a name."""
    try:
        number = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    except TypeError:
        number = None
    if number not in (np.float32, np.uint8):
        raise TypeError(
            f"dtype must be float32, for pixels from 0 to 1, or uint8, for 0 to 255, not {dtype!r}."
        )
    return number
