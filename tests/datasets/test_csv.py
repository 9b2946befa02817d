"""common/datasets/: CSV files as Kaggle has them."""

import gzip
import random
import re

from common.data import DataError, load_data
from common.datasets.csv_files import read_table

import numpy as np
import pytest
from idx_files import mutate, sentence_of

HEAD = "label," + ",".join(f"pixel{k}" for k in range(64))


@pytest.fixture(scope="module")
def images():
    """uint8 [70, 8, 8]"""
    return np.random.default_rng(0).integers(0, 256, (70, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(1).permutation(np.arange(70) % 5)


@pytest.fixture
def write(tmp_path, images, labels):
    """Write a CSV file; `change` makes a row's cells of its number, label and pixels."""

    def write(name="train.csv", change=None, head=HEAD, separator=",", encoding="utf-8"):
        lines = [head] if head else []
        for k, (image, label) in enumerate(zip(images, labels, strict=True)):
            pixels = [str(pixel) for pixel in image.ravel()]
            lines.append(
                separator.join(change(k, str(label), pixels) if change else [str(label), *pixels])
            )
        content = "\n".join([*lines, ""]).encode(encoding)
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


LAYOUTS = {
    "Kaggle's": {},
    "no names": {"head": None},
    "semicolons": {"head": None, "separator": ";"},
    "tabs": {"head": None, "separator": "\t"},
    "quoted": {"change": lambda k, label, pixels: [f'"{cell}"' for cell in (label, *pixels)]},
    "label last": {
        "head": HEAD.removeprefix("label,") + ",class",
        "change": lambda k, label, pixels: [*pixels, label],
    },
    "ids": {"head": f"id,{HEAD}", "change": lambda k, label, pixels: [f"{k}x", label, *pixels]},
    "an index": {"head": f",{HEAD}", "change": lambda k, label, pixels: [str(k), label, *pixels]},
    "names made up": {"head": ",".join(map(str, range(65)))},
    "names that are numbers": {"head": "label," + ",".join(map(str, range(64)))},
    "floats": {"change": lambda k, label, pixels: [f"{cell}.0" for cell in (label, *pixels)]},
    "Windows": {"encoding": "utf-8-sig"},
    "gzipped": {"name": "train.csv.gz"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_has_the_same_images_and_labels(write, images, labels, layout):
    table = read_table(write(**LAYOUTS[layout]))
    assert np.array_equal(table.images, images)
    assert table.labels.astype(float).tolist() == labels.tolist()
    assert (table.ids is not None) == (layout == "ids")


def test_rows_are_held_out_for_the_test_where_there_are_no_others(write, images, labels, tmp_path):
    path = write()
    sets = load_data(path)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (55, 5, 10)
    assert np.bincount(sets.test.labels).tolist() == [2] * 5
    assert (
        "there is no test file with labels; so one row in 7 of train.csv, 10 rows"
        in sets.describe()
    )
    rows = [
        row.tobytes() for part in (sets.train, sets.validation, sets.test) for row in part.images
    ]
    assert sorted(rows) == sorted(image.tobytes() for image in images)  # each once
    found = [part.labels for part in (sets.train, sets.validation, sets.test)]
    found = dict(zip(rows, np.concatenate(found), strict=True))
    assert all(found[image.tobytes()] == label for image, label in zip(images, labels, strict=True))
    assert np.array_equal(load_data(path).test.images, sets.test.images)

    write("test.csv", lambda k, label, pixels: pixels, HEAD.removeprefix("label,"))
    for source in (path, tmp_path):
        described = load_data(source).describe()
        assert "test.csv has no labels; so one row in 7 of train.csv" in described


def test_files_with_labels_beside_it_are_the_test_and_the_validation_split(
    write, images, labels, tmp_path
):
    write("mnist_train.csv", head=None)
    for name in ("mnist_test.csv", "my_test.csv.gz", "mnist_Test.csv"):
        other = write(name, lambda k, label, pixels: [label, *pixels[::-1]], None)
        for source in (tmp_path, tmp_path / "mnist_train.csv"):
            sets = load_data(source)
            assert np.array_equal(sets.test.images, images.reshape(70, 64)[:, ::-1])
            assert sets.test.labels.tolist() == labels.tolist()
            assert len(sets.train) + len(sets.validation) == 70
        other.unlink()
    write("a_test.csv")
    write("b_test.csv")
    said = load_data(tmp_path).describe()
    assert "which of a_test.csv, b_test.csv is the test file is not clear; so one" in said
    write("mnist_val.csv", lambda k, label, pixels: pixels, None)
    said = load_data(tmp_path).conventions.remarks
    assert said[0] == "mnist_val.csv has no labels"
    assert said[1].startswith("which of ")
    (tmp_path / "mnist_val.csv").unlink()
    write("mnist_test.csv")
    write("mnist_valid.csv", lambda k, label, pixels: [label, *pixels[::-1]])
    sets = load_data(tmp_path)
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (70, 70, 70)
    assert np.array_equal(sets.validation.images, images.reshape(70, 64)[:, ::-1])


def test_words_scales_and_names_of_classes_are_as_in_other_files(write, tmp_path):
    words = ["ant", "bee", "cat", "dog", "eel"]
    write(change=lambda k, label, pixels: [words[int(label)], *(str(int(p) / 255) for p in pixels)])
    sets = load_data(tmp_path)
    assert sets.class_names == tuple(words)
    assert "pixels from 0 to 1 were scaled" in sets.describe()
    write()
    (tmp_path / "classes.txt").write_text("\n".join(words))
    assert load_data(tmp_path).class_names == tuple(words)


def bad(row, change):
    """Change the cells of one row."""

    def changed(k, label, pixels):
        return change([label, *pixels]) if k == row else [label, *pixels]

    return changed


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"change": bad(5, lambda cells: [*cells, "3"])}, "line 7 has 66 columns and the first 65"),
        ({"change": bad(5, lambda cells: cells[1:])}, "line 7 has 64 columns and the first 65"),
        (
            {"change": bad(69, lambda cells: [*cells[:9], "x", *cells[10:]])},
            "line 71 has a pixel that",
        ),
        (
            {"change": bad(3, lambda cells: [*cells[:9], "", *cells[10:]])},
            "line 5 has a pixel that",
        ),
        ({"change": bad(3, lambda cells: [*cells[:9], "nan", *cells[10:]])}, "NaN .* image"),
        ({"change": bad(3, lambda cells: ["", *cells[1:]])}, "no label at index 3"),
        ({"change": lambda k, label, pixels: [label, *pixels[:-1]]}, "no square image|columns"),
        ({"change": lambda k, label, pixels: pixels, "head": HEAD[6:]}, "no column of labels"),
        ({"change": lambda k, label, pixels: ["0", *pixels]}, "the label 0 only"),
        ({"encoding": "utf-16"}, "cannot be read as a table"),
    ],
)
def test_bad_tables_get_a_sentence(write, options, match):
    path = write(**options)
    with pytest.raises(DataError, match=match) as error:
        load_data(path)
    assert path.name in sentence_of(error)


