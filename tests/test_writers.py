"""benchmarks/writers.py: small files made here, and the standard error against a simulation."""

from benchmarks import writers
from common import UserError

import idx_files
import numpy as np
import pytest

RANDOM = np.random.default_rng(0)


def test_writers_are_counted():
    train = np.concatenate([np.repeat([1, 2, 3, 4], 1250), [3, 4, 4, 5, 5]])
    found = writers.count_writers(train, np.array([7, 7, 8, 1]))
    assert found == {"train_writers": 5, "test_writers": 3, "both": 1, "validation_known": 0.5}


def test_images_of_one_writer_count_as_one():
    """Ten images of each writer, all right or all wrong: √10 times the binomial error."""
    correct = np.repeat(RANDOM.random(2_000) < 0.9, 10)
    row = writers.clustered_error(correct, np.repeat(np.arange(2_000), 10))
    assert row["clustered"] / row["binomial"] == pytest.approx(np.sqrt(10), rel=1e-3)
    independent = writers.clustered_error(correct, np.arange(20_000))
    assert independent["clustered"] == pytest.approx(independent["binomial"], rel=1e-3)
    assert row["first_half"] + row["second_half"] == np.count_nonzero(~correct)


def test_the_error_is_that_of_new_writers():
    """The spread of the accuracy over many samples of writers, each with an ability of his own."""
    accuracies, errors = [], []
    for _ in range(400):
        ability = RANDOM.beta(8, 1, 60)
        correct = RANDOM.random((60, 20)) < ability[:, None]
        row = writers.clustered_error(correct.ravel(), np.repeat(np.arange(60), 20))
        accuracies.append(row["accuracy"])
        errors.append(row["clustered"])
    assert np.mean(errors) == pytest.approx(np.std(accuracies), rel=0.12)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "NUM_TEST", 6)
    labels = np.zeros((12, 8), np.int32)
    labels[:, 0], labels[:, 2] = np.arange(12) % 10, np.arange(12) // 2
    for name in writers.FILES:
        idx_files.write_idx(tmp_path / f"{name}.gz", labels)
    return tmp_path


def test_files_and_a_run(folder, capsys):
    (folder / "run").mkdir()
    predictions = np.stack([np.arange(6), [0, 1, 2, 3, 0, 0]], axis=1).astype(np.int32)
    np.save(folder / "run" / "predictions.npy", predictions)
    found = writers.main([str(folder), "--run", str(folder / "run")])
    assert (found["train_writers"], found["test_writers"], found["both"]) == (6, 3, 3)
    (row,) = found["runs"].values()
    # Writers 0 and 1 have no error, writer 2 two: deviations 2/3, 2/3, -4/3.
    assert row["clustered"] == pytest.approx(np.sqrt(3 / 2 * (4 / 9 + 4 / 9 + 16 / 9)) / 6)
    assert "3 the test images" in capsys.readouterr().out


def test_what_is_missing_or_does_not_fit_is_a_sentence(folder):
    with pytest.raises(UserError, match=r"not a finished run: its predictions\.npy cannot be read"):
        writers.main([str(folder), "--run", str(folder)])
    np.save(folder / "predictions.npy", np.zeros((6, 2), np.int32))
    with pytest.raises(UserError, match="was tested on other images"):
        writers.main([str(folder), "--run", str(folder)])
    idx_files.write_idx(folder / f"{writers.FILES[1]}.gz", np.zeros(7, np.int32))
    with pytest.raises(UserError, match="not QMNIST's labels"):
        writers.main([str(folder)])
    (folder / f"{writers.FILES[0]}.gz").unlink()
    with pytest.raises(UserError, match=r"has no qmnist-train-labels-idx2-int\.gz"):
        writers.main([str(folder)])
