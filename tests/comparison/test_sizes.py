"""common/comparison/sizes.py: fewer training images, beside scikit-learn's models."""

import json
import re

from common import UsageError, compare
from common.comparison import sizes
from common.data import DataSets, Split, load_data

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier


def test_short_runs_get_more_steps():
    models = sizes.sized_models("mnist_softmax", ["--batch-size", "100"], [100, 55_000])
    assert [model.flags[-4:] for model in models] == [
        ("--train-size", "100", "--iterations", "300"),
        ("--train-size", "55000", "--iterations", "5500"),
    ]
    assert models[0].flags[:2] == ("--batch-size", "100")


def test_fewer_images_than_there_are(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sizes, "MIN_STEPS", 20)
    data = load_data(train_size=5_000)
    images, labels = data.train.images.reshape(-1, 28, 28), data.train.labels
    np.savez(
        tmp_path / "few.npz",
        **{"x_train": images[:600], "y_train": labels[:600]},
        **{"x_test": images[600:800], "y_test": labels[600:800]},
    )
    flags = ["--only", "--seeds", "2", "--data-dir", str(tmp_path / "few.npz")]
    flags += ["--run", "mnist_softmax.py --iterations 40", "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UsageError, match="--train-sizes 551 is more than the 550 training images"):
        compare.main([*flags, "--train-sizes", "551"])
    compare.main([*flags, "--train-sizes", "400", "50"])
    found = json.loads((tmp_path / "out" / "sizes.json").read_text())
    assert found["sizes"] == [50, 400]
    (accuracy,) = found["accuracy"].values()
    assert np.shape(accuracy) == (2, 2)
    assert np.mean(accuracy[0]) < np.mean(accuracy[1])
    # One in twelve of the 600 is for validation.
    neighbours = KNeighborsClassifier(3).fit(images[50:450].reshape(400, -1), labels[50:450])
    expected = neighbours.score(images[600:800].reshape(200, -1), labels[600:800])
    assert found["references"]["3 nearest neighbours"][1] == pytest.approx(expected)
    assert set(found["references"]) == set(sizes.REFERENCES)
    assert f"{100 * expected:.2f} |" in capsys.readouterr().out
    assert (tmp_path / "out" / "sizes.png").stat().st_size > 3_000


@pytest.mark.parametrize("text", ["{}", "[]", "[" * 100_000, '{"accuracies": []}', "NaN", "\x00"])
def test_kept_references_of_another_kind_are_measured_again(tmp_path, monkeypatch, text):
    random = np.random.default_rng(0)
    split = Split(random.integers(0, 256, (30, 4), np.uint8), np.arange(30) % 3)
    data = DataSets(split, split, split, (2, 2), ("a", "b", "c"))
    monkeypatch.setattr(sizes, "REFERENCES", {"3 nearest neighbours": 30})
    whole = sizes.measure_references(data, [30], tmp_path / "references.json")
    kept = (tmp_path / "references.json").read_text()
    for damaged in (text, re.sub(r"\d\.\d+", '"high"', kept), re.sub(r"\d\.\d+", "NaN", kept)):
        (tmp_path / "references.json").write_text(damaged)
        assert sizes.measure_references(data, [30], tmp_path / "references.json") == whole
        assert (tmp_path / "references.json").read_text() == kept
