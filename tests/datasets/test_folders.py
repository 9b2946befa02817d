"""common/datasets/: folders of pictures and .npz files as data sets, good and bad."""

import io
import os
import pickle
import shutil
import zipfile
from contextlib import suppress

import mnist_cnn
from common.data import DataError, load_data
from common.datasets.folders import read_folder_tree
from common.datasets.idx import read_idx
from common.datasets.npz import read_npz

import numpy as np
import pytest
import shell
from idx_files import MNIST, TEST_IMAGES, TEST_LABELS, memory_below, sentence_of
from PIL import Image

NAMES = ("circle", "cross")


def draw(kind, size, place):
    """A picture of a class: uint8 [size, size], light on dark."""
    y, x = np.mgrid[:size, :size] - size / 2 - place
    if kind == "circle":
        ink = np.abs(np.hypot(x, y) - size / 4) < 1.5
    else:
        ink = (np.minimum(np.abs(x - y), np.abs(x + y)) < 2) & (np.hypot(x, y) < size / 3)
    return np.where(ink, 255, 0).astype(np.uint8)


def write_tree(folder, size=20, num_train=24, num_test=5, names=NAMES):
    for part, count in (("train", num_train), ("test", num_test)):
        for name, kind in zip(names, NAMES, strict=False):
            inside = folder / part / name
            inside.mkdir(parents=True)
            for k in range(count):
                Image.fromarray(draw(kind, size, k % 5 - 2)).save(inside / f"{k:03}.png")
    return folder


def npz(path, **changes):
    arrays = {
        "x_train": np.stack([draw(NAMES[k % 2], 12, k % 3) for k in range(24)]),
        "y_train": np.arange(24) % 2,
        "x_test": np.stack([draw(NAMES[k % 2], 12, k % 3) for k in range(6)]),
        "y_test": np.arange(6) % 2,
    } | changes
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def test_a_folder_tree_has_its_classes_sizes_and_pictures(tmp_path):
    sets = load_data(write_tree(tmp_path))
    assert sets.class_names == NAMES
    assert sets.image_shape == (20, 20)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (44, 4, 10)
    assert sets.test.labels.tolist() == [0] * 5 + [1] * 5
    assert np.array_equal(sets.test.images[3].reshape(20, 20), draw("circle", 20, 1))
    assert set(sets.train.labels.tolist()) == {0, 1}
    assert sorted(sets.train.labels[:22].tolist()) != sets.train.labels[:22].tolist()  # shuffled
    assert load_data(tmp_path).fingerprint() == sets.fingerprint()


def test_classes_that_are_numbers_come_in_their_order(tmp_path):
    assert read_folder_tree(write_tree(tmp_path, names=("10", "9"))).class_names == ("9", "10")


def test_an_npz_is_read_with_and_without_names(tmp_path):
    sets = load_data(npz(tmp_path / "a.npz"))
    assert sets.class_names == ("0", "1")
    assert sets.image_shape == (12, 12)
    with_names = npz(tmp_path / "b.npz", class_names=np.array(NAMES))
    assert load_data(with_names).class_names == NAMES
    fortran = np.asfortranarray(np.random.default_rng(0).integers(0, 255, (24, 12, 12), np.uint8))
    read = read_npz(npz(tmp_path / "d.npz", x_train=fortran))
    assert np.array_equal(read.train.images, fortran)


