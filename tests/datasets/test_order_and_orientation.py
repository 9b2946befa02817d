"""The order of the training images; light on dark or dark on light; transposed digits."""

from pathlib import Path

from common.data import load_data
from common.datasets.orientation import are_centred, has_grey_levels, polarity_of

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits


def remarks_of(sets):
    return " | ".join(sets.conventions.remarks)


# Order.


def test_labels_in_order_are_shuffled_always_alike_and_said(load, digits):
    order = np.argsort(digits["y_train"], kind="stable")
    changes = {"x_train": digits["x_train"][order], "y_train": digits["y_train"][order]}
    sets = load(**changes)
    assert set(sets.validation.labels.tolist()) == set(range(10))
    assert "no example of 9 of the 10 classes" in remarks_of(sets)
    assert load(**changes).fingerprint() == sets.fingerprint()
    # Images and labels went together.
    places = {
        image.tobytes(): label
        for image, label in zip(digits["x_train"], digits["y_train"], strict=True)
    }
    for image, label in zip(sets.train.images[:50], sets.train.labels[:50], strict=True):
        assert places[image.tobytes()] == label
    assert len(set(load(train_size=100, **changes).train.labels.tolist())) == 10


def test_a_front_that_is_unlike_the_rest_is_shuffled_too(load, digits):
    y = digits["y_train"]
    one_of_each = np.array([np.flatnonzero(y == k)[0] for k in range(10)])
    rest = np.setdiff1d(np.argsort(y, kind="stable"), one_of_each)
    order = np.concatenate([one_of_each, rest[np.argsort(y[rest], kind="stable")]])
    sets = load(x_train=digits["x_train"][order], y_train=y[order])
    assert "in other fractions" in remarks_of(sets)
    assert np.bincount(sets.validation.labels).max() < 15


def test_a_validation_split_of_its_own_is_used(load, digits):
    sets = load(x_val=digits["x_test"][:30], y_val=digits["y_test"][:30])
    assert (len(sets.train), len(sets.validation)) == (600, 30)
    assert np.array_equal(sets.validation.labels, digits["y_test"][:30])


def test_arrays_may_have_the_names_of_medmnist(load, digits, tmp_path):
    names = {"x": "images", "y": "labels"}
    arrays = {f"{name[2:]}_{names[name[0]]}": array for name, array in digits.items()}
    arrays |= {"val_images": digits["x_test"][:30], "val_labels": digits["y_test"][:30, None]}
    np.savez(tmp_path / "medmnist.npz", **arrays)
    sets, same = (
        load_data(tmp_path / "medmnist.npz"),
        load(x_val=digits["x_test"][:30], y_val=digits["y_test"][:30]),
    )
    assert sets.fingerprint() == same.fingerprint()
    assert np.array_equal(sets.test.labels, same.test.labels)


# Orientation and polarity.


def test_transposed_digits_are_noticed_and_mended_by_transpose(load, digits):
    def transposed(x):
        return x.transpose(0, 2, 1)

    assert "look transposed beside MNIST's; run again with --transpose" in remarks_of(
        load(transposed)
    )
    sets = load(transposed, transpose=True)
    assert sets.conventions == ("light on dark", True, 255, (), True, True)
    assert np.array_equal(sets.test.images.reshape(200, 28, 28), digits["x_test"])
    assert "run again without --transpose" in remarks_of(load(transpose=True))
    assert "look transposed" in remarks_of(load(lambda x: 255 - transposed(x)))  # dark on light
    assert "look transposed" in remarks_of(load(lambda x: transposed(x[:, ::2, ::2])))  # 14 × 14
    assert "turned or mirrored" in remarks_of(load(lambda x: np.rot90(x, 1, (1, 2))))
    assert "turned or mirrored" in remarks_of(load(lambda x: x[:, :, ::-1]))


def drawn(word, size):
    """A printed character: uint8 [28, 28]."""
    fonts = Path(matplotlib.get_data_path()) / "fonts/ttf"
    image = Image.new("L", (28, 28))
    font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), size)
    ImageDraw.Draw(image).text((14, 14), word, 255, font, anchor="mm")
    return np.asarray(image)


def test_what_is_upright_or_no_digit_gets_no_hint(load, digits):
    other = load_digits()
    small = {"x_train": other.images[:1400], "y_train": other.target[:1400]}
    small |= {"x_test": other.images[1400:], "y_test": other.target[1400:]}
    assert remarks_of(load(**small)) == "pixels from 0 to 16 were scaled to 0 to 255"
    for seed in range(3):  # the same digits with the labels of others
        numbers = np.random.default_rng(seed).permutation(10)
        assert "WARNING" not in remarks_of(load(y=lambda y, numbers=numbers: numbers[y]))
    noise = np.random.default_rng(0).integers(0, 256, (600, 28, 28))
    assert "WARNING" not in remarks_of(load(x_train=noise))
    for words in ("0123456789", "ABCDEFGHIJ", "klmnopqrst", "□○△◇∞±∑∫√≈"):
        printed = np.stack([drawn(word, size) for size in (18, 22, 26) for word in words])
        y = np.arange(30) % 10
        assert "WARNING" not in remarks_of(load(x_train=printed, y_train=y)), words
    printed = np.stack([drawn(word, 22).T for word in "0123456789" for _ in range(3)])
    assert "transposed" in remarks_of(load(x_train=printed, y_train=np.arange(30) // 3))
    for few in (50, 100):  # of MNIST itself
        front = {"x_train": digits["x_train"][:few], "y_train": digits["y_train"][:few]}
        assert "WARNING" not in remarks_of(load(**front))


def test_the_polarity_is_that_of_nearly_all_images(load, digits):
    x = digits["x_train"]
    assert load(lambda x: 255 - x).conventions.polarity == "dark on light"
    assert polarity_of(np.concatenate([x[:300], 255 - x[:300]])) is None
    assert "invert one of them" in remarks_of(load(x_test=255 - digits["x_test"]))


# Soft and hard edges.


def test_scans_have_grey_levels_and_drawings_of_black_and_white_have_none(digits):
    images = digits["x_train"]
    assert has_grey_levels(images)
    assert has_grey_levels(255 - images)
    for black_and_white in (np.where(images > 127, 255, 0), np.where(images > 127, 0, 255)):
        assert not has_grey_levels(black_and_white.astype(np.uint8))
    assert np.mean([has_grey_levels(image[None]) for image in images]) > 0.995


def test_images_that_are_centred_as_mnist_s(digits):
    images = digits["x_train"]
    assert are_centred(images, "light on dark")
    assert are_centred(255 - images, "dark on light")
    assert not are_centred(images, None)
    assert np.mean([are_centred(image[None], "light on dark") for image in images]) > 0.99
    for moved in (np.roll(images, 3, axis=1), np.roll(images, -2, axis=2)):
        assert not are_centred(moved, "light on dark")
    larger = images[:, 2:-2, 2:-2].repeat(2, axis=1).repeat(2, axis=2)
    smaller = np.pad(images, ((0, 0), (14, 14), (14, 14)))
    for others in (larger, smaller, np.zeros_like(images), np.full_like(images, 255)):
        assert not are_centred(others, "light on dark")
