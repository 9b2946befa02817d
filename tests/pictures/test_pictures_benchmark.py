"""python -m benchmarks.pictures, and what common.predict says of lines, on drawn pictures."""

import json

from benchmarks import pictures, renderings
from benchmarks.pictures import Score
from common import UserError, predict
from common.data import load_data

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def model(trained_run):
    return trained_run("mnist_cnn").folder


def draw(image, path, *steps):
    path.parent.mkdir(exist_ok=True)
    steps = [*steps, renderings.black_on_white]
    path.write_bytes(renderings.render(renderings.enlarge(image), steps, "PNG", 0))


def test_right_wrong_and_refused_pictures_are_counted_by_kind(model, tmp_path, capsys, monkeypatch):
    test = load_data().test
    for k in range(10):
        image, label = test.images[k].reshape(28, 28), test.labels[k]
        draw(image, tmp_path / "photo" / f"a_{k}_{label}.png", renderings.page)
    image, label = test.images[0].reshape(28, 28), test.labels[0]
    draw(image, tmp_path / "drawn" / f"b_1_{label}.png")
    draw(image, tmp_path / "drawn" / f"b_2_{(label + 1) % 10}.png")
    Image.new("L", (90, 90)).save(tmp_path / "drawn" / "c_3_7.png")
    (tmp_path / "drawn" / "notes.txt").touch()
    scores = pictures.main([str(tmp_path), "--model", str(model), "--errors"])
    assert list(scores) == ["drawn", "photo", "all"]
    drawn, photo, everything = (scores[kind]["mnist_cnn"] for kind in scores)
    assert (drawn.right, drawn.wrong, drawn.refused) == (1, 1, 1)
    assert photo.total == 10
    assert photo.right >= 9
    assert everything.total == 13
    output = capsys.readouterr().out
    assert "| drawn | 3 | 1 / 1 (" in output
    assert "c_3_7.png: refused: " in output
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("<!-- load-digits -->\n<!-- end of load-digits -->\n")
    monkeypatch.setattr(pictures, "PAGE", page)
    flags = ["--model", str(model), "--source", "b", "--by-source", "--table", "load-digits"]
    only = pictures.main([str(tmp_path), *flags])
    command = f"`python -m benchmarks.pictures FOLDER --model {model} --source b --by-source`, on "
    assert command in page.read_text()
    assert "| drawn b | 2 | 1 / 1 (" in page.read_text()
    assert list(only) == ["drawn b", "all"]
    assert only["all"]["mnist_cnn"].total == 2


def test_confident_errors_are_counted():
    refused = np.array([False, False, False, True])
    certainty = np.array([1.0, 0.995, 0.5, 1.0])
    assert pictures.score("1234", "1994", certainty, refused) == Score(1, 2, 1, 1)


NAMES = [("7.png", "should be named"), ("a_.png", "should be named"), ("a.txt", "no pictures")]


@pytest.mark.parametrize(("name", "match"), NAMES)
def test_other_names_get_a_sentence(name, match, tmp_path):
    (tmp_path / "kind").mkdir()
    (tmp_path / "kind" / name).touch()
    with pytest.raises(UserError, match=match):
        pictures.list_labelled(tmp_path)


def test_predict_says_line_and_place_and_what_was_left_out(model, tmp_path, capsys):
    test = load_data().test
    rows = [np.concatenate(test.images[k : k + 2].reshape(2, 28, 28), axis=1) for k in (0, 2)]
    page = np.pad(np.concatenate(rows), ((8, 8), (8, 24)))
    page[27:31, 72:76] = 255  # a point after the first line
    draw(page, tmp_path / "page.png")
    flags = [str(tmp_path / "page.png"), "--model", str(model), "--segment"]
    (row,) = predict.main([*flags, "--json"])
    assert json.loads(capsys.readouterr().out) == [row]
    assert [(d["line"], d["place"]) for d in row["digits"]] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    classes = [d["models"]["mnist_cnn"]["class"] for d in row["digits"]]
    assert classes == [str(label) for label in test.labels[:4]]
    assert row["notes"] == ["1 small mark was left out (points, minus signs, small print)"]
    predict.main(flags)
    output = capsys.readouterr().out
    assert "(1 small mark was left out" in output
    assert f"reads in line 1 {' '.join(classes[:2])}" in output
    assert f"reads in line 2 {' '.join(classes[2:])}" in output
