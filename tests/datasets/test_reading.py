"""common/datasets/reading.py: folders with IDX files, the default folder and its downloads."""

import gzip
import hashlib
import os
import pickle
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from common import data
from common.data import DataError, load_data
from common.datasets import reading
from common.datasets.download import CHECKSUMS, fetch
from common.datasets.idx import read_idx

import numpy as np
import pytest
from idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    sentence_of,
    write_data_set,
    write_idx,
)


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
    "channels": ({TRAIN_IMAGES: grey(60, 28, 28, 2)}, "60 × 28 × 28 × 2 values .* not grey images"),
    "rows": ({TRAIN_IMAGES: grey(60, 783)}, "60 × 783 values of type uint8, not grey images"),
    "black": ({TEST_IMAGES: np.zeros((20, 28, 28), "f4")}, "all pixels of .*t10k-images.* are 0"),
    "one-hot": ({TRAIN_LABELS: grey(60, 10)}, "60 × 10 values of type uint8, not labels"),
    "real labels": ({TEST_LABELS: np.full(20, 0.5)}, "type float64, not labels"),
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
    "from one": ({TRAIN_LABELS: digits(60) + 1}, "t10k-labels.* label 0 at .* 1 to 10; train with"),
    "gap of test": (
        {TRAIN_LABELS: digits(60) // 5 * 5},
        "without a gap. Label 4, which .*t10k-labels.* at index 0,",
    ),
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
    for folder in ("nowhere", "loop", "file/inside"):
        with pytest.raises(DataError, match=f"{folder} does not exist or is not a folder;"):
            load_data(tmp_path / folder)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(tmp_path / ("long" * 100))
    assert not (tmp_path / "nowhere").exists()


def test_an_existing_file_of_another_kind_is_not_called_missing(tmp_path):
    for name in ("train.mat", "data.h5", "notes.txt"):
        (tmp_path / name).write_bytes(b"anything")
        with pytest.raises(DataError, match=f"{name} is a file of a kind that is not read;"):
            load_data(tmp_path / name)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("name", ["mnist.pkl.gz", "data_batch_1", "folder/mnist.pkl.gz"])
def test_a_pickle_is_never_opened(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    content = pickle.dumps(Evil())
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    source = path.parent if "/" in name else path
    with pytest.raises(DataError, match=f"{path} is a pickle.*never read.*numpy.savez") as error:
        load_data(source)
    sentence_of(error)
    assert not (tmp_path / "unpickled").exists()


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
        monkeypatch.setattr(
            reading, "fetch", partial(fetch, mirrors=[f"{url}/bad/", f"{url}/good/"])
        )
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
    monkeypatch.setattr(reading, "fetch", partial(fetch, mirrors=["http://127.0.0.1:9/"]))
    monkeypatch.setenv("no_proxy", "*")
    (default_folder / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"place {TEST_LABELS} in {default_folder} yourself"):
        load_data(default_folder)


def test_only_the_default_folder_must_hold_mnist_itself(default_folder, tmp_path):
    write_idx(default_folder / TEST_LABELS, digits(20))
    with pytest.raises(DataError, match=r"is not the file of MNIST.*; .* delete it and run"):
        load_data(default_folder)
    shutil.copytree(default_folder, tmp_path / "other")
    assert load_data(tmp_path / "other").test.labels[:3].tolist() == [0, 1, 2]


def test_a_damaged_file_in_the_default_folder_says_delete_it(default_folder):
    path = default_folder / TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{path} is cut short: .*; .* delete it and run again"):
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
