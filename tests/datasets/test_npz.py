"""common/datasets/npz.py: .npz files as data sets, good and bad."""

import io
import os
import pickle
import re
import warnings
import zipfile
from contextlib import suppress

from common.data import DataError, load_data
from common.datasets.idx import read_idx
from common.datasets.npz import read_npz

import numpy as np
import pytest
import shell
from idx_files import MNIST, TEST_IMAGES, TEST_LABELS, memory_below, sentence_of
from PIL import Image
from shapes import NAMES, draw


def npz(path, **changes):
    arrays = {
        "x_train": np.stack([draw(NAMES[k % 2], 12, k % 3) for k in range(24)]),
        "y_train": np.arange(24) % 2,
        "x_test": np.stack([draw(NAMES[k % 2], 12, k % 3) for k in range(6)]),
        "y_test": np.arange(6) % 2,
    } | changes
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def test_an_npz_is_read_with_and_without_names(tmp_path):
    sets = load_data(npz(tmp_path / "a.npz"))
    assert sets.class_names == ("0", "1")
    assert sets.image_shape == (12, 12)
    with_names = npz(tmp_path / "b.npz", class_names=np.array(NAMES))
    assert load_data(with_names).class_names == NAMES
    fortran = np.asfortranarray(np.random.default_rng(0).integers(0, 255, (24, 12, 12), np.uint8))
    read = read_npz(npz(tmp_path / "d.npz", x_train=fortran))
    assert np.array_equal(read.train.images, fortran)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x_test": None}, "has no x_test"),
        ({"x_train": np.zeros((24, 12, 12), complex)}, "complex128, not grey images"),
        ({"x_train": np.zeros((24, 12, 12, 4), np.uint8)}, "not grey images"),
        ({"x_train": np.zeros((0, 12, 12), np.uint8)}, "grey images"),
        ({"y_train": np.arange(23) % 2}, "one whole number for each of the 24"),
        ({"y_train": np.zeros(24, int)}, "label 0 only"),
        ({"y_train": np.arange(24) % 2 + 5}, "out of range"),
        ({"y_test": np.array([0, 1, 2, 0, 1, 2**40])}, "out of range"),
        ({"x_test": np.zeros((6, 9, 9), np.uint8)}, "use files of one data set"),
        ({"class_names": np.array(["a", "b", "c"])}, "no training image of the class c"),
        ({"class_names": np.array(["a"])}, r"too few names \(1\), since y_train in .* 2 different"),
        ({"class_names": np.array([1, 2])}, "are not strings"),
        ({"y_train": np.array([None] * 24, object)}, "never unpickled"),
    ],
)
def test_bad_npz_files_get_a_sentence(tmp_path, changes, match):
    with pytest.raises(DataError, match=match) as error:
        load_data(npz(tmp_path / "bad.npz", **changes))
    sentence_of(error)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def test_nothing_is_ever_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    for name in ("x_train", "class_names"):
        npz("evil.npz", **{name: None})
        with zipfile.ZipFile("evil.npz", "a") as archive:
            archive.writestr(f"{name}.npy", header.getvalue() + pickle.dumps([Evil()]))
        with pytest.raises(DataError, match="never unpickled"):
            load_data("evil.npz")
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match=r"cannot be read as an \.npz"):
        load_data("plain.npz")
    assert not (tmp_path / "unpickled").exists()


