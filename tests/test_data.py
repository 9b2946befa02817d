"""common/data.py: IDX files, good and hostile; the splits; the download; the mini-batches."""

import errno
import fcntl
import gzip
import hashlib
import os
import random
import resource
import shutil
import signal
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
import tracemalloc
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from common import UserError, data
from common.data import DataError, TrainSizeError, fetch, load_data, mini_batch_indices, read_idx

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st
from idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    TYPE_BYTES,
    idx_bytes,
    idx_header,
    write_data_set,
    write_idx,
)

REPOSITORY = Path(__file__).resolve().parents[1]
MNIST = REPOSITORY / "data" / "MNIST"
SMALL_IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
MEGABYTE = 1024**2


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


# The real files.


@pytest.fixture(scope="module")
def mnist():
    return load_data()


def test_mnist_has_the_splits_of_read_data_sets(mnist):
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert mnist.image_shape == (28, 28)
    assert mnist.class_names == tuple("0123456789")
    assert (mnist.num_pixels, mnist.num_classes) == (784, 10)
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.shape == (len(split), 784)
        assert split.images.dtype == np.uint8
        assert split.labels.shape == (len(split),)
        assert split.labels.dtype == np.int32


def test_mnist_keeps_the_order_of_the_files(mnist):
    assert mnist.validation.labels[:5].tolist() == [5, 0, 4, 1, 9]
    all_labels = read_idx(MNIST / TRAIN_LABELS)
    all_images = read_idx(MNIST / TRAIN_IMAGES)
    assert mnist.train.labels[0] == all_labels[5_000]
    assert np.array_equal(mnist.train.images[-1], all_images[-1].ravel())
    assert np.array_equal(mnist.validation.images[4_999], all_images[4_999].ravel())
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.parametrize("name", data.CHECKSUMS)
def test_mnist_has_the_published_checksums(name):
    content = gzip.decompress((MNIST / name).read_bytes())
    assert hashlib.sha256(content).hexdigest() == data.CHECKSUMS[name]


def test_mnist_takes_no_memory_twice():
    content = 60_000 * 784 + 10_000 * 784
    with memory_below(content * 9 // 8 + 4 * MEGABYTE, expect_reached=content):
        load_data()


def test_sizes_and_checksums_in_the_readme_are_those_of_the_files():
    text = (REPOSITORY / "data" / "README.md").read_text()
    for name, checksum in data.CHECKSUMS.items():
        compressed = (MNIST / name).read_bytes()
        assert f"{len(compressed):,}" in text
        assert f"{len(gzip.decompress(compressed)):,}" in text
        assert hashlib.sha256(compressed).hexdigest() in text
        assert checksum in text


@pytest.mark.parametrize("train_size", [1_000, 55_000])
def test_train_size_takes_the_first_examples_and_leaves_the_other_splits(mnist, train_size):
    small = load_data(train_size=train_size)
    assert np.array_equal(small.train.images, mnist.train.images[:train_size])
    assert np.array_equal(small.train.labels, mnist.train.labels[:train_size])
    assert (len(small.validation), len(small.test)) == (5_000, 10_000)


@pytest.mark.parametrize("train_size", [5_501, 0, -1])
def test_train_size_out_of_range_says_how_many_there_are(tmp_path, train_size):
    write_data_set(tmp_path, num_train=6_000, image_shape=(1, 1))
    assert len(load_data(tmp_path, train_size=5_500).train) == 5_500
    with pytest.raises(TrainSizeError, match=r"from 1 to 5,500, not .* 500 for validation"):
        load_data(tmp_path, train_size)
    assert TrainSizeError.exit_status == 2  # wrong usage; all other errors here are 1
    assert DataError.exit_status == 1


# A user who wants TensorFlow's log lines gets a package that does not import TensorFlow by itself:
# that shows whether this module needs it, and makes a new process start at once.
WITHOUT_TENSORFLOW = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}


def test_this_module_does_not_need_tensorflow():
    program = "import common.data, sys; assert 'tensorflow' not in sys.modules"
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=REPOSITORY, env=WITHOUT_TENSORFLOW, check=True)


# Other data sets.


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_image_size_and_classes_come_from_the_files(tmp_path, suffix):
    write_data_set(tmp_path, 240, 30, image_shape=(20, 14), num_classes=7, suffix=suffix)
    sets = load_data(tmp_path)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (220, 20, 30)
    assert sets.image_shape == (20, 14)
    assert sets.num_pixels == 280
    assert sets.class_names == tuple("0123456")
    assert np.array_equal(
        np.concatenate([sets.validation.images, sets.train.images]).reshape(240, 20, 14),
        read_idx(tmp_path / f"train-images-idx3-ubyte{suffix}"),
    )


