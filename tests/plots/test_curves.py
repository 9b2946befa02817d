"""common/plots/curves.py: every number of a history is drawn."""

import itertools

from common import plots
from common.plots import labels

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from plotted import BLUE, HISTORY, ORANGE, colour_is_in


@pytest.mark.parametrize("points", [1, 8])
def test_curves_of_any_length(draw, points):
    pixels = draw(plots.plot_curves, HISTORY[:points])
    for half in (pixels[:, :429], pixels[:, 429:]):  # loss on the left, accuracy on the right
        assert colour_is_in(half, BLUE), "training is missing"
        assert colour_is_in(half, ORANGE), "validation is missing"
    assert np.any(np.all(pixels[40:, 380:480] == 255, axis=(0, 2))), "the two plots touch"


def test_no_curves_before_the_first_epoch(draw):
    pixels = draw(plots.plot_curves, [])
    assert not colour_is_in(pixels, BLUE)
    assert not colour_is_in(pixels, ORANGE)


@pytest.mark.parametrize("kind", ["train", "validation"])
def test_each_number_of_the_history_is_drawn(draw, kind):
    changed = [dict(row) for row in HISTORY[:2]]
    changed[0][f"{kind}_loss"] *= 0.9
    changed[0][f"{kind}_accuracy"] *= 0.9
    different = np.any(draw(plots.plot_curves, changed) != draw(plots.plot_curves, HISTORY[:2]), 2)
    assert different[:, :429].any()
    assert different[:, 429:].any()


@pytest.mark.parametrize("value", [float("nan"), None])
def test_curves_of_a_training_that_diverged(draw, value):
    draw(plots.plot_curves, [*HISTORY, HISTORY[-1] | {"epoch": 9.0, "train_loss": value}])


def test_each_model_has_a_colour_against_time(draw):
    worse = [row | {"validation_accuracy": row["validation_accuracy"] - 0.1} for row in HISTORY]
    both = {"softmax": [worse, worse], "a network": [HISTORY]}
    pixels = draw(plots.plot_errors_against_time, both)
    assert colour_is_in(pixels, BLUE)
    assert colour_is_in(pixels, ORANGE)
    assert not colour_is_in(draw(plots.plot_errors_against_time, {"softmax": [worse]}), ORANGE)
    assert not colour_is_in(draw(plots.plot_errors_against_time, {"softmax": [[]]}), BLUE)


@pytest.mark.parametrize("number", [3, 25])
def test_names_at_the_ends_of_curves_do_not_overlap(number):
    """Curves that end at almost the same place, as those of variants of one model do."""
    figure = Figure(figsize=(7.8, 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlim=(0.1, 25), ylim=(50, 1000))
    ends = [(24.0, 60.0), (0.7, 700.0), *((23.0 - k / 10, 61.0 + k) for k in range(number - 2))]
    names = ["CNN", "softmax regression", *(f"MLP --dropout 0.{k}" for k in range(number - 2))]
    labels.label_ends(axes, ends, names, ["black"] * number)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line to it
    assert [text.get_text() for text in axes.texts] == names
    for one, other in itertools.combinations(boxes, 2):
        assert not one.shrunk(0.95, 0.8).overlaps(other.shrunk(0.95, 0.8))
    assert max(box.x1 for box in boxes) <= axes.get_window_extent().x1 + 4


def test_each_model_has_a_colour_and_its_name_at_the_end_of_its_curve(draw):
    worse = [row | {"validation_accuracy": row["validation_accuracy"] - 0.1} for row in HISTORY]
    pixels = draw(plots.plot_validation, {"softmax": [worse, worse], "a network": [HISTORY]})
    for part in (pixels[:, :300], pixels[:, 330:]):
        assert colour_is_in(part, BLUE)
        assert colour_is_in(part, ORANGE)
    assert not colour_is_in(draw(plots.plot_validation, {"softmax": [worse]}), ORANGE)


def test_curves_of_twenty_models_after_one_epoch(draw):
    """With losses below 0, too, which have no logarithm."""
    runs = {
        f"model {k} with a rather long name": [
            [row | {"validation_loss": -1.0 / k} for row in HISTORY[:1]]
        ]
        for k in range(1, 21)
    }
    draw(plots.plot_validation, runs)
