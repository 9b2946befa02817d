"""common/pictures/doubt.py and common.predict with a net that was really trained."""

import io
import json
import shutil
from types import SimpleNamespace

from benchmarks import doubt as benchmark
from benchmarks import nondigits, renderings
from common import predict
from common.data import load_data
from common.pictures.doubt import doubt, unfamiliarity
from common.run import familiarity
from common.run.model import Model

import numpy as np
import pytest
from PIL import Image, ImageDraw


@pytest.fixture(scope="module")
def folder(trained_run):
    return trained_run("mnist_cnn").folder


@pytest.fixture(scope="module")
def model(folder):
    return Model(folder)


def answers_to(capsys, *arguments):
    """What --json says about the only digit of each picture, and the text without --json."""
    predict.main([*map(str, arguments), "--json"])
    rows = json.loads(capsys.readouterr().out)
    predict.main([*map(str, arguments)])
    return [row["digits"][0] for row in rows], capsys.readouterr().out


def test_few_digits_are_doubted(model):
    test = load_data().test
    images = test.images[:3000].reshape(-1, 28, 28)
    probabilities = model.probabilities(images)
    parts = unfamiliarity(model, images, probabilities, np.zeros(3000, bool))
    right = probabilities.argmax(axis=1) == test.labels[:3000]
    doubted = parts.sum(axis=1) > 1
    assert doubted[right].mean() < 0.02
    assert doubted[~right].mean() > 0.02  # and more of those that are misread


@pytest.mark.parametrize(
    ("kind", "least"), [("squares", 0.8), ("symbols", 0.5), ("letters, printed", 0.4)]
)
def test_most_of_what_is_no_digit_is_doubted(model, kind, least):
    ink = [nondigits.KINDS[kind](np.random.default_rng(seed)) for seed in range(40)]
    images = np.stack([on_black(picture) for picture in ink])
    parts = unfamiliarity(model, images, model.probabilities(images), np.zeros(len(images), bool))
    assert (parts.sum(axis=1) > 1).mean() >= least


