"""Digits are drawn with the mouse on the whole page, stroke by stroke, and read by its nets."""

import re

from benchmarks.browser import find_chromium, read
from benchmarks.drawing import main
from common import UserError
from common.pictures.preparation import prepare

import numpy as np
import pytest
import shell
import strokes
from PIL import Image

pytestmark = pytest.mark.browser
NETS = ("softmax", "mlp", "cnn")


@pytest.mark.slow
def test_the_cnn_reads_ten_digits_that_are_drawn_with_the_mouse(page):
    wrong, right = [], np.zeros(len(NETS), int)
    for name in strokes.UPRIGHT:
        answers = read(page, strokes.digit(name, spacing=24))
        right += [str(answer) == name for answer in answers]
        wrong += [] if str(answers[-1]) == name else [f"{name}: {answers[-1]}"]
    assert not wrong
    assert right[NETS.index("mlp")] >= 8


@pytest.mark.slow
def test_the_benchmark_draws_both_hands(built):
    output, _ = shell.run("-m", "benchmarks.drawing", built)
    assert re.search(r"\| digits that the CNN .*reads \| 20 of 20 \|", output)  # with its flags
    assert re.search(r"\| from a stroke to the bars \| \d+\.\d ms", output)


def test_a_page_that_does_not_exist_gets_a_sentence(tmp_path):
    with pytest.raises(UserError, match="does not exist; write a page"):
        main([str(tmp_path / "nothing.html")])


def test_a_snap_is_no_chromium(tmp_path, monkeypatch):
    """It cannot open the files of a test, which would fail in place of being skipped."""
    for folder in ("snap", "usr"):
        program = tmp_path / folder / "bin" / "chromium"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "usr" / "bin"))
    assert find_chromium() == str(tmp_path / "usr" / "bin" / "chromium")
    monkeypatch.setenv("PATH", str(tmp_path / "snap" / "bin"))
    with pytest.raises(UserError, match="chromium is missing, or is a snap"):
        find_chromium()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get install chromium"):
        find_chromium()


def test_what_the_nets_see_is_what_python_makes_of_the_same_drawing(page, tmp_path):
    read(page, strokes.digit("5", "slanted", spacing=12))
    width, grey = page.evaluate("(({width, grey}) => [width, [...grey]])(Drawing.pixels())")
    picture = np.reshape(grey, (-1, width)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "drawing.png")
    (image,) = prepare(tmp_path / "drawing.png").images
    seen = page.evaluate("[...Page.state.seen]")
    difference = np.abs(np.reshape(seen, image.shape) - image.astype(int))
    assert (difference <= 1).mean() >= 0.99
