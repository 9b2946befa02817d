"""common/datasets/folders.py: folders of pictures as data sets, good and bad."""

import shutil

import mnist_cnn
from common.data import DataError, load_data
from common.datasets.folders import read_folder_tree

import numpy as np
import pytest
import shell
from idx_files import sentence_of
from PIL import Image
from shapes import NAMES, draw


def write_tree(folder, size=20, num_train=24, num_test=5, names=NAMES):
    for part, count in (("train", num_train), ("test", num_test)):
        for name, kind in zip(names, NAMES, strict=False):
            inside = folder / part / name
            inside.mkdir(parents=True)
            for k in range(count):
                Image.fromarray(draw(kind, size, k % 5 - 2)).save(inside / f"{k:03}.png")
    return folder


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
        ("8 of 16 bits", lambda i: Image.fromarray(np.asarray(i).astype(np.uint16)), "png"),
        ("floats", lambda i: Image.fromarray(np.asarray(i, np.float32) / 255), "tiff"),
        ("0 and 1", lambda i: i.point(lambda v: v // 255), "png"),
    ):
        assert np.array_equal(converted(name, convert, suffix).test.images, grey), name
    assert converted("ink", lambda i: i.point(lambda v: 255 - v)).conventions.polarity == (
        "dark on light"
    )


@pytest.mark.slow
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
