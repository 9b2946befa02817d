"""common/comparison/sizes.py: fewer training images, beside scikit-learn's models."""

import json
import re
from argparse import Namespace

import mnist_cnn
from common import UsageError, compare
from common.comparison import references, sizes
from common.comparison.references import References
from common.data import DataSets, Split, load_data, steps_per_epoch

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier


def test_short_runs_get_more_steps():
    models = sizes.sized_models("mnist_softmax", ["--batch-size", "100"], [100, 55_000])
    assert [model.flags[2:] for model in models] == [
        ("--train-size", "100", "--iterations", "300", "--batch-size", "10"),
        ("--train-size", "55000", "--iterations", "5500"),
    ]
    assert models[0].flags[:2] == ("--batch-size", "100")
    # Ten steps or more in an epoch, so that no more than one in ten is followed by a validation.
    for size in (5, 100, 300, 1000, 55_000):
        (model,) = sizes.sized_models("mnist_cnn", [], [size])
        settings = mnist_cnn.read_settings(list(model.flags))
        assert steps_per_epoch(size, settings.batch_size) >= min(10, size)
        assert settings.iterations >= 300


@pytest.mark.slow
def test_fewer_images_than_there_are(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sizes, "MIN_STEPS", 20)
    data = load_data(train_size=5_000)
    images, labels = data.train.images.reshape(-1, 28, 28), data.train.labels
    np.savez(
        tmp_path / "few.npz",
        **{"x_train": images[:600], "y_train": labels[:600]},
        **{"x_test": images[600:800], "y_test": labels[600:800]},
    )
    flags = ["--only", "--seeds", "1", "--data-dir", str(tmp_path / "few.npz")]
    flags += ["--run", "mnist_softmax.py --iterations 40", "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UsageError, match="--train-sizes 551 is more than the 550 training images"):
        compare.main([*flags, "--train-sizes", "551"])
    compare.main([*flags, "--train-sizes", "400", "50"])
    found = json.loads((tmp_path / "out" / "sizes.json").read_text())
    assert found["sizes"] == [50, 400]
    (accuracy,) = found["accuracy"].values()
    assert np.shape(accuracy) == (2, 1)
    assert np.mean(accuracy[0]) < np.mean(accuracy[1])
    # One in twelve of the 600 is for validation.
    neighbours = KNeighborsClassifier(3).fit(images[50:450].reshape(400, -1), labels[50:450])
    expected = neighbours.score(images[600:800].reshape(200, -1), labels[600:800])
    assert found["references"]["3 nearest neighbours"][1] == pytest.approx(expected)
    assert set(found["references"]) == set(references.REFERENCES)
    assert f"{100 * expected:.2f} |" in capsys.readouterr().out
    assert (tmp_path / "out" / "sizes.png").stat().st_size > 3_000
    assert found["optimum"] is None  # the row has flags of its own


def small_data():
    random = np.random.default_rng(0)
    split = Split(random.integers(0, 256, (30, 4), np.uint8), np.arange(30) % 3)
    return DataSets(split, split, split, (2, 2), ("a", "b", "c"))


@pytest.mark.parametrize(("size", "labels"), [(2, [0, 1, 2]), (4, [1, 1, 1, 1, 0])])
def test_too_few_images_for_scikit_learn_are_refused_before_the_training(tmp_path, size, labels):
    split = Split(np.zeros((len(labels), 4), np.uint8), np.array(labels))
    data = DataSets(split, split, split, (2, 2), ("a", "b", "c"))
    options = Namespace(train_sizes=[len(labels), size], seeds=1)
    with pytest.raises(UsageError, match=f"sizes {size} needs 3 or more images, of two classes"):
        sizes.report_sizes([], data, tmp_path, options, {})
    split = Split(np.arange(12, dtype=np.uint8).reshape(3, 4), np.array([1, 1, 2]))
    few = DataSets(split, split, split, (2, 2), ("a", "b", "c"))
    found = References(few, tmp_path / "references.json").measure([3])
    assert {len(rows) for rows in found.values()} == {1}  # three images are enough


def without_seconds(found):
    return {name: [row | {"seconds": 0} for row in of_one] for name, of_one in found.items()}


@pytest.mark.parametrize("text", ["{}", "[]", "[" * 100_000, '{"measured": []}', "NaN", "\x00"])
def test_kept_references_of_another_kind_are_measured_again(tmp_path, monkeypatch, text):
    monkeypatch.setattr(references, "REFERENCES", {"3 nearest neighbours": 30})
    path = tmp_path / "references.json"
    whole = References(small_data(), path).measure([30])
    kept = path.read_text()
    assert References(small_data(), path).measure([30]) == whole
    for damaged in (text, re.sub(r"\d\.\d+", '"high"', kept), re.sub(r"\d\.\d+", "NaN", kept)):
        path.write_text(damaged)
        again = References(small_data(), path).measure([30])
        assert without_seconds(again) == without_seconds(whole)


def test_the_optimum_is_that_of_newtons_method(tmp_path):
    data = small_data()
    found = References(data, tmp_path / "references.json").optimum(30)
    images, labels = data.train.images / 255, data.train.labels
    model = LogisticRegression(C=np.inf, solver="newton-cg", tol=1e-9).fit(images, labels)
    assert found["loss"] == pytest.approx(log_loss(labels, model.predict_proba(images)), abs=1e-4)
    assert found["accuracy"] == model.score(images, labels)
    # Two classes that a line divides: the larger the weights, the smaller the loss, without end.
    assert References(data, tmp_path / "references.json").optimum(2) is None


def test_the_page_says_how_far_softmax_regression_is_from_its_optimum():
    found = {
        "sizes": [100, 55_000],
        "seeds": 2,
        "machine": "a Z80",
        "command": "x",
        "seconds": 1500,
    }
    found["accuracy"] = {"softmax regression": [[0.7, 0.72], [0.928, 0.93]]}
    found["references"] = {"logistic regression": [0.69, 0.92]}
    found["optimum"] = {"size": 55_000, "loss": [0.23, 0.25], "accuracy": [0.92, 0.93]}
    found["optimum"] |= {"lowest_loss": 0.20, "accuracy_there": 0.92, "seconds": 1}
    page = sizes.sizes_page(found)
    assert "| 55,000 | 92.90 ± 0.14 | 92.00 |" in page
    assert "on 55,000 training images is a mean loss of 0.2000 on them" in page
    assert "The script ends at 0.2400, 20.0% more. It classifies 0.50 percentage points" in page
    assert "Made by `x`, in about 25 minutes." in page
    assert "optimum" not in sizes.sizes_page(found | {"optimum": None})