@pytest.mark.parametrize(
    ("num_train", "validation"),
    [(2, 1), (11, 1), (24, 2), (59_999, 4_999), (60_000, 5_000), (90_000, 5_000)],
)
def test_a_twelfth_is_for_validation(tmp_path, num_train, validation):
    write_data_set(tmp_path, num_train, 2, image_shape=(1, 1), num_classes=2, suffix="")
    sets = load_data(str(tmp_path))
    assert (len(sets.validation), len(sets.train)) == (validation, num_train - validation)


def test_names_with_a_dot_and_folders_named_like_files(tmp_path):
    write_data_set(tmp_path, suffix="")
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
        (tmp_path / path.name).mkdir()  # as a well-known archive of MNIST unpacks
    assert len(load_data(tmp_path).test) == 20
    content = (tmp_path / "t10k-labels.idx1-ubyte").read_bytes()
    (tmp_path / "t10k-labels.idx1-ubyte").unlink()
    (tmp_path / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(content))
    assert len(load_data(tmp_path).test) == 20


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4"])
def test_labels_may_be_any_whole_numbers(tmp_path, dtype):
    write_data_set(tmp_path, num_train=60, num_test=20)
    write_idx(tmp_path / TEST_LABELS, np.arange(20).astype(dtype) % 10)
    labels = load_data(tmp_path).test.labels
    assert labels.dtype == np.int32
    assert labels.tolist() == list(range(10)) * 2


# Files that do not fit together: (what is written, what the sentence must say).


def grey(*shape):
    return np.zeros(shape, np.uint8)


def digits(count, *changes):
    labels = np.arange(count) % 10
    for index, label in changes:
        labels[index] = label
    return labels.astype(np.int32)


