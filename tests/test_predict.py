"""common/predict.py with nets that were really trained."""

import io
import json
import shutil
import sys
from pathlib import Path

from benchmarks import preparation, renderings
from common import UserError, predict
from common.data import load_data

import numpy as np
import pytest
import shell
from PIL import Image

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="module")
def models(trained_run):
    """Name → the folder of a run that was trained quickly."""
    return {name: trained_run(f"mnist_{name}").folder for name in ("cnn", "softmax")}


@pytest.fixture(scope="module")
def test_split():
    return load_data().test


@pytest.fixture(scope="module")
def photos(test_split, tmp_path_factory):
    """Ten photos in bad light, named after what they show."""
    folder = tmp_path_factory.mktemp("photos")
    steps, kind = renderings.DIRTY["coloured, light from one side"]
    for digit in range(10):
        image = test_split.images[test_split.labels == digit][0].reshape(28, 28)
        (folder / f"{digit}.png").write_bytes(
            renderings.render(renderings.enlarge(image), steps, kind, digit)
        )
    return folder


@pytest.fixture
def run(capsys):
    """Run the command in this process; return what it prints and, if it fails, its sentences."""

    def run(*arguments):
        sentences = []
        try:
            predict.main([str(word) for word in arguments])
        except UserError as error:
            sentences.append(str(error))
        output, errors = capsys.readouterr()
        return output, [*errors.splitlines(), *sentences]

    return run


def test_photos_are_read_by_every_model(models, photos):
    flags = ["--model", models["cnn"], "--model", models["softmax"], "--json"]
    output, errors = shell.run("-m", "common.predict", photos, *flags)
    assert errors == ""
    rows = json.loads(output)
    assert [Path(row["file"]).name for row in rows] == [f"{digit}.png" for digit in range(10)]
    right = {"mnist_cnn": 0, "mnist_softmax": 0}
    for digit, row in enumerate(rows):
        (answer,) = row["digits"]
        left, top, right_edge, bottom = answer["box"]
        assert left < right_edge
        assert top < bottom
        for name, model in answer["models"].items():
            probabilities = model["probabilities"]
            assert list(probabilities) == list("0123456789")
            assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)
            assert model["class"] == max(probabilities, key=probabilities.get)
            right[name] += model["class"] == str(digit)
    assert right["mnist_cnn"] >= 9
    assert right["mnist_softmax"] >= 7


def test_it_prints_what_the_net_sees_and_three_classes(run, models, photos):
    output, errors = run(photos / "0.png", "--model", models["cnn"])
    assert errors == []
    lines = output.splitlines()
    assert lines[0] == f"{photos / '0.png'}:"
    drawn = [line for line in lines if line.startswith("  |")]
    assert len(drawn) == 28
    assert {len(line) for line in drawn} == {60}
    assert "█" in drawn[14]
    assert output.count("%") == 3
    assert lines[-2].startswith("  mnist_cnn  0 ")


