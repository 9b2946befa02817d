"""Helpers for tests of files to read: IDX files, downloads, data sets and pictures.

Small IDX files, written from the format's description and not by the reader; the real files; files
damaged at random; limits on memory and time; and whether a message is a sentence.
"""

import gzip
import signal
import struct
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
MNIST = REPOSITORY / "data" / "MNIST"
MEGABYTE = 1024**2

TYPE_BYTES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def idx_header(type_byte, shape, num_dimensions=None):
    """The header as bytes; `num_dimensions` may lie."""
    count = len(shape) if num_dimensions is None else num_dimensions
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, type_byte, count, *shape)


def idx_bytes(array):
    """An uncompressed IDX file with the values of `array`."""
    array = np.asarray(array)
    big_endian = array.astype(array.dtype.newbyteorder(">"))
    return idx_header(TYPE_BYTES[array.dtype.str[1:]], array.shape) + big_endian.tobytes()


def write_idx(path, array):
    """Write `array` to `path`, gzipped if the name ends in .gz."""
    content = idx_bytes(array)
    path = Path(path)
    path.write_bytes(gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_data_set(
    folder, num_train=60, num_test=20, image_shape=(28, 28), num_classes=10, suffix=".gz", seed=0
):
    """Write the four files of a small data set: random images, every class present."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for images_name, labels_name, count in (
        (TRAIN_IMAGES, TRAIN_LABELS, num_train),
        (TEST_IMAGES, TEST_LABELS, num_test),
    ):
        labels = random.permutation(np.arange(count) % num_classes).astype(np.uint8)
        images = random.integers(0, 256, (count, *image_shape), dtype=np.uint8)
        write_idx(folder / images_name.replace(".gz", suffix), images)
        write_idx(folder / labels_name.replace(".gz", suffix), labels)
    return folder


@contextmanager
def memory_below(limit, expect_reached=0):
    """Fail if the block allocates more than `limit` bytes at its peak (NumPy's arrays included)."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert expect_reached <= peak <= limit


def sentence_of(error):
    """The message, after checking that it reads like one: no newline, a full stop, a remedy."""
    message = str(error.value)
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 1_000
    assert ";" in message or ". " in message
    return message


class HangError(BaseException):
    """No Exception, which the block might catch."""


@contextmanager
def no_longer_than(seconds):
    """Fail if the block hangs."""

    def give_up(*_):
        raise HangError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mutate(content, chance, front=32):
    """Damage a file as disks, networks and enemies do, half of the time in its first bytes."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        # The headers are in front.
        end = len(damaged) if chance.random() < 0.5 else min(len(damaged), front)
        place = chance.randrange(end) if end else 0
        kind = chance.randrange(6)
        if kind == 0:
            del damaged[place:]
        elif kind == 1 and damaged:
            damaged[place] ^= 1 << chance.randrange(8)
        elif kind == 2 and damaged:
            damaged[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 3:
            damaged[place : place + 4] = struct.pack(">I", chance.choice((0, 1, 2**31, 2**32 - 1)))
        elif kind == 4:
            damaged[place:place] = chance.randbytes(chance.randrange(1, 9))
        else:
            del damaged[place : place + chance.randrange(1, 9)]
    return bytes(damaged)