def test_files_that_are_no_tables_get_a_sentence(tmp_path, write):
    contents = {
        "empty": (b"", "is empty"),
        "names": (HEAD.encode(), "no rows below"),
        "line": (b"1," * 3_000_000, "a line of more than"),
        "noise": (np.random.default_rng(0).bytes(5_000), "cannot be read"),
        "cut": (gzip.compress(HEAD.encode() * 99)[:-50], "cannot be read"),
    }
    for name, (content, match) in contents.items():
        (tmp_path / f"{name}.csv").write_bytes(content)
        with pytest.raises(DataError, match=match) as error:
            load_data(tmp_path / f"{name}.csv")
        sentence_of(error)
    with pytest.raises(DataError, match=r"nowhere.csv does not exist"):
        load_data(tmp_path / "nowhere.csv")
    write("a_train.csv")
    write("b_train.csv")
    with pytest.raises(DataError, match=r"2 training files .*name one"):
        load_data(tmp_path)


@pytest.mark.parametrize("trials", [80, pytest.param(3_000, marks=pytest.mark.slow)])
def test_damaged_tables_are_read_or_refused_with_a_sentence(write, trials):
    path = write()
    content, chance, refused = path.read_bytes(), random.Random(0), []
    for _ in range(trials):
        path.write_bytes(mutate(content, chance, front=500))
        try:
            load_data(path)
        except DataError as error:  # anything else fails the test
            refused.append(str(error))
    assert len(refused) > trials / 3
    assert all(re.fullmatch(r"[^\n]{20,999}\.", sentence) for sentence in refused)