def on_black(picture):
    """Make a picture 20 pixels long on 28 × 28 pixels, white on black, without common.pictures."""
    picture = Image.fromarray(picture if np.median(picture) < 128 else 255 - picture)
    picture = picture.point(lambda grey: 255 if grey > 128 else 0)
    picture = picture.crop(picture.getbbox())
    picture.thumbnail((20, 20), Image.Resampling.BOX)
    result = Image.new("L", (28, 28))
    result.paste(picture, ((28 - picture.width) // 2, (28 - picture.height) // 2))
    return np.asarray(result)


def test_a_digit_passes_and_a_scribble_gets_a_line(folder, tmp_path, capsys):
    digit = renderings.enlarge(load_data().test.images[0].reshape(28, 28))
    content = renderings.render(digit, [renderings.black_on_white], "PNG", 0)
    (tmp_path / "a.png").write_bytes(content)
    grid = Image.new("L", (240, 240), 255)
    for place in (50, 95, 140, 185):
        ImageDraw.Draw(grid).line([(place, 40), (place, 200)], 0, 12)
        ImageDraw.Draw(grid).line([(40, place), (200, place)], 0, 12)
    grid.save(tmp_path / "b.png")
    (seven, none), text = answers_to(capsys, tmp_path, "--model", folder)
    assert seven["doubt"] is None
    assert seven["unfamiliarity"]["mnist_cnn"] < 1
    assert none["unfamiliarity"]["mnist_cnn"] > 1
    assert none["doubt"].startswith("perhaps no digit: its strokes are unlike those of the images")
    before, after = text.split(str(tmp_path / "b.png"))
    assert "perhaps" not in before
    assert f"  {none['doubt']}\n" in after


def test_blank_paper_that_is_taken_for_ink_gets_a_line(folder, tmp_path, capsys):
    noise = np.random.default_rng(0).normal(90, 60, (28, 28)).clip(0, 255).astype(np.uint8)
    noise[:4] = noise[-4:] = noise[:, :4] = noise[:, -4:] = 0  # as large as a digit
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (answer,), text = answers_to(capsys, tmp_path / "noise.png", "--model", folder)
    assert answer["doubt"]
    assert text.count("perhaps no digit") == 1


def test_a_digit_drawn_with_one_pixel_is_usual_once_it_is_prepared(model):
    picture = Image.new("L", (28, 28))
    ImageDraw.Draw(picture).line([(5, 3), (22, 3), (10, 25)], 255)  # a 7
    image = np.asarray(picture)[None]
    probabilities = np.eye(10, dtype=np.float32)[[7]]
    raw = unfamiliarity(model, image, probabilities, np.array([False]))
    prepared = unfamiliarity(model, image, probabilities, np.array([True]))
    assert raw.sum() > 1 > prepared.sum()


def test_what_runs_from_edge_to_edge_is_perhaps_a_crease(folder, tmp_path, capsys):
    fibres = np.random.default_rng(0).normal(215, 3, (240, 240))
    for name, ends, width in (
        ("crease", (60, 0, 150, 239), 3),
        ("one", (150, 40, 100, 200), 14),
        ("tight", (135, 0, 105, 239), 34),  # cropped to the digit
    ):
        picture = Image.fromarray(fibres.clip(0, 255).astype(np.uint8))
        ImageDraw.Draw(picture).line(ends, 90, width)
        picture.save(tmp_path / f"{name}.png")
    fibres[:, :60] = 90
    Image.fromarray(fibres.clip(0, 255).astype(np.uint8)).save(tmp_path / "table.png")
    paths = [tmp_path / f"{name}.png" for name in ("crease", "table", "one", "tight")]
    answers, text = answers_to(capsys, *paths, "--model", folder)
    assert ["edge to edge" in (answer["doubt"] or "") for answer in answers] == [True] * 2 + [
        False
    ] * 2
    assert text.count("perhaps no digit: it runs from edge to edge of the picture") == 2


def test_half_of_the_nets_must_doubt():
    def net(name, classes="0123456789"):
        return SimpleNamespace(name=name, class_names=classes)

    strokes, both, usual = np.array([[2.0, 0.5], [0.4, 0.9], [0.5, 0.2]])
    assert doubt([net("a")], [usual]) is None
    assert doubt([net("a")], [None]) is None
    assert "its strokes are unlike" in doubt([net("a")], [strokes])
    assert "the net is undecided" in doubt([net("a")], [both])
    models = [net("a"), net("b"), net("c")]
    assert doubt(models, [strokes, usual, usual]) is None
    assert doubt(models, [strokes, usual, None]).endswith("(a)")
    assert doubt(models, [strokes, usual, strokes]).endswith("(a, c)")
    assert doubt(models, [usual] * 3, across=True).endswith("as a crease or the edge of paper does")
    shirts = doubt([net("a", ("shirt", "bag"))], [strokes])
    assert shirts.startswith("perhaps none of the classes: ")


def test_a_model_that_noted_nothing_doubts_nothing(folder, tmp_path, capsys):
    shutil.copytree(folder / "saved_model", tmp_path / "net")
    (tmp_path / "net" / familiarity.FILE).unlink()
    noise = np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8)
    Image.fromarray(np.pad(noise[4:-4, 4:-4], 4)).save(tmp_path / "noise.png")
    (answer,), text = answers_to(capsys, tmp_path / "noise.png", "--model", tmp_path / "net")
    assert answer["doubt"] is None
    assert answer["unfamiliarity"] == {"net": None}
    assert "perhaps" not in text


@pytest.mark.parametrize("kind", nondigits.KINDS)
def test_pictures_without_a_digit_are_drawn_again_from_their_seed(kind):
    first, again, other = (nondigits.draw(kind, seed) for seed in (1, 1, 2))
    assert first == again != other
    picture = np.asarray(Image.open(io.BytesIO(first)))
    assert picture.ndim == 2
    assert picture.std() > 0.5


def test_the_benchmark_counts(model):
    split = load_data().test
    digits, labels = split.images[:50].reshape(-1, 28, 28), split.labels[:50]
    refused = np.zeros_like(digits[:10])
    noise = np.random.default_rng(0).integers(0, 255, (30, 28, 28)).astype(np.uint8)
    images = np.concatenate([digits, refused])
    across = np.arange(60) == 3
    some = {"some": (images, across, np.concatenate([labels, np.arange(10)]))}
    (row,) = benchmark.false_alarms([model], some)
    assert row == ("some", ["50", "2.0%"])
    noise = np.concatenate([noise, refused]), np.zeros(40, bool)
    rows, numbers = benchmark.detection([model], {"noise": noise})
    assert rows[0][1][:2] == ["40", "25%"]
    assert rows[0][1][2].startswith("100% (")
    assert numbers == {"noise": {"mnist_cnn": (30, 30, 0)}}
