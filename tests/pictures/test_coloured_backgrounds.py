"""Small pictures that are light on dark, but on a background that is not black."""

from common.data import load_data
from common.pictures.preparation import prepare

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

DIGITS = load_data().test.images[:40].reshape(-1, 28, 28)


@pytest.mark.parametrize("background", ["viridis", "plasma", "grey of 8", "grey of 40"])
def test_a_digit_on_a_coloured_background_is_prepared(tmp_path, background):
    """`plt.imsave` writes them in viridis, whose darkest colour is a violet."""
    path, black = tmp_path / "a.png", []
    for digit in DIGITS:
        if background.startswith("grey"):
            level = int(background.split()[-1])
            Image.fromarray(np.maximum(digit, level)).save(path)
        else:
            plt.imsave(path, digit, cmap=background)
        (image,) = prepare(path).images
        black.append(np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])))
    assert black == [0] * len(DIGITS)


def test_the_images_of_mnist_themselves_pass_unchanged(tmp_path):
    for digit in DIGITS:
        Image.fromarray(digit).save(tmp_path / "a.png")
        np.testing.assert_array_equal(prepare(tmp_path / "a.png").images[0], digit)
