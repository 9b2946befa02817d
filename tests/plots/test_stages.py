"""common/plots/inside.py: what is drawn is compared with the arrays."""

from common import plots
from common.plots import inside
from common.plots.canvas import colour_scale
from common.plots.inside import OneNet

import numpy as np
import pytest
from plotted import LONG_NAMES, ORANGE, colour_is_in, frames

RANDOM = np.random.default_rng(0)
GREEN = [0, 158, 115]


@pytest.mark.parametrize(("filters", "side"), [(1, 16), (36, 16), (16, 24), (7, 40)])
def test_four_patches_for_each_filter(draw, filters, side):
    patches = RANDOM.uniform(0, 255, (filters, 4, side, side))
    pixels = draw(plots.plot_patches, patches, "-")
    assert frames(pixels) == filters
    patches[0, 3, -1, -1] += 128 if patches[0, 3, -1, -1] < 128 else -128
    changed = np.argwhere(np.any(draw(plots.plot_patches, patches, "-") != pixels, axis=2))
    assert 0 < np.ptp(changed, axis=0).max() + 1 <= 8, "one pixel of the last patch"
    patches[0] = np.nan
    assert frames(draw(plots.plot_patches, patches, "-")) == filters


def net(name, probabilities, *stages):
    return OneNet(name, [("a layer", stage, False) for stage in stages], np.array(probabilities))


def test_the_answer_of_each_net_is_green_or_orange(draw):
    image = RANDOM.integers(0, 256, (28, 28)).astype(np.uint8)
    right = net("CNN", [0.1, 0.9], RANDOM.random((16, 14, 14)), RANDOM.random((36, 7, 7)))
    wrong = net("MLP", [0.7, 0.3], RANDOM.random((512, 1, 1)), RANDOM.random((256, 1, 1)))
    both = draw(plots.plot_one_image, image, "test image 5", 1, [wrong, right])
    assert colour_is_in(both, GREEN)
    assert colour_is_in(both, ORANGE)
    assert not colour_is_in(draw(plots.plot_one_image, image, "-", 1, [right]), ORANGE)
    named = draw(plots.plot_one_image, image, "-", 1, [wrong, right], LONG_NAMES[:2])
    assert len(named) > len(both)


@pytest.mark.parametrize("classes", [2, 47])
def test_any_number_of_layers_and_classes(draw, classes):
    probabilities = np.full(classes, 1 / classes)
    stages = [RANDOM.normal(size=(3, 60, 40)) for _ in range(9)]
    image = np.zeros((100, 30))
    one = net("a net", probabilities, *stages)
    draw(plots.plot_one_image, image, "-", classes - 1, [one, net("none", probabilities)])


@pytest.mark.parametrize(("number", "high", "wide"), [(16, 14, 14), (512, 1, 1), (10, 28, 28)])
def test_maps_are_tiles_of_whole_pixels(number, high, wide):
    maps = RANDOM.random((number, high, wide))
    colours = colour_scale("gray_r", 0, 1)
    canvas, corners = inside._tiled(maps, colours, 140)
    assert len(corners) == number
    assert canvas.shape[0] <= inside.PANEL + 2
    assert canvas.shape[1] <= 142
    first = colours.cmap(colours.norm(maps[0]), bytes=True)[..., :3]
    gap = 1 if high == 1 else 2
    size = next(k for k in range(1, 99) if (canvas[gap, gap + k] == 200).all()) // wide
    tile = canvas[gap : gap + high * size : size, gap : gap + wide * size : size]
    np.testing.assert_array_equal(tile, first)
