"""common/plots/digits.py: what is drawn is compared with the numbers."""

from common import plots
from common.plots import digits
from common.plots.digits import RED

import numpy as np
import pytest
from plotted import frames

RANDOM = np.random.default_rng(0)


def red_pixels(pixels):
    return np.all(np.abs(pixels.astype(int) - RED) <= 12, axis=2)


@pytest.mark.parametrize("errors", [0, 1, 65, 240, 1500])
def test_the_red_part_of_the_mosaic_is_the_error(draw, errors):
    """100 tiles of 44 × 44 pixels, each a thousandth of the images; blank images show all red."""
    images = np.zeros((10_000, 784), np.uint8)
    labels = RANDOM.integers(0, 10, 10_000)
    predicted = labels.copy()
    predicted[RANDOM.permutation(10_000)[:errors]] += 1
    pixels = draw(plots.plot_mosaic, images, (28, 28), labels, predicted)
    tiles = red_pixels(pixels).sum() / 44**2
    # The orange line of the accuracy and the frame cover up to a tile and a half.
    assert -0.1 < min(100, np.ceil(errors / 10)) - tiles < 1.5
    assert (tiles > 0.1) == (errors > 0)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (20, 60), (100, 7)])
def test_a_mosaic_of_a_few_images_of_any_size(draw, shape):
    images = RANDOM.integers(0, 256, (12, shape[0] * shape[1])).astype(np.uint8)
    labels = np.arange(12) % 3
    draw(plots.plot_mosaic, images, shape, labels, labels)
    draw(plots.plot_mosaic, images, shape, labels, labels + 1)


def test_copies_are_black_on_white(draw):
    originals = np.zeros((2, 28, 28), np.uint8)
    copies = np.ones((2, 17, 28, 28))
    pixels = draw(plots.plot_copies, originals, copies, title="-")
    assert frames(pixels) == 36
    dark = np.all(pixels < 10, axis=2).sum()
    assert dark == pytest.approx(34 * 84 * 84, rel=0.02)  # 28 × 3 pixels a side


def test_the_answers_of_all_models_are_shown(draw):
    images = RANDOM.integers(0, 256, (12, 784)).astype(np.uint8)
    labels = np.arange(12) % 10
    answers = {"softmax regression": labels, "CNN": labels}
    pixels = draw(plots.plot_answers, images, (28, 28), labels, answers, title="-")
    assert frames(pixels) == 10
    other = answers | {"CNN": (labels + 1) % 10}
    assert np.any(draw(plots.plot_answers, images, (28, 28), labels, other, title="-") != pixels)
    many = {f"MLP --a-long-name {k}": labels for k in range(12)} | {"CNN": (labels + 1) % 10}
    assert digits._answers({name: str(of[0]) for name, of in many.items()}) == (
        "12 models: 0\n1 model: 1"
    )
    draw(plots.plot_answers, images, (28, 28), labels, many, title="-")
    none = draw(plots.plot_answers, images[:0], (28, 28), labels[:0], answers, title="-")
    assert frames(none) == 0
