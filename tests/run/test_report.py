"""The report of a run: what must not be lost is written first, and the pictures last."""

import re

import mnist_softmax
from common import UserError
from common.run import report

import idx_files
import pytest

PICTURES = {
    "images.png",
    "errors.png",
    "confusion_matrix.png",
    "curves.png",
    "fc1_weights.png",
    "mosaic.png",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return idx_files.write_data_set(tmp_path_factory.mktemp("data"), 88, 20, (6, 6))


def train(data, folder, *more):
    flags = ["--data-dir", data, "--output-dir", folder, "--epochs", 1, *more]
    return mnist_softmax.main(list(map(str, flags)))


def test_pictures_that_cannot_be_drawn_are_one_sentence_and_cost_nothing_else(
    data, tmp_path, capsys
):
    run = tmp_path / "run"
    for name in ("errors.png", "curves.png"):
        (run / name).mkdir(parents=True)  # which no file can replace
    train(data, run)
    output, errors = capsys.readouterr()
    pattern = (
        rf"Error: cannot draw errors\.png, curves\.png in {run}: Is a directory\. Metrics, "
        r"predictions and model are complete; to draw again without training: python "
        r"mnist_softmax\.py [^\n]+ --resume\n"
    )
    assert re.fullmatch(pattern, errors)
    listed = set(re.findall(rf"^  {run}/(\S+)$", output, re.M))
    others = {
        "metrics.json",
        "predictions.npy",
        "probabilities.npy",
        "saved_model/",
        "checkpoints/",
    }
    assert listed == (PICTURES - {"errors.png", "curves.png"}) | others
    assert all((run / name).exists() for name in listed)


@pytest.mark.parametrize("name", ["metrics.json", "predictions.npy"])
def test_what_cannot_be_written_leaves_the_earlier_run_together(data, tmp_path, monkeypatch, name):
    monkeypatch.setattr(report, "draw", lambda *_: [])
    train(data, tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("[mp]*.*")}
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(UserError) as error:
        train(data, tmp_path, "--seed", "1")
    sentence = str(error.value)
    assert sentence.startswith(f"cannot write {tmp_path}/{name}: Is a directory. ")
    command = r"The net is trained; continue from its last checkpoint with: python [^\n]+ --resume"
    assert re.search(command, sentence)
    if name == "predictions.npy":  # the first of both to take its place
        assert (tmp_path / "metrics.json").read_bytes() == kept["metrics.json"]
    assert not list(tmp_path.glob(".*tmp*"))
