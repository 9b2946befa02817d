"""What arrays of a data set may mean: the scale of the pixels, shapes, labels.

Each test writes an .npz file; check_arrays is the same for all other files.
"""

import re

import numpy as np
import pytest

NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def remarks_of(sets):
    return " | ".join(sets.conventions.remarks)


# Pixels.


def test_images_that_are_right_are_not_touched_and_nothing_is_said(load, digits):
    sets = load()
    assert sets.conventions == ("light on dark", False, 255, (), True, True)
    images = np.concatenate([sets.validation.images, sets.train.images])
    assert np.array_equal(images.reshape(600, 28, 28), digits["x_train"])
    assert np.array_equal(sets.test.images.reshape(200, 28, 28), digits["x_test"])
    assert sets.describe().count("\n") == 3


@pytest.mark.parametrize(
    ("change", "largest"),
    [
        (lambda x: (x > 127).astype(np.uint8), 1),
        (lambda x: x > 127, 1),
        (lambda x: x / 255, 1),
        (lambda x: (x / 255).astype(">f4"), 1),
        (lambda x: (x / 255).astype(np.float16), 1),
        (lambda x: x / 255 * 1.0004 - 1e-6, 1),  # as interpolation leaves it
        (lambda x: x >> 4, 15),
        (lambda x: np.rint(x / 255 * 16), 16),
    ],
)
def test_clear_scales_become_0_to_255_and_are_said(load, digits, change, largest):
    sets = load(change)
    images = np.concatenate([sets.validation.images, sets.train.images]).reshape(600, 28, 28)
    assert images.dtype == np.uint8
    # By the definition of the scale, and up to a rounding step of it near the original.
    exact = change(digits["x_train"]).astype(np.float64) * 255 / largest
    assert np.abs(images - exact.clip(0, 255)).max() <= 0.6
    assert (images.min(), images.max()) == (0, 255)
    assert sets.conventions.largest_pixel == largest
    assert f"pixels from 0 to {largest} were scaled to 0 to 255" in sets.describe()


@pytest.mark.parametrize(
    "change", [lambda x: x >> 5, lambda x: x // 2, lambda x: x / 255 / 255, lambda x: 255 - (x > 9)]
)
def test_other_pixels_far_from_0_to_255_are_warned_of(load, change):
    assert "WARNING: the pixels are from" in load(change).describe()


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float32),
        lambda x: x[..., None],
        lambda x: x[:, None],
        lambda x: x.reshape(len(x), 784),
        lambda x: np.repeat(x[..., None], 3, axis=3),
        lambda x: np.repeat(x[:, None], 3, axis=1),
    ],
)
def test_other_shapes_and_types_are_the_same_images(load, digits, change):
    sets = load(change)
    assert sets.image_shape == (28, 28)
    assert np.array_equal(sets.test.images.reshape(200, 28, 28), digits["x_test"])


def test_colours_become_grey_by_their_luminance_and_are_said(load):
    def red_and_green(x):
        return np.stack([x, x // 2, np.zeros_like(x)], axis=3)

    sets = load(red_and_green)
    colour = sets.test.images[0].max()
    assert abs(int(colour) - (0.299 * 255 + 0.587 * 127)) <= 1
    assert "in colour and were made grey" in remarks_of(sets)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x": lambda x: x // 255 * 0}, "all pixels of x_train in .* are 0"),
        ({"x_test": np.full((200, 28, 28), 255)}, "all pixels of x_test in .* are 255"),
        ({"x": lambda x: x / 127.5 - 1}, "x_train in .* has a negative pixel"),
        ({"x": lambda x: x.astype(np.uint16) * 257}, "a pixel above 255, 65535 being the largest"),
        ({"x_test": np.full((200, 28, 28), np.nan)}, r"x_test in .*\(NaN .* in image 0;"),
        ({"x_test": np.eye(28)[None].repeat(200, 0)}, "x_test in .* up to 1 but x_train .* to 255"),
        ({"x_test": 15 * np.eye(28)[None].repeat(200, 0)}, "x_test in .* up to 15 but x_train"),
    ],
)
def test_pixels_that_cannot_be_right_are_refused(refused, changes, sentence):
    assert re.search(sentence, refused(**changes))


# Labels.


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.astype(str),
        lambda y: y.astype("S"),
        lambda y: y.astype(np.float32),
        lambda y: y[:, None],
        lambda y: np.eye(10)[y],
        lambda y: np.eye(10, dtype=bool)[y],
    ],
)
def test_clear_labels_are_the_same_numbers(load, digits, change):
    sets = load(y=change)
    assert sets.test.labels.dtype == np.int32
    assert np.array_equal(sets.test.labels, digits["y_test"])
    assert sets.class_names == tuple("0123456789")
    assert sets.conventions.remarks == ()


def test_labels_that_are_names_number_the_classes_by_name_or_by_class_names(load, digits):
    sets = load(y=lambda y: NAMES[y])
    assert sets.class_names == tuple(sorted(NAMES))
    assert [sets.class_names[k] for k in sets.test.labels] == NAMES[digits["y_test"]].tolist()
    sets = load(y=lambda y: NAMES[y], class_names=NAMES)
    assert sets.class_names == tuple(NAMES)
    assert np.array_equal(sets.test.labels, digits["y_test"])


def test_labels_from_one_are_numbered_from_zero_and_keep_their_names(load, digits):
    sets = load(y=lambda y: y + 1)
    assert sets.class_names == tuple(map(str, range(1, 11)))
    assert np.array_equal(sets.test.labels, digits["y_test"])
    assert "labels from 1 to 10 were numbered from 0" in remarks_of(sets)
    for names in (NAMES, ["N/A", *NAMES]):
        assert load(y=lambda y: y + 1, class_names=names).class_names == tuple(NAMES)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"class_names": NAMES[:2]}, r"class_names in .*too few names \(2\).* 10 different labels"),
        ({"class_names": [*"abcdefghia"]}, "classes 0 and 9 are both called 'a'"),
        ({"class_names": [*"abcdefghi", " "]}, "class 9, '', is empty"),
        ({"y_test": np.full(200, 12)}, "y_test in .* label 12 at index 0 .*no training image has"),
        ({"y_train": np.arange(600) % 9}, "y_test in .* label 9 at .* y_train in .* are 0 to 8"),
        (
            {"y_train": np.arange(600) % 5 * 2},
            "y_train in .* without a gap. Label 7, which y_test in .* at index 0",
        ),
        ({"y_test": np.full(200, "ten")}, "y_test in .*'ten' at index 0, which is no class"),
        ({"y_train": np.full(600, 1.5)}, "y_train in .*1.5 at index 0 is not a whole number"),
        ({"y_train": np.full((600, 10), 0.1)}, "y_train in .* not labels"),
    ],
)
def test_labels_that_cannot_be_right_are_refused_with_the_true_reason(refused, changes, sentence):
    assert re.search(sentence, refused(**changes))
