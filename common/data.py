"""Files → arrays: the four IDX files become three splits, and the splits become mini-batches.

Top to bottom this file follows a digit from the disk to its mini-batch:

    load_data             the four files → DataSets with a train, a validation and a test Split
    read_idx              one file → one array, or a DataError that says what is wrong with it
    fetch                 a file of MNIST that is missing → downloaded, verified, in its place
    mini_batch_indices    the step number → which examples stand in that step's mini-batch
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import math
import os
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common import UsageError, UserError
from common.files import atomic_path

import numpy as np
from tqdm import tqdm

DEFAULT_DATA_DIR = Path(__file__).resolve().parents[1] / "data" / "MNIST"
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

# SHA-256 of what is inside the .gz files of MNIST: the compressed bytes differ between mirrors.
CHECKSUMS = {
    TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

MAX_VALIDATION_IMAGES = 5_000  # what TensorFlow's read_data_sets took from MNIST's 60,000
MAX_ARRAY_BYTES = 2 * 1024**3  # 2 GiB: a header that announces more is not believed
MAX_DIMENSIONS = 32  # the most that every NumPy version can hold
CHUNK_BYTES = 1024**2  # 1 MiB is read at a time, so that little is in memory twice
MAX_DOWNLOAD_BYTES = 16 * 1024**2  # 16 MiB: the largest of the four files has 9.9 MB
STALL_SECONDS = 20.0  # a mirror that sends nothing for so long is given up
MAX_DOWNLOAD_SECONDS = 600.0  # and so is one that sends, but only in drops

# The third byte of an IDX file names the type of its values. Big-endian, the highest byte first.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class DataError(UserError):
    """Data that cannot be used. The message names the file and says what to do about it."""


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
        """Return a checksum of everything that training sees, to recognise the same data by."""
        parts = (self.train.images, self.train.labels, self.validation.images)
        return "-".join(f"{zlib.crc32(part):08x}" for part in parts)


def load_data(data_dir: Path | str = DEFAULT_DATA_DIR, train_size: int | None = None) -> DataSets:
    """Read the four files of a folder and split them as TensorFlow's `read_data_sets` did.

    The first 5,000 training images of MNIST are the validation split and the other 55,000 the
    training split; of a smaller set one image in twelve is for validation (at least one). In the
    default folder every file must have MNIST's checksum, and a missing one is downloaded.

    Args:
        data_dir: a folder with four files named like MNIST's (Fashion-MNIST, your own, …);
            image size and number of classes come from the files.
        train_size: keep only the first so many training images; None keeps all.

    Raises:
        DataError: a file is missing, damaged, or does not fit the others.
        TrainSizeError: `train_size` is not between 1 and the number of training images.
    """
    folder = Path(data_dir)
    is_mnist = os.path.realpath(folder) == os.path.realpath(DEFAULT_DATA_DIR)
    paths = {name: _locate(folder, name, may_download=is_mnist) for name in CHECKSUMS}
    images, labels = _read_pair(paths, TRAIN_IMAGES, TRAIN_LABELS, is_mnist)
    test_images, test_labels = _read_pair(paths, TEST_IMAGES, TEST_LABELS, is_mnist)
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{paths[TRAIN_IMAGES]} has images of {_times(images.shape[1:])} pixels but "
            f"{paths[TEST_IMAGES]} of {_times(test_images.shape[1:])}; use files of one data set."
        )
    num_classes = len(np.unique(labels))
    _check_labels(paths[TRAIN_LABELS], labels, num_classes)
    _check_labels(paths[TEST_LABELS], test_labels, num_classes)

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
        class_names=tuple(str(label) for label in range(num_classes)),
    )


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
        return fetch(name, folder, MIRRORS)
    raise DataError(
        f"the data folder {folder} {problem}; choose one with --data-dir that holds "
        f"{', '.join(CHECKSUMS)} (or the same without .gz)."
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
            f"{images_path} holds {_times(images.shape)} values of type {images.dtype}, not grey "
            "images; put number × height × width values of type uint8 (0 to 255) there."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{labels_path} holds {_times(labels.shape)} values of type {labels.dtype}, not "
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


def _times(shape: Iterable[int]) -> str:
    return " × ".join(f"{size:,}" for size in shape)


# One file → one array.


class _BadContentError(Exception):
    """What is wrong with a content, as the rest of a sentence that begins with a file or a URL."""


def read_idx(path: Path | str, sha256: str | None = None) -> np.ndarray:
    """Read an array from an IDX file, gzipped or not (the content tells, not the name).

    The format is the one of http://yann.lecun.com/exdb/mnist/: two zero bytes, a byte for the
    type, a byte for the number of dimensions, each dimension as four bytes, then the values,
    all with the highest byte first. The header is not trusted: memory grows with the content
    that is really there (by an eighth more, and a few chunks), not with what is announced.

    Args:
        path: a regular file, or a link to one.
        sha256: the hexadecimal SHA-256 that the uncompressed content must have; None for any.

    Returns:
        an array with the type and the shape of the header, in this machine's byte order.

    Raises:
        DataError: whatever is wrong with the file.
    """
    path = Path(path)
    try:
        return _read_idx(path, sha256)
    except _BadContentError as problem:
        remedy = "put an intact IDX file in its place"
        if sha256 is not None:  # only the default folder asks for checksums, and it can download
            remedy = "delete it and run again, and it is downloaded afresh"
        raise DataError(f"{path} {problem}; {remedy}.") from None


def _read_idx(path: Path, sha256: str | None) -> np.ndarray:
    """Do the work of `read_idx`, with a _BadContentError for whatever goes wrong."""
    try:
        if not path.exists():
            raise _BadContentError("does not exist")
        if not path.is_file():  # to open a FIFO would wait for ever, and a device may have no end
            raise _BadContentError("is a folder or a device, not a file")
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return _parse_idx(gzip.GzipFile(fileobj=file) if is_gzip else file, sha256)
    except EOFError:
        raise _BadContentError("is cut short: its gzip data have no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _BadContentError(f"is damaged: its gzip data are wrong ({error})") from None
    except OSError as error:
        raise _BadContentError(f"cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise _BadContentError("needs more memory than there is") from None


def _parse_idx(stream: Any, sha256: str | None) -> np.ndarray:
    """Read the array from a binary stream: the header first, then exactly what it announces."""
    magic = stream.read(4)
    if not magic:
        raise _BadContentError("is empty")
    if magic[:2] != b"\0\0"[: len(magic)]:
        hint = " (a web page?)" if magic.lstrip().startswith(b"<") else ""
        raise _BadContentError(
            f"is not an IDX file: it begins with {magic!r} instead of two zero bytes{hint}"
        )
    if len(magic) < 4:
        raise _BadContentError(f"is cut short: it ends after {len(magic)} bytes, in its header")
    type_byte, num_dimensions = magic[2:]
    if type_byte not in IDX_TYPES:
        known = ", ".join(f"0x{known:02X}" for known in IDX_TYPES)
        raise _BadContentError(
            f"is not an IDX file: its type byte is 0x{type_byte:02X}, not one of {known}"
        )
    if not 1 <= num_dimensions <= MAX_DIMENSIONS:
        raise _BadContentError(
            f"announces {num_dimensions} dimensions, where 1 to {MAX_DIMENSIONS} are possible"
        )
    sizes = stream.read(4 * num_dimensions)
    if len(sizes) < 4 * num_dimensions:
        raise _BadContentError(f"is cut short: it ends after {4 + len(sizes)} bytes, in its header")

    # Python's integers do not overflow. A dimension of 0 counts as 1 here because NumPy, too,
    # refuses a shape that would be too large without its zeros.
    shape = tuple(np.frombuffer(sizes, dtype=">u4").tolist())
    dtype = np.dtype(IDX_TYPES[type_byte])
    if dtype.itemsize * math.prod(max(size, 1) for size in shape) > MAX_ARRAY_BYTES:
        raise _BadContentError(
            f"announces {_times(shape)} values, more than the {MAX_ARRAY_BYTES:,} bytes allowed"
        )
    num_bytes = dtype.itemsize * math.prod(shape)

    # One byte more than announced is asked for, and must not be there. So trailing bytes are seen,
    # a gzip bomb is stopped at once, and gzip reaches the end, where it compares its own checksum.
    values = bytearray()
    while chunk := stream.read(min(CHUNK_BYTES, num_bytes + 1 - len(values))):
        values += chunk
    if len(values) > num_bytes:
        raise _BadContentError(f"is too long: more follows after the {num_bytes:,} bytes announced")
    if len(values) < num_bytes:
        raise _BadContentError(
            f"is cut short: its header announces {num_bytes:,} bytes of values, "
            f"but it has {len(values):,}"
        )
    if sha256 is not None:
        digest = hashlib.sha256(magic + sizes)
        digest.update(values)
        if digest.hexdigest() != sha256:
            raise _BadContentError(
                f"is not the file of MNIST: its SHA-256 is {digest.hexdigest()}, not {sha256}"
            )
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    if sys.byteorder == "little":
        array.byteswap(inplace=True)  # in place: a copy would double the memory
    return array.view(dtype.newbyteorder("="))


# A missing file → a file.


def fetch(name: str, folder: Path | str, mirrors: Iterable[str] = MIRRORS) -> Path:
    """Download one of MNIST's files and keep it only if it is intact.

    Args:
        name: a key of CHECKSUMS.
        folder: where the file goes; created when missing.
        mirrors: URLs that end in a slash, tried in this order.

    Returns:
        the path of the file.

    Raises:
        DataError: no mirror sent the right file; nothing is kept.
        UserError: the folder cannot be written.
    """
    target = Path(folder) / name
    problems = []
    for mirror in mirrors:
        try:
            with atomic_path(target) as temporary:
                with temporary.open("wb") as file:
                    for chunk in _download(mirror + name):
                        file.write(chunk)
                _read_idx(temporary, CHECKSUMS[name])
        except _BadContentError as problem:
            # A server chooses some of these words: no line breaks, terminal codes or long speeches.
            words = "".join(char if char.isprintable() else " " for char in str(problem))
            problems.append(f"{mirror}{name} {' '.join(words.split())[:300]}")
        else:
            return target
    present = {path.name for path in target.parent.glob("*")}
    missing = [other for other in CHECKSUMS if other not in present]
    raise DataError(
        f"cannot download {name}: {'; '.join(problems) or 'no mirror is known'}. Connect to the "
        f"internet and run again, or place {', '.join(missing)} in {target.parent} yourself."
    )


def _download(url: str) -> Iterator[bytes]:
    """Yield what a URL sends, under a progress bar if a person is watching.

    Trouble with the network becomes a _BadContentError in here, so that an OSError outside this
    generator is the disk's.
    """
    deadline = time.monotonic() + MAX_DOWNLOAD_SECONDS
    received = 0
    opener = urllib.request.build_opener(_HttpsStaysHttps)
    try:
        with (
            opener.open(url, timeout=STALL_SECONDS) as response,
            tqdm(
                desc=url.rpartition("/")[2],
                total=response.length,
                unit="B",
                unit_scale=True,
                disable=None,  # None: no bar where stderr is not a terminal
            ) as bar,
        ):
            # read1 returns after one packet, so a slow sender cannot hold us past the deadline.
            while chunk := response.read1(CHUNK_BYTES):
                received += len(chunk)
                if received > MAX_DOWNLOAD_BYTES:
                    raise _BadContentError(f"sends more than {MAX_DOWNLOAD_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise _BadContentError(f"takes more than {MAX_DOWNLOAD_SECONDS:g} seconds")
                bar.update(len(chunk))
                yield chunk
    except urllib.error.HTTPError as error:
        error.close()
        raise _BadContentError(f"answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)  # the cause inside urllib's URLError
        raise _BadContentError(f"cannot be read ({reason})") from None


class _HttpsStaysHttps(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but not from https to where somebody in between could listen."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Refuse a new URL that leaves https, ask the ordinary handler about all others."""
        if urlsplit(newurl).scheme not in ("https", req.type):
            reason = f"{msg}, a redirect to {newurl} that is refused because it is not https"
            raise urllib.error.HTTPError(req.full_url, code, reason, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


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