def test_bad_folder_trees_get_a_sentence(tmp_path):
    def fails(name, match, change):
        folder = write_tree(tmp_path / name, num_train=3, num_test=1)
        change(folder)
        with pytest.raises(DataError, match=match) as error:
            load_data(folder)
        sentence_of(error)

    def without(folder, *parts):
        for path in sorted(folder.joinpath(*parts).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def no_test(folder):
        without(folder, "test")
        (folder / "test").rmdir()

    def one_class(folder):
        for part in ("train", "test"):
            without(folder, part, "cross")
            (folder / part / "cross").rmdir()

    def mixed(folder):
        Image.new("L", (7, 9)).save(folder / "train/cross/big.png")

    fails("a", "test cannot be read .* one picture in seven", no_test)
    fails("b", "only the class 'circle'", one_class)
    fails("c", "cross holds no pictures", lambda folder: without(folder, "train", "cross"))
    fails("d", r"9 × 7 pixels and the pictures before it 20 × 20; .*common.datasets", mixed)
    fails("e", "no folders in it", lambda folder: without(folder, "train"))
    fails("f", "'new'", lambda folder: (folder / "train/new").mkdir())
    fails("g", "cannot be read as a picture", lambda f: (f / "test/cross/x.png").write_bytes(b"x"))
    fails("h", "cannot be printed", lambda folder: (folder / "train/a\nb").mkdir())


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
        ({"class_names": np.array([1, 2])}, "no printable words"),
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


def test_what_is_left_out_is_said_and_what_can_be_read_is_read(tmp_path):
    write_tree(tmp_path)
    class_ = tmp_path / "train/circle"
    (class_ / "000.png").rename(class_ / "000.JFIF")  # the content tells the format
    for name in ("a.HEIC", "b.heic", "._001.png", "notes", ".DS_Store"):
        (class_ / name).write_bytes(b"not a picture")
    (class_ / "more").mkdir()
    (tmp_path / "extra").mkdir()
    (tmp_path / "train/list.csv").touch()
    sets = load_data(tmp_path)
    assert len(sets.train) + len(sets.validation) == 48
    (remark,) = sets.conventions.remarks
    assert remark.removeprefix(f"left out of {tmp_path}: ").split("; ") == [
        "1 folder beside train (extra)",
        "1 file outside the folders of the classes (train/list.csv)",
        "1 file with a dot before the name (train/circle/._001.png)",
        "2 files of a kind that is not read, .heic (train/circle/a.HEIC, …)",
        "1 folder inside the folder of a class (train/circle/more)",
        "1 file of a kind that is not read, no suffix (train/circle/notes)",
    ]
    assert remark in sets.describe()


@pytest.mark.parametrize("name", ["val", "Validation", "valid"])
def test_a_validation_folder_is_the_validation_split(tmp_path, name):
    write_tree(tmp_path, num_train=6, num_test=3)
    (tmp_path / "train").rename(tmp_path / "training")
    shutil.copytree(tmp_path / "test", tmp_path / name)
    sets = load_data(tmp_path)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (12, 6, 6)
    assert np.array_equal(sets.validation.images, sets.test.images)
    assert np.array_equal(sets.validation.labels, sets.test.labels)
    assert sorted(sets.train.labels[:6].tolist()) != sets.train.labels[:6].tolist()  # shuffled
    (tmp_path / name / "cross").rename(tmp_path / name / "square")
    with pytest.raises(DataError, match=f"{name} has a class 'square' but .*training has not"):
        load_data(tmp_path)


def test_pictures_of_other_kinds_become_the_same_grey_images(tmp_path):
    """Colour, one bit, 16 bits and dark on light: read as what they show."""
    grey = load_data(write_tree(tmp_path / "grey")).test.images

    def converted(name, convert, suffix="png"):
        folder = write_tree(tmp_path / name)
        for path in folder.rglob("*.png"):
            with Image.open(path) as image:
                changed = convert(image)
            path.unlink()
            changed.save(path.with_suffix(f".{suffix}"))
        return load_data(folder)

    sets = converted("colour", lambda i: Image.merge("RGB", (i, i, i.point(lambda v: v // 2))))
    assert sets.conventions.remarks == (
        "48 of 48 pictures in train are in colour and were made grey",
        "10 of 10 pictures in test are in colour and were made grey",
    )
    assert abs(int(sets.test.images.max()) - (0.886 * 255 + 0.114 * 127)) <= 1
    for name, convert, suffix in (
        ("one bit", lambda i: i.convert("1"), "png"),
        ("16 bits", lambda i: Image.fromarray(np.asarray(i).astype(np.uint16) * 257), "png"),
        ("floats", lambda i: Image.fromarray(np.asarray(i, np.float32) / 255), "tiff"),
        ("0 and 1", lambda i: i.point(lambda v: v // 255), "png"),
    ):
        assert np.array_equal(converted(name, convert, suffix).test.images, grey), name
    assert converted("ink", lambda i: i.point(lambda v: 255 - v)).conventions.polarity == (
        "dark on light"
    )


def test_photos_are_prepared_once_and_then_trained_on(tmp_path, capsys):
    """The whole way: photos of several sizes → .npz → a trained net → its names in the report."""
    write_tree(tmp_path / "photos", size=90, num_train=40)
    for k, path in enumerate((tmp_path / "photos/train").rglob("*.png")):
        if k % 2:
            Image.open(path).resize((120, 110)).point(lambda v: 255 - v).save(path)
    with pytest.raises(DataError, match=r"common\.datasets"):
        load_data(tmp_path / "photos")
    output, errors = shell.run("-m", "common.datasets", tmp_path / "photos", tmp_path / "data.npz")
    assert (
        "80 training images and 10 test images of 28 × 28 pixels, classes circle, cross" in output
    )
    assert errors == ""
    run = tmp_path / "run"
    data = str(tmp_path / "data.npz")
    mnist_cnn.main(["--data-dir", data, "--output-dir", str(run), "--epochs", "20"])
    confusion = capsys.readouterr().out.partition("Confusion Matrix:")[2].partition("95 %")[0]
    assert "circle" in confusion
    assert "cross" in confusion
    assert shell.metrics_in(run)["test_accuracy"] == 1
    photo = tmp_path / "photos/test/cross/001.png"
    output, _ = shell.run("-m", "common.predict", photo, "--model", run)
    assert "run  cross" in output


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
    assert "taken as it is" in output


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
