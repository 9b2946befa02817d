"""Digits are drawn with the mouse on the whole page, stroke by stroke, and read by its nets."""

from benchmarks.drawing import draw
from common.pictures.preparation import prepare

import numpy as np
import pytest
import strokes
from PIL import Image

pytestmark = pytest.mark.browser
NETS = ("softmax", "mlp", "cnn")


def read_by(page, hand, spacing):
    """How many of ten digits of a hand each net reads, and what the CNN misreads."""
    right, wrong = np.zeros(len(NETS), int), []
    for name in strokes.HANDS[hand]:
        answers = draw(page, strokes.digit(name, hand, spacing=spacing))
        right += [str(answer) == name for answer in answers]
        wrong += [] if str(answers[-1]) == name else [f"{name}: {answers[-1]}"]
    return dict(zip(NETS, right.tolist(), strict=True)), wrong


def test_the_cnn_reads_ten_digits_that_are_drawn_with_the_mouse(page):
    right, wrong = read_by(page, "upright", spacing=16)
    assert not wrong
    assert right["mlp"] >= 8


@pytest.mark.slow
@pytest.mark.parametrize("hand", strokes.HANDS)
def test_the_cnn_reads_all_hands(page, hand):
    right, wrong = read_by(page, hand, spacing=5)
    assert not wrong
    assert right["mlp"] >= 8


def test_what_the_nets_see_is_what_python_makes_of_the_same_drawing(page, tmp_path):
    draw(page, strokes.digit("5", "slanted", spacing=12))
    width, grey = page.evaluate("(({width, grey}) => [width, [...grey]])(Drawing.pixels())")
    picture = np.reshape(grey, (-1, width)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "drawing.png")
    (image,) = prepare(tmp_path / "drawing.png").images
    seen = page.evaluate("[...Page.state.seen]")
    difference = np.abs(np.reshape(seen, image.shape) - image.astype(int))
    assert (difference <= 1).mean() >= 0.99