MISFITS = {
    "fewer labels": ({TRAIN_LABELS: digits(59)}, "60 images but .*train-labels.* 59 labels"),
    "more labels": ({TEST_LABELS: digits(21)}, "20 images but .*t10k-labels.* 21 labels"),
    "colours": ({TRAIN_IMAGES: grey(60, 28, 28, 3)}, "60 × 28 × 28 × 3 values .* not grey images"),
    "rows": ({TRAIN_IMAGES: grey(60, 784)}, "60 × 784 values of type uint8, not grey images"),
    "floats": ({TEST_IMAGES: np.zeros((20, 28, 28), "f4")}, "t10k-images.*type float32, not grey"),
    "one-hot": ({TRAIN_LABELS: grey(60, 10)}, "60 × 10 values of type uint8, not labels"),
    "real labels": ({TEST_LABELS: np.zeros(20, "f8")}, "type float64, not labels"),
    "sizes": ({TEST_IMAGES: grey(20, 27, 28)}, r"28 × 28 pixels but .*t10k-images.* of 27 × 28;"),
    "no train": ({TRAIN_IMAGES: grey(0, 28, 28), TRAIN_LABELS: digits(0)}, "train.* no images"),
    "no test": ({TEST_IMAGES: grey(0, 28, 28), TEST_LABELS: digits(0)}, "t10k.* no images"),
    "no pixels": ({TRAIN_IMAGES: grey(60, 0, 28)}, "no images or no pixels"),
    "one class": ({TRAIN_LABELS: np.full(60, 3, np.uint8)}, "has the label 3 only"),
    "one image": (
        {TRAIN_IMAGES: grey(1, 28, 28), TRAIN_LABELS: digits(1)},
        "has the label 0 only",
    ),
    "gap": (
        {TRAIN_LABELS: np.where(digits(60) == 4, 5, digits(60)).astype(np.uint8)},
        "train-labels.* label 9 at index 9 is the first.* 9 different values.* 0 to 8 without",
    ),
    "outlier": ({TRAIN_LABELS: digits(60, (33, 200))}, "label 200 at index 33 .* 11 different"),
    "negative": ({TRAIN_LABELS: digits(60, (7, -1), (9, -2))}, "label -1 at index 7 "),
    "from one": ({TRAIN_LABELS: digits(60) + 1}, "label 10 at index 9 .* 0 to 9 without a gap"),
    "test label": ({TEST_LABELS: digits(20, (4, 10))}, "t10k-labels.* label 10 at index 4 "),
    "swapped": ({TRAIN_IMAGES: digits(60)}, "train-images.* 60 values of type int32, not grey"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_files_that_do_not_fit_are_refused_with_a_sentence(tmp_path, case):
    files, expected = MISFITS[case]
    write_data_set(tmp_path)
    for name, array in files.items():
        write_idx(tmp_path / name, array)
    with pytest.raises(DataError, match=expected) as error:
        load_data(tmp_path)
    assert str(tmp_path) in sentence_of(error)


def test_a_missing_file_is_named_with_its_folder(tmp_path):
    write_data_set(tmp_path)
    (tmp_path / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"the data folder {tmp_path} has no {TEST_LABELS};"):
        load_data(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for folder in ("nowhere", "file", "loop", "file/inside"):
        with pytest.raises(DataError, match=f"{folder} does not exist or is not a folder;"):
            load_data(tmp_path / folder)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(tmp_path / ("long" * 100))
    assert not (tmp_path / "nowhere").exists()


# The IDX reader on good files.


@settings(deadline=None, max_examples=150)
@given(values=st.data(), gzipped=st.booleans())
def test_any_array_comes_back_as_it_was_written(scratch, values, gzipped):
    dtype = values.draw(st.sampled_from(sorted(TYPE_BYTES)))
    shape = values.draw(numpy_st.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
    array = values.draw(numpy_st.arrays(dtype, shape))
    content = idx_bytes(array)
    scratch.write_bytes(gzip.compress(content) if gzipped else content)
    result = read_idx(scratch)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()


def test_values_are_big_endian(tmp_path):
    path = tmp_path / "values"
    path.write_bytes(bytes([0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 1, 2, 255, 255, 255, 254]))
    assert read_idx(path).tolist() == [258, -2]


def test_the_content_tells_gzip_not_the_name(tmp_path):
    (tmp_path / "plain.gz").write_bytes(idx_bytes(SMALL_IMAGES))
    (tmp_path / "packed").write_bytes(gzip.compress(idx_bytes(SMALL_IMAGES)))
    (tmp_path / "link").symlink_to("packed")
    for name in ("plain.gz", "packed", "link"):
        assert np.array_equal(read_idx(str(tmp_path / name)), SMALL_IMAGES)


def test_gzip_in_several_members_is_one_content(tmp_path):
    content = idx_bytes(SMALL_IMAGES)
    (tmp_path / "x").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
    assert np.array_equal(read_idx(tmp_path / "x"), SMALL_IMAGES)


# The IDX reader on bad files.


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch") / "file"


IMAGES_HEADER = idx_header(0x08, (3, 4, 5))
ZIP_OF_NAUGHT = gzip.compress(idx_bytes(SMALL_IMAGES))
BAD_CONTENTS = {
    "empty": (b"", "is empty"),
    "web page": (b"<!DOCTYPE html><html>", r"begins with b'<!DO' .*\(a web page\?\)"),
    "gzipped web page": (gzip.compress(b"\n<html>"), r"begins with b'\\n<ht' .*\(a web page\?\)"),
    "wrong magic": (b"\x93NUMPY", "is not an IDX file: it begins with"),
    "packed twice": (gzip.compress(ZIP_OF_NAUGHT), r"begins with b'\\x1f"),
    "wrong type": (idx_header(0x0A, (1,)) + b"1", "type byte is 0x0A, not one of 0x08, "),
    "no dimension": (idx_header(0x08, ()) + b"1", "announces 0 dimensions"),
    "many dimensions": (idx_header(0x08, (1,) * 33) + b"1", "33 dimensions, where 1 to 32"),
    "short header": (IMAGES_HEADER[:13], "cut short: it ends after 13 bytes, in its header"),
    "lying header": (IMAGES_HEADER[:3] + b"\xff" + bytes(16), "announces 255 dimensions"),
    "short values": (idx_bytes(SMALL_IMAGES)[:-1], "announces 60 bytes .* it has 59"),
    "long values": (idx_bytes(SMALL_IMAGES) + b"\0", "is too long: .* the 60 bytes announced"),
    "short gzip": (ZIP_OF_NAUGHT[:-9], "is cut short: its gzip data have no end"),
    "trailing bytes": (ZIP_OF_NAUGHT + b"more", "is damaged: its gzip data"),
    "gzip checksum": (
        ZIP_OF_NAUGHT[:-8] + bytes([ZIP_OF_NAUGHT[-8] ^ 1]) + ZIP_OF_NAUGHT[-7:],
        "is damaged: its gzip data .*CRC",
    ),
    "gzip content": (ZIP_OF_NAUGHT[:10] + b"\xff" * 40, "is damaged: its gzip data"),
    "huge": (idx_header(0x08, (0xFFFFFFFF,) * 3), "4,294,967,295 × .* more than the 2,147,483,648"),
    "huge doubles": (idx_header(0x0E, (2**28 + 1,)), "268,435,457 values, more than"),
    "huge but for a zero": (idx_header(0x08, (0, 2**31, 2**31, 2**31)), "more than the"),
    "large": (idx_header(0x08, (2**31,)), "announces 2,147,483,648 bytes .* it has 0"),
}


@pytest.mark.parametrize("case", BAD_CONTENTS)
def test_bad_content_is_refused_with_a_sentence(tmp_path, case):
    content, expected = BAD_CONTENTS[case]
    path = tmp_path / "values.gz"
    path.write_bytes(content)
    with memory_below(4 * MEGABYTE), pytest.raises(DataError, match=expected) as error:
        read_idx(path)
    assert sentence_of(error).startswith(str(path))
    assert "put an intact IDX file in its place" in sentence_of(error)


@pytest.mark.parametrize("gzipped", [False, True])
def test_every_truncation_is_refused(scratch, gzipped):
    content = gzip.compress(idx_bytes(SMALL_IMAGES)) if gzipped else idx_bytes(SMALL_IMAGES)
    for length in range(len(content)):
        scratch.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut short|is empty|begins with b'.x1f' "):
            read_idx(scratch)


def test_the_header_is_read_in_full_in_every_truncation_of_a_deep_array(scratch):
    content = idx_bytes(np.zeros((1,) * 32, np.uint8))
    for length in range(len(content)):
        scratch.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"cut short|is empty"):
            read_idx(scratch)
    scratch.write_bytes(content)
    assert read_idx(scratch).shape == (1,) * 32


def gzip_bomb(header, megabytes):
    """A header and then so many zeros: gzip packs a thousand of them into one byte."""
    return gzip.compress(header) + gzip.compress(bytes(16 * MEGABYTE)) * (megabytes // 16)


def test_a_gzip_bomb_is_left_alone_after_one_byte_too_many(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip_bomb(IMAGES_HEADER, 4096))
    start = time.perf_counter()
    with memory_below(4 * MEGABYTE), pytest.raises(DataError, match="is too long"):
        read_idx(path)
    assert time.perf_counter() - start < 1


def test_memory_follows_the_content_and_not_the_header(tmp_path):
    path = tmp_path / "announces 2 GiB.gz"
    path.write_bytes(gzip_bomb(idx_header(0x08, (2**31,)), 32))
    limit = 32 * MEGABYTE * 9 // 8 + 4 * MEGABYTE
    with memory_below(limit), pytest.raises(DataError, match="it has 33,554,432"):
        read_idx(path)


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to pipe").symlink_to("pipe")
    (tmp_path / "to zeros").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "to pipe", "to zeros"):
        with pytest.raises(DataError, match=f"{name} is a folder or a device, not a file;"):
            read_idx(tmp_path / name)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("nowhere", "dangling", "loop", "nul\0byte", "half \ud800 pair"):
        with pytest.raises(DataError, match="does not exist"):
            read_idx(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / ("long" * 100))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write_idx(tmp_path / "secret", SMALL_IMAGES)
    path.chmod(0)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_idx(path)


@contextmanager
def no_longer_than(seconds):
    """Fail if the block hangs."""

    def give_up(*_):
        raise AssertionError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_hostile(path, content, limit=4 * MEGABYTE):
    """Read bytes as a file: "array" or "refused"; another exception, a hang, much memory: a bug."""
    path.unlink(missing_ok=True)  # some file systems wait for the disk if a file is written over
    path.write_bytes(content)
    with no_longer_than(10), memory_below(limit):
        try:
            return "array" if isinstance(read_idx(path), np.ndarray) else "neither"
        except DataError:
            return "refused"


sizes = st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**32 - 1]))
headers = st.builds(
    idx_header,
    st.one_of(st.sampled_from(sorted(TYPE_BYTES.values())), st.integers(0, 255)),
    st.lists(sizes, max_size=6),
    st.one_of(st.none(), st.integers(0, 255)),
)
hostile_contents = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda head, tail: head + tail, headers, st.binary(max_size=200)),
    st.builds(
        lambda content, tail: gzip.compress(content, mtime=0) + tail,
        st.builds(lambda head, tail: head + tail, headers, st.binary(max_size=200)),
        st.one_of(st.just(b""), st.binary(max_size=20)),
    ),
    st.builds(lambda tail: b"\x1f\x8b\x08" + tail, st.binary(max_size=200)),
)


