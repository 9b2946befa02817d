"""common/plots/images.py: the written pixels are compared with the data."""

from common import UserError, plots

import numpy as np
import pytest
from plotted import LONG_NAMES, ORANGE, colour_is_in, frames

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("count", range(13))
def test_errors_from_none_to_more_than_fit(draw, count):
    images = RANDOM.integers(0, 256, (count, 784)).astype(np.uint8)
    labels = np.arange(count) % 10
    pixels = draw(plots.plot_images, images, (28, 28), labels, (labels + 1) % 10)
    assert frames(pixels) == min(count, 9)


def test_no_errors_is_not_no_images(draw):
    nothing, labels = np.zeros((0, 784), np.uint8), np.zeros(0, int)
    no_errors = draw(plots.plot_images, nothing, (28, 28), labels, labels)
    no_images = draw(plots.plot_images, nothing, (28, 28), labels)
    assert np.any(no_errors != no_images)


@pytest.mark.parametrize("shape", [(28, 28), (20, 40), (40, 20), (300, 200), (1, 30)])
def test_images_keep_their_proportions_and_orientation(draw, shape):
    image = np.zeros((1, *shape), np.uint8)
    high, wide = -(-shape[0] // 10), -(-shape[1] // 10)
    image[0, :high, -wide:] = 255  # ink in the upper right corner only
    pixels = draw(plots.plot_images, image, shape, [0], title="-")
    below_caption = pixels[44 + 26 :]
    grey = np.all(np.abs(below_caption.astype(int) - 136) <= 6, axis=2)
    rows, columns = np.flatnonzero(grey.sum(1) > 9), np.flatnonzero(grey.sum(0) > 0)
    height, width = rows[-1] - rows[0] - 1, columns[-1] - columns[0] - 1
    assert height / width == pytest.approx(shape[0] / shape[1], rel=0.02)
    ink = np.argwhere(np.all(below_caption[rows[0] + 1 : rows[-1]] == 0, axis=2))
    assert np.ptp(ink[:, 0]) + 1 == pytest.approx(height * high / shape[0], abs=1)
    assert np.ptp(ink[:, 1]) + 1 == pytest.approx(width * wide / shape[1], abs=1)
    assert ink[:, 0].min() == 0
    assert ink[:, 1].max() == columns[-1] - 1


def test_each_image_pixel_is_a_square_of_its_grey(draw):
    image = np.arange(0, 252, 7, dtype=np.uint8).reshape(1, 6, 6)
    pixels = draw(plots.plot_images, image, (6, 6), [3])
    grey = np.all(pixels == pixels[..., :1], axis=2)
    assert grey.all()
    for shade in (255, 255 - 245):  # 28 screen pixels for each of the six in 170
        assert np.sum(np.abs(pixels[..., 0].astype(int) - shade) <= 4) >= 28 * 28


def test_captions_show_both_classes(draw):
    image = np.zeros((1, 28, 28), np.uint8)
    numbers = draw(plots.plot_images, image, (28, 28), [2], [0])
    other_guess = draw(plots.plot_images, image, (28, 28), [2], [1])
    names = draw(plots.plot_images, image, (28, 28), [2], [0], LONG_NAMES)
    assert np.any(numbers != other_guess)
    assert np.any(numbers != names)
    assert numbers.shape == other_guess.shape == names.shape
    changed = np.argwhere(np.any(numbers != other_guess, axis=2))
    assert np.ptp(changed, axis=0).max() < 20, "one more digit than the predicted one changed"


@pytest.mark.parametrize(("units", "drawn"), [(1, 1), (10, 10), (512, 40)])
def test_weights_of_the_first_forty_units(draw, units, drawn):
    pixels = draw(plots.plot_weights, RANDOM.normal(size=(784, units)), (28, 28))
    assert frames(pixels) == drawn


def test_weights_of_the_forty_units_that_matter_most(draw):
    weights, outgoing = RANDOM.normal(size=(784, 60)), np.arange(60.0)
    chosen = draw(plots.plot_weights, weights, (28, 28), title="-", outgoing=outgoing)
    last = draw(plots.plot_weights, weights[:, :19:-1], (28, 28), range(59, 19, -1), title="-")
    first = draw(plots.plot_weights, weights, (28, 28), title="-")
    # Each picture has its own palette of 256 colours.
    assert np.abs(chosen[-500:].astype(int) - last[-500:]).mean() < 1
    assert np.abs(chosen[-500:].astype(int) - first[-500:]).mean() > 10


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_are_red_above_zero_and_blue_below(draw, sign):
    weights = np.zeros((20 * 40, 10), np.float32)
    weights[:, 0] = sign  # unit 0 stands in the upper left corner
    pixels = draw(plots.plot_weights, weights, (20, 40))[:, :720].astype(int)
    coloured = np.argwhere(np.abs(pixels[..., 0] - pixels[..., 2]) > 50)
    assert coloured[:, 1].max() < 170, "only unit 0 has weights"
    assert len(coloured) == 20 * 40 * 3**2, "each weight is a square of three by three pixels"
    red, _, blue = pixels[tuple(coloured[0])]
    assert np.sign(red - blue) == sign


def test_an_outlier_does_not_pale_the_rest(draw):
    weights = RANDOM.normal(size=(784, 10))
    before = draw(plots.plot_weights, weights, (28, 28))
    weights[400, 9] = 1e6
    after = draw(plots.plot_weights, weights, (28, 28))
    assert np.mean(np.abs(before[:, :400].astype(int) - after[:, :400])) < 10


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_weights_without_a_scale(draw, value):
    assert frames(draw(plots.plot_weights, np.full((784, 10), value), (28, 28), LONG_NAMES * 4))


@pytest.mark.parametrize("filters", [1, 7, 36])
def test_any_number_of_filters(draw, filters):
    weights = RANDOM.normal(0, 0.05, (5, 5, 2, filters)).astype(np.float32)
    first = draw(plots.plot_filters, weights)
    assert frames(first) == filters
    second = draw(plots.plot_filters, weights, input_channel=1)
    assert second.shape == first.shape
    assert np.any(second != first)


@pytest.mark.parametrize("shape", [(3, 7), (1, 1)])
def test_filters_that_are_not_square(draw, shape):
    draw(plots.plot_filters, RANDOM.normal(size=(*shape, 1, 6)))


def test_channels_share_one_scale(draw):
    weights = np.full((5, 5, 2, 4), 0.1)
    weights[:, :, 1] = 1.0
    weak = draw(plots.plot_filters, weights)[:, :600]
    strong = draw(plots.plot_filters, weights, input_channel=1)[:, :600]
    deepest = [103, 0, 31]
    assert colour_is_in(strong, deepest)
    assert not colour_is_in(weak, deepest)


@pytest.mark.parametrize("channel", [-1, 16])
def test_an_input_channel_that_is_not_there(tmp_path, channel):
    with pytest.raises(UserError, match=f"no input channel {channel}.*has 16.*--input-channel"):
        plots.plot_filters(tmp_path / "f.png", np.zeros((5, 5, 16, 36)), input_channel=channel)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "channels"), [((14, 14), 16), ((7, 7), 36), ((5, 9), 1)])
