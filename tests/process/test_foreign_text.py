"""Class names, file names and other foreign text: control characters are made visible."""

import json

import mnist_softmax
from common import UserError, predict
from common.datasets import __main__ as datasets
from common.process.text import visible
from common.run.export import CLASSES_FILE

import numpy as np
import pytest
from PIL import Image

TRAINED = ["$\\frac{", "🙂 数字", "a", "b", "c", "d", "e"]
NAMES = ["\x1b[31mred", "a\u202egnp", "two\r\nlines", "bell\x07", "\x9b2J", "$\\frac{", "🙂 数字"]
FOLDER = "run\x1b]0;title\x07"


def assert_visible(text):
    assert all(line.isprintable() for line in text.split("\n")), repr(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on images of seven classes in a folder with such a name; its flags."""
    base = tmp_path_factory.mktemp("foreign")
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 84), ("test", 21)):
        arrays[f"x_{split}"] = random.integers(0, 256, (count, 12, 12), np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 7
    np.savez(base / "data.npz", class_names=TRAINED, **arrays)
    flags = ["--data-dir", base / "data.npz", "--epochs", 1, "--output-dir", base / FOLDER]
    return base, list(map(str, flags))


def test_a_run_a_second_one_and_its_answers(trained, capsys):
    base, flags = trained
    mnist_softmax.main(flags)
    first = capsys.readouterr()
    assert " 🙂 数字 " in first.out
    assert rf"{base}/run\x1b]0;title\x07/metrics.json" in first.out
    assert first.err == ""  # every picture could be drawn
    with pytest.raises(UserError) as error:
        mnist_softmax.main([*flags, "--resume", "--seed", "1"])
    shown = [*first, *capsys.readouterr(), str(error.value)]

    for name in ("good\x1b[2J\n.png", "bad\u202e\x1b[1m.png"):
        Image.fromarray(np.eye(12, dtype=np.uint8) * 255).save(base / name)
    (base / "bad\u202e\x1b[1m.png").write_text("no picture")
    pictures = [str(path) for path in base.glob("*d*.png")]
    note = base / FOLDER / "saved_model" / CLASSES_FILE
    note.write_text(json.dumps({"image_shape": [12, 12], "class_names": NAMES}))
    model = ["--model", str(base / FOLDER), "--output-dir", str(base / "out\x07")]
    with pytest.raises(UserError) as error:
        predict.main([*pictures, *model, "--explain"])
    shown += [*capsys.readouterr(), str(error.value)]
    assert r"good\x1b[2J\n.png" in shown[-3]
    assert any(visible(name) in shown[-3] for name in NAMES[:5])
    for text in shown:
        assert_visible(text)

    # For programs, the names are what they are.
    with pytest.raises(UserError):
        predict.main([*pictures, *model, "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert {row["file"] for row in rows} == set(pictures)
    (digits,) = [row["digits"] for row in rows if "digits" in row]
    assert list(digits[0]["models"][FOLDER]["probabilities"]) == NAMES


def test_a_folder_of_pictures(tmp_path, capsys):
    for split in ("train", "test"):
        for name in ("red", "blue"):
            folder = tmp_path / "photos\x1b[31m" / split / name
            folder.mkdir(parents=True)
            for k in range(3):
                image = np.zeros((40, 40), np.uint8)
                image[10:30, 15 + k : 20 + k] = 255
                Image.fromarray(255 - image).save(folder / f"{k}.png")
    datasets.main([str(tmp_path / "photos\x1b[31m"), str(tmp_path / "\x07.npz")])
    output = capsys.readouterr().out
    assert r"\x07.npz: 6 training images" in output
    assert_visible(output)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{}", "[]", "null", '"text"', "[" * 100_000, "\x1b[31m"),
        *('{"image_shape": 12, "class_names": []}', '{"image_shape": [12, 12, 1]}'),
        '{"image_shape": ["12", "12"], "class_names": ["a"]}',
        '{"image_shape": [12.5, 12], "class_names": ["a"]}',
        '{"image_shape": [-12, -12], "class_names": ["a"]}',
        '{"image_shape": [true, 144], "class_names": ["a"]}',
        '{"image_shape": [12, 12], "class_names": "abcdefg"}',
        '{"image_shape": [12, 12], "class_names": [0, 1, 2, 3, 4, 5, 6]}',
        '{"image_shape": [12, 12], "class_names": [null, "b", "c", "d", "e", "f", "g"]}',
        '{"image_shape": [12, 12], "class_names": {"a": 1, "b": 2}}',
        '{"image_shape": [12, 1e400], "class_names": ["a"]}',
    ],
)
def test_class_names_of_another_kind_are_refused(trained, capsys, content):
    base, _ = trained
    path = base / FOLDER / "saved_model" / CLASSES_FILE
    whole = path.read_text()
    path.write_text(content)
    try:
        with pytest.raises(UserError, match=r"classes\.json is damaged: .*\. Train") as error:
            predict.main([str(base / "data.npz"), "--model", str(base / FOLDER)])
        assert_visible(str(error.value))
    finally:
        path.write_text(whole)
