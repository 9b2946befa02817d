"""common/data.py: the splits, the folders they come from, and the mini-batches."""

import gzip
import hashlib
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from common import data
from common.data import DataError, TrainSizeError, load_data, mini_batch_indices
from common.datasets.download import CHECKSUMS, fetch
from common.datasets.idx import read_idx

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idx_files import (
    MEGABYTE,
    MNIST,
    REPOSITORY,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    WITHOUT_TENSORFLOW,
    memory_below,
    sentence_of,
    write_data_set,
    write_idx,
)

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


def test_mnist_takes_no_memory_twice():
    content = 60_000 * 784 + 10_000 * 784
    with memory_below(content * 9 // 8 + 4 * MEGABYTE, expect_reached=content):
        load_data()


def test_train_size_takes_the_first_examples_and_leaves_the_other_splits(mnist):
    small = load_data(train_size=1_000)
    assert np.array_equal(small.train.images, mnist.train.images[:1_000])
    assert np.array_equal(small.train.labels, mnist.train.labels[:1_000])
    assert (len(small.validation), len(small.test)) == (5_000, 10_000)


@pytest.mark.parametrize("train_size", [5_501, 0, -1])
def test_train_size_out_of_range_says_how_many_there_are(tmp_path, train_size):
    write_data_set(tmp_path, num_train=6_000, image_shape=(1, 1))
    assert len(load_data(tmp_path, train_size=5_500).train) == 5_500
    with pytest.raises(TrainSizeError, match=r"from 1 to 5,500, not .* 500 for validation"):
        load_data(tmp_path, train_size)
    assert TrainSizeError.exit_status == 2  # wrong usage; all other errors here are 1
    assert DataError.exit_status == 1


def test_the_fingerprint_is_of_all_that_training_sees_and_of_nothing_else(tmp_path):
    sets = load_data(write_data_set(tmp_path))
    assert load_data(tmp_path).fingerprint() == sets.fingerprint()

    def changed(split, field):
        array = getattr(getattr(sets, split), field).copy()
        array.flat[-1] ^= 1
        return replace(sets, **{split: replace(getattr(sets, split), **{field: array})})

    assert changed("train", "images").fingerprint() != sets.fingerprint()
    assert changed("train", "labels").fingerprint() != sets.fingerprint()
    assert changed("validation", "images").fingerprint() != sets.fingerprint()
    assert changed("validation", "labels").fingerprint() != sets.fingerprint()
    assert changed("test", "labels").fingerprint() == sets.fingerprint()


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


# The default folder, where a file must have its checksum and a missing one is downloaded. A small
# data set stands in for MNIST.


@pytest.fixture
def default_folder(tmp_path, monkeypatch):
    """A folder that load_data takes for the default one, intact."""
    folder = write_data_set(tmp_path / "MNIST")
    for name in CHECKSUMS:
        content = gzip.decompress((folder / name).read_bytes())
        monkeypatch.setitem(CHECKSUMS, name, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(data, "DEFAULT_DATA_DIR", folder)
    return folder


class Mirror(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirrors(default_folder, tmp_path, monkeypatch):
    """Two mirrors in the place of the real ones: the first has web pages, the second the files."""
    shutil.copytree(default_folder, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    for name in CHECKSUMS:
        (tmp_path / "bad" / name).write_text("<!DOCTYPE html><html>")
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(data, "fetch", partial(fetch, mirrors=[f"{url}/bad/", f"{url}/good/"]))
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("mirrors")
def test_what_is_missing_from_the_default_folder_is_downloaded(default_folder, tmp_path):
    (default_folder / TEST_LABELS).unlink()
    (default_folder / TRAIN_LABELS).unlink()
    (tmp_path / "link").symlink_to(default_folder)
    assert len(load_data(tmp_path / "link").train) == 55
    assert sorted(path.name for path in default_folder.iterdir()) == sorted(CHECKSUMS)


@pytest.mark.usefixtures("mirrors")
def test_a_whole_missing_folder_is_downloaded(default_folder):
    shutil.rmtree(default_folder)
    assert len(load_data(default_folder).validation) == 5


@pytest.mark.usefixtures("mirrors")
def test_nothing_is_downloaded_into_another_folder(default_folder, tmp_path):
    other = shutil.copytree(default_folder, tmp_path / "other")
    (other / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"has no {TEST_LABELS}; choose one with --data-dir"):
        load_data(other)


def test_no_mirror_for_the_default_folder_says_what_to_place_there(default_folder, monkeypatch):
    monkeypatch.setattr(data, "fetch", partial(fetch, mirrors=["http://127.0.0.1:9/"]))
    monkeypatch.setenv("no_proxy", "*")
    (default_folder / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"place {TEST_LABELS} in {default_folder} yourself"):
        load_data(default_folder)


def test_only_the_default_folder_must_hold_mnist_itself(default_folder, tmp_path):
    write_idx(default_folder / TEST_LABELS, digits(20))
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
    assert load_data(default_folder).test.labels.tolist() == list(content[8:])
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="is not the file of MNIST"):
        load_data(default_folder)


# Mini-batches.

some_examples = st.integers(1, 200)
some_batch_size = st.integers(1, 250)
some_seed = st.integers(0, 2**32)


@settings(deadline=None, max_examples=50)
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


@settings(deadline=None, max_examples=50)
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


def test_a_batch_has_each_image_with_its_label():
    split = data.Split(np.arange(12, dtype=np.uint8).reshape(4, 3), np.arange(4, dtype=np.int32))
    images, labels = split.take(np.array([3, 0]))
    assert images.tolist() == [[9, 10, 11], [0, 1, 2]]
    assert labels.tolist() == [3, 0]


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