def test_layer_outputs_of_two_images(draw, size, channels):
    images = RANDOM.integers(0, 256, (2, 28, 28)).astype(np.uint8)
    outputs = np.maximum(RANDOM.normal(size=(2, *size, channels)), 0)
    pixels = draw(plots.plot_layer_outputs, images, outputs, ["Test image 0", "Test image 13"])
    assert frames(pixels) == 2 * (1 + channels)
    outputs[1, :, :, -1] = 9.0
    changed = np.argwhere(np.any(draw(plots.plot_layer_outputs, images, outputs) != pixels, axis=2))
    assert changed[:, 0].max() > len(pixels) / 2, "the second image's outputs stand in its row"


@pytest.mark.parametrize("digits", [1, 3, 9])
def test_preparation_draws_the_box_of_each_digit_on_the_ink(draw, digits):
    colours, images = np.ones((90, 300, 3)), np.zeros((digits, 28, 28), np.uint8)
    boxes = [(30 * k + 5, 20, 30 * k + 20, 70) for k in range(digits)]
    captions = [f"model:  {k} (99.0%)" for k in range(digits)]
    arguments = boxes, images, captions
    assert colour_is_in(
        draw(plots.plot_preparation, colours, np.zeros((90, 300)), *arguments), ORANGE
    )
    unchanged = draw(plots.plot_preparation, colours, None, *arguments)
    assert not colour_is_in(unchanged, ORANGE), "there is no ink to draw boxes on"