@settings(deadline=None, max_examples=700)
@given(content=hostile_contents)
def test_any_bytes_give_an_array_or_a_sentence(scratch, content):
    assert read_hostile(scratch, content) != "neither"


def mutate(content, chance):
    """Damage a file as disks, networks and enemies do."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        # Half of the damage goes to the front, where the headers are.
        end = len(damaged) if chance.random() < 0.5 else min(len(damaged), 32)
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


@lru_cache
def contents_to_damage():
    """Real files, files of every type, and gzip bombs, each with its bound on memory in bytes."""
    labels = (MNIST / TEST_LABELS).read_bytes()
    plain = [gzip.decompress(labels), idx_bytes(SMALL_IMAGES)]
    plain += [idx_bytes(np.arange(24).reshape(2, 3, 4).astype(dtype)) for dtype in TYPE_BYTES]
    plain += [bytes(idx_header(0x08, (2**32 - 1, 28, 28))) + bytes(100)]
    packed = [labels] + [gzip.compress(content) for content in plain[1:]]
    bound = 4 * MEGABYTE
    bombs = [gzip_bomb(IMAGES_HEADER, 32), gzip_bomb(idx_header(0x08, (2**31,)), 16)]
    bombs += [gzip.compress(idx_header(0x0C, (5,)) + bytes(8 * MEGABYTE))]
    # If the damage makes the header announce more, the zeros of a bomb are an honest content.
    return [(content, bound) for content in plain + packed] * 20 + [
        (content, 32 * MEGABYTE * 9 // 8 + bound) for content in bombs
    ]


def try_mutations(path, count, seed):
    chance = random.Random(seed)
    originals = contents_to_damage()
    results = Counter()
    for _ in range(count):
        content, limit = chance.choice(originals)
        results[read_hostile(path, mutate(content, chance), limit)] += 1
    return results


def test_damaged_files_give_an_array_or_a_sentence(scratch):
    results = try_mutations(scratch, 2_000, seed=0)
    assert results["refused"] > results["array"] > 0
    assert results["refused"] + results["array"] == 2_000


@pytest.mark.slow
def test_100_000_hostile_files_give_an_array_or_a_sentence(tmp_path):
    """No other exception, memory within the bound, and none takes longer than ten seconds."""
    path = tmp_path / "file"
    results = Counter()

    @settings(deadline=None, max_examples=20_000, database=None, derandomize=True)
    @given(hostile_contents)
    def try_one(content):
        results[read_hostile(path, content)] += 1

    try_one()
    for name, make in (
        ("folder", Path.mkdir),
        ("pipe", os.mkfifo),
        ("loop", lambda path: path.symlink_to(path)),
        ("dangling", lambda path: path.symlink_to(path.with_name("nowhere"))),
        ("device", lambda path: path.symlink_to("/dev/zero")),
    ):
        make(tmp_path / name)
        with no_longer_than(10), pytest.raises(DataError):
            read_idx(tmp_path / name)
        results["refused"] += 1
    seed = 0
    while (tried := results.total()) < 100_000:
        results += try_mutations(path, min(1_000, 100_000 - tried), seed)
        seed += 1
    print(dict(results))
    assert results["array"] + results["refused"] == 100_000


# The download, from a real server that misbehaves as real ones do.

GOOD_BYTES = (MNIST / TEST_LABELS).read_bytes()
OTHER_LABELS = gzip.compress(idx_bytes(digits(10_000).astype(np.uint8)))


class Mirror(BaseHTTPRequestHandler):
    """/good/NAME sends the file; the other first folders name a way to misbehave."""

    def do_GET(self):
        _, behaviour, name = self.path.split("/", 2)
        getattr(self, behaviour.replace("-", "_"), self.status)(name)

    def log_message(self, *_):
        pass

    def send(self, body, length=None, status=200, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def good(self, name):
        self.send((MNIST / name).read_bytes())

    def without_length(self, name):
        self.send((MNIST / name).read_bytes(), length="none")

    def status(self, _):
        self.send(b"<html>no</html>", status=int(self.path.split("/")[1]))

    def html(self, _):
        self.send(b"<!DOCTYPE html><html><body>Please log in.</body></html>")

    def empty(self, _):
        self.send(b"")

    def cut(self, _):
        self.send(GOOD_BYTES[:2_000])

    def cut_early(self, _):
        self.send(GOOD_BYTES[:2_000], length=len(GOOD_BYTES))

    def cut_chunk(self, _):
        self.protocol_version = "HTTP/1.1"
        self.send(b"fff\r\n" + GOOD_BYTES[:2_000], "none", **{"Transfer-Encoding": "chunked"})
        self.close_connection = True

    def flipped(self, _):
        self.send(GOOD_BYTES[:3_000] + bytes([GOOD_BYTES[3_000] ^ 4]) + GOOD_BYTES[3_001:])

    def wrong(self, _):
        self.send(OTHER_LABELS)

    def trailing(self, _):
        self.send(GOOD_BYTES + b"<!-- served by a proxy -->")

    def endless(self, _):
        self.send(b"", length="none")
        self.fill(bytes(MEGABYTE))

    def endless_gzip(self, _):
        self.send(b"", length="none")
        self.fill(gzip.compress(b""))

    def fill(self, block):
        try:
            while True:
                self.wfile.write(block)
        except OSError:
            self.server.hung_up.set()

    def drops(self, _):
        self.send(b"", length=len(GOOD_BYTES))
        try:
            for byte in GOOD_BYTES:
                self.wfile.write(bytes([byte]))
                if self.server.closing.wait(0.05):
                    return
        except OSError:
            self.server.hung_up.set()

    def silent(self, _):
        self.server.closing.wait(30)

    def stalled(self, _):
        self.send(GOOD_BYTES[:2_000], length=len(GOOD_BYTES))
        self.server.stalled.set()
        self.server.closing.wait(30)

    def escape_codes(self, _):
        self.wfile.write(
            b"HTTP/1.0 500 \x1b[2J\x1b[31mformat your disk" + b"!" * 60_000 + b"\r\n\r\n"
        )

    def hang_up(self, _):
        self.close_connection = True

    def no_http(self, _):
        self.wfile.write(b"220 mail.example.org ready\r\n")

    def redirect(self, name):
        self.send(b"", status=302, Location=f"/good/{name}")

    def redirect_in_a_circle(self, name):
        self.send(b"", status=302, Location=self.path)

    def redirect_to_ftp(self, name):
        self.send(b"", status=302, Location=f"ftp://127.0.0.1/{name}")

    def redirect_to_disk(self, name):
        self.send(b"", status=302, Location=(MNIST / name).as_uri())

    def redirect_to_nonsense(self, _):
        self.send(b"", status=302, Location="http://[::1/")

    def redirect_to_plain_http(self, name):
        self.send(b"", status=302, Location=f"{self.server.plain_url}/good/{name}")


@contextmanager
def serving(certificate=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.closing, server.hung_up, server.stalled = (threading.Event() for _ in range(3))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    server.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        yield server


MISBEHAVIOURS = {
    "403": "answers 403 Forbidden",
    "404": "answers 404 Not Found",
    "escape-codes": r"answers 500 \[2J \[31mformat your disk!{9,300}\. Connect",
    "500": "answers 500 Internal Server Error",
    "204": "is empty",
    "html": r"is not an IDX file: .*\(a web page\?\)",
    "empty": "is empty",
    "cut": "cut short: its gzip data have no end",
    "cut-early": "cut short: its gzip data have no end",
    "cut-chunk": "cannot be read",
    "flipped": "is damaged: its gzip data|SHA-256",
    "wrong": "is not the file of MNIST: its SHA-256 is [0-9a-f]{64}, not ff7bcfd4",
    "trailing": "is damaged: its gzip data",
    "endless": "sends more than 16,777,216 bytes",
    "endless-gzip": "sends more than 16,777,216 bytes|takes more than 0.5 seconds",
    "drops": "takes more than 0.5 seconds",
    "silent": r"cannot be read \(timed out\)",
    "stalled": r"cannot be read \(timed out\)",
    "hang-up": "cannot be read .*closed connection without response",
    "no-http": "cannot be read .*220 mail.example.org",
    "redirect-in-a-circle": "answers 302 .*infinite loop",
    "redirect-to-ftp": "answers 302 Found, a redirect to ftp:.* because it is not https",
    "redirect-to-disk": "answers 302 .* not allowed",
    "redirect-to-nonsense": "cannot be read",
}


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_a_bad_mirror_is_passed_over_and_nothing_of_it_kept(
    server, tmp_path, monkeypatch, behaviour
):
    if behaviour in ("silent", "stalled"):
        monkeypatch.setattr(data, "STALL_SECONDS", 0.5)
    if behaviour in ("drops", "endless-gzip"):
        monkeypatch.setattr(data, "MAX_DOWNLOAD_SECONDS", 0.5)
    folder = tmp_path / "new" / "folder"
    bad, good = f"{server.url}/{behaviour}/", f"{server.url}/good/"
    with pytest.raises(DataError, match=MISBEHAVIOURS[behaviour]) as error:
        fetch(TEST_LABELS, folder, [bad])
    message = sentence_of(error)
    assert f"cannot download {TEST_LABELS}: {bad}{TEST_LABELS} " in message
    assert f"place {', '.join(data.CHECKSUMS)} in {folder} yourself" in message
    assert list(folder.iterdir()) == []

    assert fetch(TEST_LABELS, folder, [bad, good]) == folder / TEST_LABELS
    assert [path.name for path in folder.iterdir()] == [TEST_LABELS]
    assert (folder / TEST_LABELS).read_bytes() == GOOD_BYTES


@pytest.mark.parametrize("behaviour", ["good", "without-length", "redirect"])
def test_a_good_mirror_is_used_in_silence_where_nobody_watches(server, tmp_path, capfd, behaviour):
    path = fetch(TEST_LABELS, tmp_path, [f"{server.url}/{behaviour}/"])
    assert path.read_bytes() == GOOD_BYTES
    assert capfd.readouterr() == ("", "")


def test_an_endless_sender_is_hung_up_on(server, tmp_path):
    with pytest.raises(DataError, match="sends more than"):
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/endless/"])
    assert server.hung_up.wait(5)


def test_no_server_at_all(tmp_path):
    with serving() as server:
        pass
    with pytest.raises(DataError, match="Connection refused") as error:
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/good/", f"{server.url}/good2/"])
    assert "/good/" in sentence_of(error)
    assert "/good2/" in sentence_of(error)
    with pytest.raises(DataError, match="no mirror is known"):
        fetch(TEST_LABELS, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_no_host_of_that_name(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError, match="cannot be read"):
        fetch(TEST_LABELS, tmp_path, ["https://mirror.invalid/"])


def test_what_was_there_stays_if_the_download_fails(server, tmp_path):
    (tmp_path / TEST_LABELS).write_bytes(b"old")
    with pytest.raises(DataError):
        fetch(TEST_LABELS, tmp_path, [f"{server.url}/wrong/"])
    assert (tmp_path / TEST_LABELS).read_bytes() == b"old"


def test_a_full_disk_is_not_blamed_on_the_mirror(server, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(UserError, match=os.strerror(errno.EFBIG)) as error:
            fetch(TEST_LABELS, tmp_path, [f"{server.url}/good/"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value).startswith(f"cannot write {tmp_path / TEST_LABELS}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        [*command.split(), "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", "cert.pem"],
        cwd=path.parent,
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (path.parent / "cert.pem").read_bytes())
    return path


def test_a_redirect_from_https_stays_on_https(server, certificate, tmp_path, monkeypatch):
    with serving(certificate) as secure:
        secure.plain_url = server.url
        with pytest.raises(DataError, match="certificate verify failed"):
            fetch(TEST_LABELS, tmp_path, [f"{secure.url}/good/"])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(DataError, match=r"redirect to http://127\.0.* that is refused"):
            fetch(TEST_LABELS, tmp_path, [f"{secure.url}/redirect-to-plain-http/"])
        assert list(tmp_path.iterdir()) == []
        assert fetch(TEST_LABELS, tmp_path, [f"{secure.url}/redirect/"]).exists()


@pytest.mark.parametrize(
    ("old", "new", "is_followed"),
    [
        ("https://a.org/x", "https://b.org/x", True),
        ("https://a.org/x", "HTTPS://b.org/x", True),
        ("http://a.org/x", "https://b.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "ftp://a.org/x", False),
        ("http://a.org/x", "ftp://a.org/x", False),
    ],
)
def test_which_redirects_are_followed(old, new, is_followed):
    request = urllib.request.Request(old)
    arguments = (request, None, 302, "Found", {}, new)
    if is_followed:
        assert data._HttpsStaysHttps().redirect_request(*arguments).full_url == new
    else:
        with pytest.raises(urllib.error.HTTPError, match="refused"):
            data._HttpsStaysHttps().redirect_request(*arguments)


def test_mirrors_are_asked_over_https():
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in data.MIRRORS)


FETCH = "import sys; from common.data import fetch; fetch(sys.argv[1], sys.argv[2], sys.argv[3:])"


def test_ctrl_c_during_the_download_leaves_nothing(server, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, TEST_LABELS, tmp_path, f"{server.url}/stalled/"],
        cwd=REPOSITORY,
        env={**WITHOUT_TENSORFLOW, "no_proxy": "*"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stalled.wait(20)
    assert len(list(tmp_path.iterdir())) == 1  # the temporary file
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1].strip() == "Interrupted."
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_sees_a_progress_bar(server, tmp_path):
    here, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # 100 columns
    command = [sys.executable, "-c", FETCH, TEST_LABELS, tmp_path, f"{server.url}/good/"]
    environment = {**WITHOUT_TENSORFLOW, "no_proxy": "*"}
    subprocess.run(command, cwd=REPOSITORY, env=environment, stderr=there, check=True)
    os.close(there)
    shown = b""
    with os.fdopen(here, "rb", buffering=0) as terminal, suppress(OSError):  # its end is an error
        while chunk := terminal.read(1_000):
            shown += chunk
    assert f"{TEST_LABELS}: 100%" in shown.decode()


@pytest.fixture
def default_folder(tmp_path, monkeypatch):
    """A copy of data/MNIST that load_data takes for the default folder."""
    folder = tmp_path / "MNIST"
    shutil.copytree(MNIST, folder)
    monkeypatch.setattr(data, "DEFAULT_DATA_DIR", folder)
    return folder


def test_what_is_missing_from_the_default_folder_is_downloaded(
    default_folder, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(data, "MIRRORS", (f"{server.url}/html/", f"{server.url}/good/"))
    (default_folder / TEST_LABELS).unlink()
    (default_folder / TRAIN_LABELS).unlink()
    (tmp_path / "link").symlink_to(default_folder)
    assert len(load_data(tmp_path / "link").train) == 55_000
    assert sorted(path.name for path in default_folder.iterdir()) == sorted(data.CHECKSUMS)


def test_a_whole_missing_folder_is_downloaded(default_folder, server, monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", (f"{server.url}/good/",))
    shutil.rmtree(default_folder)
    assert len(load_data(default_folder).validation) == 5_000


def test_no_mirror_for_the_default_folder_says_what_to_place_there(default_folder, monkeypatch):
    monkeypatch.setattr(data, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("no_proxy", "*")
    (default_folder / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"place {TEST_LABELS} in {default_folder} yourself"):
        load_data(default_folder)


def test_only_the_default_folder_must_hold_mnist_itself(default_folder, tmp_path):
    (default_folder / TEST_LABELS).write_bytes(OTHER_LABELS)
    with pytest.raises(DataError, match=r"is not the file of MNIST.*; delete it and run"):
        load_data(default_folder)
    shutil.copytree(default_folder, tmp_path / "other")
    assert load_data(tmp_path / "other").test.labels[:3].tolist() == [0, 1, 2]


def test_a_damaged_file_in_the_default_folder_says_delete_it(default_folder):
    path = default_folder / TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{path} is cut short: .*; delete it and run again"):
        load_data(default_folder)


def test_uncompressed_files_in_the_default_folder_are_verified_too(default_folder):
    content = gzip.decompress((default_folder / TEST_LABELS).read_bytes())
    (default_folder / TEST_LABELS).unlink()
    path = default_folder / "t10k-labels.idx1-ubyte"
    path.write_bytes(content)
    assert load_data(default_folder).test.labels[0] == 7
    path.write_bytes(content[:-1] + b"\0")
    with pytest.raises(DataError, match="is not the file of MNIST"):
        load_data(default_folder)


# Mini-batches.

some_examples = st.integers(1, 200)
some_batch_size = st.integers(1, 250)
some_seed = st.integers(0, 2**32)


@given(some_examples, some_batch_size, some_seed, st.integers(0, 5))
def test_every_example_stands_once_in_an_epoch(num_examples, batch_size, seed, epoch):
    steps = data.steps_per_epoch(num_examples, batch_size)
    batches = [
        mini_batch_indices(num_examples, batch_size, seed, step)
        for step in range(epoch * steps, (epoch + 1) * steps)
    ]
    assert sorted(np.concatenate(batches).tolist()) == list(range(num_examples))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) == num_examples - batch_size * (steps - 1)


@given(some_examples, some_batch_size, some_seed, st.lists(st.integers(0, 300), max_size=10))
def test_a_mini_batch_depends_on_seed_and_step_only(num_examples, batch_size, seed, steps):
    def batch(step):
        return mini_batch_indices(num_examples, batch_size, seed, step).tolist()

    forth = {step: batch(step) for step in steps}
    data._order_of_epoch.cache_clear()
    assert {step: batch(step) for step in reversed(steps)} == forth


def test_seeds_and_epochs_differ():
    orders = {
        tuple(mini_batch_indices(100, 100, seed, epoch))
        for seed in range(20)
        for epoch in range(20)
    }
    assert len(orders) == 400
    assert tuple(range(100)) not in orders


def test_the_order_is_the_one_of_the_recorded_results():
    """If a new NumPy shuffles differently, the numbers in the README must be made anew."""
    assert mini_batch_indices(55_000, 4, seed=0, step=0).tolist() == [42515, 13075, 39798, 29444]
    assert mini_batch_indices(55_000, 4, seed=1, step=13_750).tolist() == [
        17495,
        25109,
        25830,
        29469,
    ]


def test_steps_per_epoch_rounds_up():
    assert data.steps_per_epoch(55_000, 64) == 860
    assert data.steps_per_epoch(55_000, 100) == 550
    assert data.steps_per_epoch(10, 64) == 1


def test_a_batch_larger_than_the_set_is_the_whole_set():
    assert sorted(mini_batch_indices(10, 64, 0, 7)) == list(range(10))


def test_the_order_is_made_once_per_epoch_and_cannot_be_changed():
    data._order_of_epoch.cache_clear()
    for step in range(1_000):
        batch = mini_batch_indices(1_000, 10, 3, step)
    assert data._order_of_epoch.cache_info().misses == 10
    with pytest.raises(ValueError, match="read-only"):
        batch[0] = 0
