"""common/plots/curves.py: every number of a history is drawn."""

from common import plots
from common.plots import curves

import numpy as np
import pytest
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
    pixels = draw(plots.plot_accuracy_against_time, both)
    assert colour_is_in(pixels, BLUE)
    assert colour_is_in(pixels, ORANGE)
    assert not colour_is_in(draw(plots.plot_accuracy_against_time, {"softmax": [worse]}), ORANGE)


def test_each_model_has_a_colour_and_its_name_at_the_end_of_its_curve(draw):
    worse = [row | {"validation_accuracy": row["validation_accuracy"] - 0.1} for row in HISTORY]
    pixels = draw(plots.plot_validation, {"softmax": [worse, worse], "a network": [HISTORY]})
    loss, accuracy, names = pixels[:, :300], pixels[:, 330:600], pixels[:, 640:]
    for part in (loss, accuracy, names):
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


def test_names_are_kept_apart():
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 20):
        heights = rng.uniform(-0.2, 1.2, count)
        placed = curves._apart(heights)
        assert np.array_equal(np.argsort(placed), np.argsort(heights))
        assert np.all(np.diff(np.sort(placed)) >= 0.05 - 1e-9)
        assert placed.min() >= -1e-9
        assert placed.max() <= 1
    assert curves._apart([0.3, 0.9]).tolist() == [0.3, 0.9]