def test_a_terminal_without_unicode_gets_ascii(models, photos, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    predict.main([str(photos / "0.png"), "--model", str(models["cnn"])])
    output.seek(0)
    assert "##" in output.read()


def test_mnist_shaped_pictures_pass_unchanged_by_default(run, models, test_split, tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(test_split.images[0].reshape(28, 28)).save(path)
    model = ("--model", models["cnn"])
    assert "used unchanged" in run(path, *model)[0]
    output, _ = run(path, *model, "--prepare-always")
    assert "used unchanged" not in output
    assert "  mnist_cnn  7 " in output


def test_a_number_is_read_with_segment_and_refused_without(run, models, test_split, tmp_path):
    row = np.concatenate(test_split.images[:4].reshape(4, 28, 28), axis=1)
    path = tmp_path / "number.jpg"
    steps = [renderings.page, renderings.black_on_white]
    path.write_bytes(renderings.render(renderings.enlarge(row), steps, "JPEG", 0))
    output, _ = run(path, "--model", models["cnn"], "--segment")
    assert "mnist_cnn  reads 7 2 1 0" in output
    _, errors = run(path, "--model", models["cnn"])
    assert len(errors) == 1
    assert "4 shapes side by side" in errors[0]


def test_bad_pictures_do_not_keep_the_others_from_being_read(run, models, photos, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    Image.new("L", (90, 90)).save(tmp_path / "black.png")
    pictures = (tmp_path, photos / "1.png", tmp_path / "missing.png")
    output, errors = shell.run(
        *("-m", "common.predict", *pictures, "--model", models["cnn"]), status=1
    )
    assert "black.png is blank" in errors
    assert "missing.png does not exist" in errors
    assert "text.png cannot be read as a picture" in errors
    assert all(line.startswith("Error: ") for line in errors.splitlines())
    assert len(errors.splitlines()) == 3
    assert "  mnist_cnn  1 " in output
    output, _ = run(tmp_path, "--model", models["cnn"], "--json")
    assert ["error" in row for row in json.loads(output)] == [True, True]


def test_explain_draws_a_picture_for_each_file(run, models, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "more")
    shutil.copy(photos / "3.png", tmp_path / "3_2.png")
    pictures = photos / "3.png", tmp_path / "more" / "3.png", tmp_path / "3_2.png"
    output, errors = run(
        *(*pictures, "--model", models["cnn"], "--explain"),
        *("--output-dir", tmp_path / "drawn"),
    )
    assert errors == []
    names = ["3_2_2_explained.png", "3_2_explained.png", "3_explained.png"]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == names
    for name in names:
        assert str(tmp_path / "drawn" / name) in output
        with Image.open(tmp_path / "drawn" / name) as image:
            assert image.size[0] == 858


def test_wrong_models_and_folders_get_a_sentence(run, models, photos, tmp_path, capsys):
    def fails(match, *arguments):
        (sentence,) = run(*arguments)[1]
        assert match in sentence

    picture = photos / "0.png"
    fails("no trained model in", picture, "--model", tmp_path)
    broken = tmp_path / "broken" / "saved_model"
    broken.mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"\xff\xff")
    fails("cannot be loaded", picture, "--model", tmp_path / "broken")
    shutil.copytree(models["softmax"], tmp_path / "noted")
    note = tmp_path / "noted/saved_model/assets.extra/classes.json"
    note.write_text("{")
    fails("is damaged", picture, "--model", tmp_path / "noted")
    note.write_text('{"image_shape": [10, 10], "class_names": ["a"]}')
    fails("outputs for", picture, "--model", tmp_path / "noted")
    (tmp_path / "empty").mkdir()
    fails("holds no pictures", tmp_path / "empty", "--model", models["cnn"])
    with pytest.raises(SystemExit) as exit_:
        predict.main(["--model", str(models["cnn"])])
    assert exit_.value.code == 2
    assert "required: picture" in capsys.readouterr().err


def test_a_saved_model_needs_nothing_else_of_the_run(run, models, photos, tmp_path):
    shutil.copytree(models["cnn"] / "saved_model", tmp_path / "digits")
    output, _ = run(photos / "1.png", "--model", tmp_path / "digits")
    assert "  digits  1 " in output
    shutil.rmtree(tmp_path / "digits/assets.extra")  # as written by another program
    assert "  digits  1 " in run(photos / "1.png", "--model", tmp_path / "digits")[0]


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_fashion_mnist_trains_by_its_files(tmp_path):
    flags = ("--train-size", "5000", "--epochs", "2", "--output-dir", tmp_path)
    shell.run("mnist_cnn.py", "--data-dir", FASHION, *flags)
    assert 0.7 < shell.metrics_in(tmp_path)["test_accuracy"] < 0.95


@pytest.mark.slow
def test_the_preparation_costs_the_cnn_little(tmp_path):
    """The promise: at most 1.5 points on clean renderings and 4 on dirty ones."""
    shell.run("mnist_cnn.py", "--output-dir", tmp_path / "cnn")
    fractions = preparation.main(["--model", str(tmp_path / "cnn"), "--images", "400"])
    original = fractions["the original images"]["cnn"]
    for name in renderings.CLEAN:
        assert fractions[name]["cnn"] >= original - 0.015, name
    for name in renderings.DIRTY:
        assert fractions[name]["cnn"] >= original - 0.04, name