def test_damaged_and_lying_npz_files_get_a_sentence_and_no_memory(tmp_path):
    content = npz(tmp_path / "good.npz").read_bytes()
    random = np.random.default_rng(0)
    bad = tmp_path / "bad.npz"
    for trial in range(150):
        damaged = bytearray(content[: random.integers(1, len(content))] if trial % 2 else content)
        for place in random.integers(0, len(damaged), 5):
            damaged[place] = random.integers(256)
        bad.write_bytes(damaged)
        with suppress(DataError):  # anything else fails the test
            load_data(bad)
    header = io.BytesIO()
    shape = (10**6, 10**6, 10**6)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    npz(bad, x_train=None)
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr("x_train.npy", header.getvalue())
    with memory_below(2**20), pytest.raises(DataError, match="another number"):
        load_data(bad)
    npz(bad, x_train=None)
    with zipfile.ZipFile(bad, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", b"")
        archive.getinfo("x_train.npy").file_size = 2**40
    with memory_below(2**20), pytest.raises(DataError, match=r"announces|cannot be read"):
        load_data(bad)


@pytest.mark.slow
def test_the_layers_follow_the_image_size(tmp_path):
    run = tmp_path / "run"
    random = np.random.default_rng(0)
    wide = {
        "x_train": random.integers(0, 255, (24, 9, 31), np.uint8),
        "x_test": random.integers(0, 255, (6, 9, 31), np.uint8),
    }
    npz(tmp_path / "wide.npz", **wide)
    shell.run(
        *("mnist_cnn.py", "--data-dir", tmp_path / "wide.npz", "--output-dir", run, "--epochs", 1)
    )
    Image.fromarray(wide["x_test"][0]).save(tmp_path / "wide.png")
    output, _ = shell.run("-m", "common.predict", tmp_path / "wide.png", "--model", run)
    assert "used unchanged" in output


def test_mnist_as_an_npz_is_the_same_data(tmp_path):
    np.savez(
        tmp_path / "mnist.npz",
        x_train=read_idx(MNIST / TEST_IMAGES),
        y_train=read_idx(MNIST / TEST_LABELS),
        x_test=read_idx(MNIST / TEST_IMAGES),
        y_test=read_idx(MNIST / TEST_LABELS),
    )
    mnist, sets = load_data(), load_data(tmp_path / "mnist.npz")
    assert np.array_equal(sets.test.images, mnist.test.images)
    assert np.array_equal(sets.test.labels, mnist.test.labels)
    assert sets.class_names == mnist.class_names


KINDS = "? u1 i1 u2 i4 u8 f2 f4 f8 >f4 >i4 g c8 U3 S2"
SHAPES = [*((4, 4), (1, 4), (16,), (4, 4, 1), (1, 4, 4), (4, 4, 3), (3, 4, 4), (), (5,), (0, 4))]


@pytest.mark.parametrize("trials", [60, pytest.param(3_000, marks=pytest.mark.slow)])
def test_arrays_of_any_kind_and_shape_are_taken_or_refused_with_a_sentence(tmp_path, trials):
    random = np.random.default_rng(0)

    def some(*shape):
        values = random.normal(size=shape) * 10.0 ** random.integers(-3, 9)
        if random.random() < 0.5:
            values = random.integers(0, 256, shape)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(values).astype(random.choice(KINDS.split()))

    taken, refused = 0, []
    for trial in range(trials):
        n, m, shape = random.integers(0, 20), random.integers(0, 9), SHAPES[trial % len(SHAPES)]
        arrays = {"x_train": some(n, *shape), "x_test": some(m, *shape)}
        arrays |= {"y_train": np.arange(n) % 2, "y_test": np.arange(m) % 2}
        if trial % 3 == 0:
            arrays |= {"y_train": some(n), "y_test": some(m)}
        if trial % 3 == 1:
            arrays |= {
                "x_train": some(n, 4, 4).astype("U1"),
                "x_val": some(m, *shape),
                "y_val": some(m),
            }
        if trial % 3 == 2:
            arrays["x_train"] = random.integers(0, 256, (n, 4, 4))
            arrays["x_test"] = random.integers(0, 256, (m, 4, 4))
        try:
            sets = load_data(npz(tmp_path / "any.npz", **arrays))
        except DataError as error:  # anything else fails the test
            refused.append(str(error))
        else:
            taken += 1
            assert sets.train.images.dtype == sets.test.images.dtype == np.uint8
            assert max(sets.train.labels.max(), sets.test.labels.max()) < sets.num_classes
    assert taken > trials / 9
    assert all(re.fullmatch(r"[^\n]{20,999}\.", sentence) for sentence in refused)
