"""Digits are drawn with the mouse on the whole page, stroke by stroke, and read by its nets."""

import re

from benchmarks.drawing import draw, main
from common import UserError
from common.pictures.preparation import prepare

import numpy as np
import pytest
import shell
import strokes
from PIL import Image

pytestmark = pytest.mark.browser
NETS = ("softmax", "mlp", "cnn")


def test_the_cnn_reads_ten_digits_that_are_drawn_with_the_mouse(page):
    wrong, right = [], np.zeros(len(NETS), int)
    for name in strokes.UPRIGHT:
        answers = draw(page, strokes.digit(name, spacing=24))
        right += [str(answer) == name for answer in answers]
        wrong += [] if str(answers[-1]) == name else [f"{name}: {answers[-1]}"]
    assert not wrong
    assert right[NETS.index("mlp")] >= 8


@pytest.mark.slow
def test_the_benchmark_draws_both_hands(built):
    output, _ = shell.run("-m", "benchmarks.drawing", built)
    assert "| digits that the CNN reads | 20 of 20 |" in output
    assert re.search(r"\| from a stroke to the bars \| \d+\.\d ms", output)


def test_a_page_that_does_not_exist_gets_a_sentence(tmp_path):
    with pytest.raises(UserError, match="does not exist; write a page"):
        main([str(tmp_path / "nothing.html")])


def test_what_the_nets_see_is_what_python_makes_of_the_same_drawing(page, tmp_path):
    draw(page, strokes.digit("5", "slanted", spacing=12))
    width, grey = page.evaluate("(({width, grey}) => [width, [...grey]])(Drawing.pixels())")
    picture = np.reshape(grey, (-1, width)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "drawing.png")
    (image,) = prepare(tmp_path / "drawing.png").images
    seen = page.evaluate("[...Page.state.seen]")
    difference = np.abs(np.reshape(seen, image.shape) - image.astype(int))
    assert (difference <= 1).mean() >= 0.99
