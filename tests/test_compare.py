"""common/compare.py: real runs of a few seconds, and the statistics against SciPy and by hand."""

import json
import platform
import re
import signal

from common import compare

import numpy as np
import pytest
import shell
from scipy import stats

SOFTMAX = "mnist_softmax.py --train-size 1000 --epochs 4"
MLP = "mnist_mlp.py --train-size 1000 --epochs 2"
ARGUMENTS = ["-m", "common.compare", "--only", "--run", SOFTMAX, "--run", MLP]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    output, errors = shell.run(*ARGUMENTS, "--seeds", 2, "--output-dir", folder)
    return folder, output, errors


def test_the_table_says_what_the_runs_wrote(finished):
    folder, output, errors = finished
    assert errors == ""
    results = json.loads((folder / "results.json").read_text())
    assert [row["name"] for row in results["models"]] == [SOFTMAX, MLP]
    for row, name in zip(results["models"], ["mnist_softmax", "mnist_mlp"], strict=True):
        (runs,) = (folder / "runs").glob(f"{name}*")
        found = [shell.metrics_in(runs / f"seed-{seed}") for seed in (0, 1)]
        assert [metrics["seed"] for metrics in found] == [0, 1]
        accuracies = [metrics["test_accuracy"] for metrics in found]
        assert row["test_accuracies"] == accuracies
        assert row["test_mean"] == pytest.approx(np.mean(accuracies))
        assert row["test_std"] == pytest.approx(np.std(accuracies, ddof=1))
        assert f"{100 * np.mean(accuracies):.2f} ± {100 * row['test_std']:.2f}" in output
    assert (folder / "results.md").read_text().strip() in output
    machine = rf"on \d+ cores? of \S.*, Python {platform.python_version()}, TensorFlow 2\.\d+\.\d+"
    assert re.search(machine, output)
    for picture in (
        *("accuracy_against_time", "confusion_matrices", "all_wrong", "first_wrong_last_right"),
    ):
        assert (folder / f"{picture}.png").stat().st_size > 3_000


@pytest.mark.slow
def test_finished_runs_are_kept_and_new_seeds_are_added(finished):
    folder, _, _ = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("step-*.index")}
    first = json.loads((folder / "results.json").read_text())
    shell.run(*ARGUMENTS, "--seeds", 3, "--output-dir", folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("step-*.index")}
    assert before.items() <= after.items()  # no checkpoint of the finished runs was written anew
    second = json.loads((folder / "results.json").read_text())
    for old, new in zip(first["models"], second["models"], strict=True):
        assert new["test_accuracies"][:2] == old["test_accuracies"]
        assert len(new["test_accuracies"]) == 3


@pytest.mark.slow
def test_an_interrupted_comparison_says_how_to_go_on_and_goes_on(tmp_path):
    arguments = ["-m", "common.compare", "--only", "--run", SOFTMAX]
    slow = "mnist_mlp.py --train-size 2000 --epochs 300"
    long = [*arguments, "--run", slow, "--seeds", 1, "--output-dir", tmp_path]
    process = shell.start(*long)
    for line in process.stdout:
        if line.startswith(SOFTMAX):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    shell.run(*arguments, "--seeds", 1, "--output-dir", tmp_path)
    assert (tmp_path / "results.json").exists()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--run", "mnist_rnn.py"], "must begin with one of mnist_softmax.py"),
        (["--run", ""], "must begin with one of"),
        (["--run", "mnist_cnn.py --seed 4"], "must leave --seed to the comparison"),
        (["--run", "mnist_cnn.py --output-dir=x"], "must leave --output-dir to the comparison"),
        (["--run", "mnist_cnn.py --epochs 0"], "'0' is not a whole number of 1 or more"),
        (["--run", "mnist_cnn.py --frob"], "unrecognized arguments: --frob"),
        (["--run", "mnist_cnn.py 'open"], "No closing quotation"),
        (["--seeds", "0"], "'0' is not a whole number of 1 or more"),
        (["--only"], "leaves nothing to compare"),
    ],
)
def test_usage_errors(capsys, tmp_path, flags, sentence):
    with pytest.raises(SystemExit) as exit_:
        compare.main([*flags, "--output-dir", str(tmp_path / "new")])
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "new").exists()  # nothing was begun


def test_mcnemar_by_hand():
    # 8 to 2: twice the chance of two heads or fewer in ten throws, 2 · (1 + 10 + 45) / 1024.
    assert compare.mcnemar(8, 2) == pytest.approx(2 * 56 / 1024)
    assert compare.mcnemar(2, 8) == compare.mcnemar(8, 2)
    assert compare.mcnemar(5, 5) == 1
    assert compare.mcnemar(0, 0) == 1
    assert compare.mcnemar(0, 30) < 1e-8


def fake_run(predicted, true):
    return {"predicted": np.array(predicted), "true": np.array(true)}


def test_pairs_are_counted_image_by_image():
    true = [0, 1, 2, 3, 4]
    first, second = fake_run([0, 1, 2, 0, 0], true), fake_run([0, 0, 2, 3, 1], true)
    result = compare.compare_two(("a", [first]), ("b", [second]))
    assert (result["first_only_right"], result["second_only_right"]) == ([1], [1])
    assert result["p_values"] == [1.0]


def verdict(first_only, second_only):
    pairs = list(zip(first_only, second_only, strict=True))
    difference = {
        "first": "a",
        "second": "b",
        "first_only_right": first_only,
        "second_only_right": second_only,
        "p_values": [compare.mcnemar(*pair) for pair in pairs],
    }
    return compare.difference_sentence(difference)


def test_verdicts():
    assert "real difference with every seed" in verdict([50, 60], [10, 12])
    assert "some seeds only" in verdict([50, 20], [10, 18])
    assert "some seeds only" in verdict([50, 10], [10, 50])  # sure each time, and contradicting
    assert "no more than luck" in verdict([12, 11], [10, 12])


def test_the_interval_of_the_mean_equals_scipy():
    runs = [
        {
            **{"test_accuracy": a, "validation_accuracy": a, "train_seconds": s, "test_total": 100},
            **{"parameters": 1, "multiply_adds": 1, "epochs": 1, "test_correct": round(100 * a)},
        }
        for a, s in [(0.90, 1), (0.92, 2), (0.97, 9)]
    ]
    row = compare.summarise("net", runs)
    accuracies = [0.90, 0.92, 0.97]
    interval = stats.t.interval(0.95, 2, np.mean(accuracies), stats.sem(accuracies))
    assert row["test_interval"] == pytest.approx([max(0, interval[0]), min(1, interval[1])])
    assert row["train_seconds"] == 2
    assert row["errors_mean"] == pytest.approx(7)
    single = compare.summarise("net", runs[:1])
    assert single["test_std"] is None
    assert single["test_interval"] is None
