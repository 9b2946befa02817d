"""common/plots/confusion.py: errors are visible, and colours and counts follow the numbers."""

from common import plots

import numpy as np
import pytest
from plotted import DARKEST, LONG_NAMES, colour_is_in, confusion

RANDOM = np.random.default_rng(0)


def test_a_few_errors_stand_out_against_hundreds_right(draw):
    pixels = draw(plots.plot_confusion_matrix, confusion(10))
    cells = pixels[:, :700]  # without the colour bar, which also has the darkest colour
    dark = np.argwhere(np.all(np.abs(cells.astype(int) - DARKEST) <= 12, axis=2))
    assert len(dark) > 2000, "8 errors must fill a cell with the strongest colour"
    (top, left), (bottom, right) = dark.min(0), dark.max(0)
    assert top > 80, "row 1 stands below row 0"
    assert left < 60, "column 0 is the first"
    assert bottom - top < 80
    assert right - left < 80


def test_confusion_matrix_counts_and_colours_follow_the_numbers(draw):
    none, eight, nine = (draw(plots.plot_confusion_matrix, confusion(3, n)) for n in (0, 8, 9))
    assert np.any(eight[:, :700] != nine[:, :700])
    assert not colour_is_in(none[:, :700], DARKEST)


def test_confusion_matrix_of_three_classes_with_long_names(draw):
    pixels = draw(plots.plot_confusion_matrix, confusion(3), LONG_NAMES)
    numbers = draw(plots.plot_confusion_matrix, confusion(3))
    assert pixels.shape == numbers.shape
    assert np.all(pixels[:, 0] == 255), "a name is cut off at the left"


@pytest.mark.parametrize("classes", [1, 30])
def test_confusion_matrix_of_any_size(draw, classes):
    matrix = RANDOM.poisson(2, (classes, classes)) + 100 * np.eye(classes, dtype=int)
    draw(plots.plot_confusion_matrix, matrix)


@pytest.mark.parametrize("models", [1, 2, 4])
def test_matrices_of_several_models_share_one_scale(draw, models):
    matrices = [confusion(10, 200), *(confusion(10, 2) for _ in range(models - 1))]
    names = [f"a model with a long name {k}" for k in range(models)]
    pixels = draw(plots.plot_confusion_matrices, matrices, names)
    # Without the colour bar on the right.
    dark = np.all(np.abs(pixels[:, :640].astype(int) - DARKEST) <= 12, axis=2)
    assert dark.any(), "the largest number has the darkest colour"
    if models > 1:
        assert not dark[:, 310:].any(), "only the first model has so many errors"
