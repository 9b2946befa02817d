"""common/compare.py: the command, with real runs of a few seconds."""

import json
import platform
import re
import shlex
import signal

from common import compare
from common.comparison import figures
from common.comparison.distortions import DISTORTIONS
from common.data import load_data
from common.process.machine import describe_machine
from common.run.model import Model

import numpy as np
import pytest
import shell

SOFTMAX = "mnist_softmax.py --train-size 1000 --epochs 4"
MLP = "mnist_mlp.py --train-size 1000 --epochs 2"
PICTURES = ["errors_against_time", "confusion_matrices", "all_wrong", "first_wrong_last_right"]
PICTURES += ["one_image"]
ARGUMENTS = ["-m", "common.compare", "--only", "--run", SOFTMAX, "--run", MLP]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    output, errors = shell.run(*ARGUMENTS, "--seeds", 2, "--output-dir", folder)
    return folder, output, errors


def test_the_table_contains_the_numbers_of_the_runs(finished):
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
    written = (folder / "results.md").read_text()
    machine = rf"on \d+ cores? of \S.*, Python {platform.python_version()}, TensorFlow 2\.\d+\.\d+"
    assert re.search(machine, written)
    assert max(map(len, output[output.index("   model") :].split("Files")[0].splitlines())) <= 80
    for picture in PICTURES:
        assert (folder / f"{picture}.png").stat().st_size > 3_000


@pytest.mark.slow
def test_finished_runs_are_kept_and_new_seeds_are_added(finished):
    folder, _, _ = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("step-*.index")}
    first = json.loads((folder / "results.json").read_text())
    shell.run(*ARGUMENTS, "--seeds", 3, "--output-dir", folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("step-*.index")}
    assert before.items() <= after.items()  # no checkpoint of a finished run was written again
    second = json.loads((folder / "results.json").read_text())
    for old, new in zip(first["models"], second["models"], strict=True):
        assert new["test_accuracies"][:2] == old["test_accuracies"]
        assert len(new["test_accuracies"]) == 3


@pytest.mark.slow
def test_an_interrupted_comparison_says_how_to_continue_and_continues(tmp_path):
    long = "mnist_mlp.py --train-size 2000 --epochs 100"
    arguments = ["-m", "common.compare", "--only", "--run", SOFTMAX, "--run", long]
    arguments += ["--seeds", "1", "--output-dir", str(tmp_path)]
    process = shell.start(*arguments)
    for line in process.stdout:
        if line.startswith(SOFTMAX):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == f"interrupted; continue with: {shlex.join(['python', *arguments])}\n"
    assert not (tmp_path / "results.json").exists()
    shell.run(*arguments)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [model["name"] for model in results["models"]] == [SOFTMAX, long]


def test_the_shift_is_that_of_the_exported_models(finished):
    """Two pixels up, right, down and left, cut out of images with a border by hand."""
    folder, _, _ = finished
    test = load_data().test
    bordered = np.pad(test.images.reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    row = json.loads((folder / "results.json").read_text())["models"][0]
    accuracies = []
    for run in (folder / "runs").glob("mnist_softmax*/seed-*"):
        net = Model(run)
        for top, left in (4, 2), (2, 0), (0, 2), (2, 4):
            probabilities = net.probabilities(bordered[:, top : top + 28, left : left + 28])
            accuracies.append(np.mean(probabilities.argmax(axis=1) == test.labels))
    assert len(accuracies) == 4 * len(row["test_accuracies"])
    assert row["shifted_mean"] == pytest.approx(np.mean(accuracies))


@pytest.mark.slow
def test_robustness_of_two_models_on_a_few_images(tmp_path, capsys):
    data = load_data()
    images, labels = data.train.images.reshape(-1, 28, 28), data.train.labels
    np.savez(
        tmp_path / "few.npz",
        **{"x_train": images[:400], "y_train": labels[:400]},
        **{"x_test": images[400:500], "y_test": labels[400:500]},
    )
    flags = ["--only", "--seeds", "2", "--robustness", "--data-dir", str(tmp_path / "few.npz")]
    flags += ["--run", "mnist_softmax.py --epochs 3", "--run", "mnist_mlp.py --epochs 3"]
    results = compare.main([*flags, "--output-dir", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert found["models"] == ["softmax regression --epochs 3", "MLP --epochs 3"]
    clean = [row["test_accuracies"] for row in results["models"]]
    for name, row in found["distortions"].items():
        accuracy = np.array(row["accuracy"])
        assert accuracy.shape == (2, len(row["strengths"]), 2)
        neutral = row["strengths"].index(DISTORTIONS[name].neutral)
        np.testing.assert_allclose(accuracy[:, neutral], clean)
    assert len(found["corruptions"]) == 12
    page = (tmp_path / "out" / "robustness.md").read_text()
    assert page in capsys.readouterr().out
    assert page.endswith("`, after the training in about a minute.\n")
    errors = [1 - np.array(row["accuracy"]) for row in found["corruptions"].values()]
    assert f"| {100 * np.mean(errors, axis=0)[0].mean():.1f} ±" in page
    for picture in ("robustness", "shift", "reliability"):
        assert (tmp_path / "out" / f"{picture}.png").stat().st_size > 3_000


def test_where_no_image_is_read_by_the_best_net_alone_the_picture_says_so(tmp_path, capsys):
    """Two nets with the same answers are no failure, and the command ends with status 0."""
    answers = {"true": np.arange(10), "predicted": np.arange(10), "confusion_matrix": np.eye(10)}
    run = {"model": "mnist_cnn", "test_correct": 10, "history": [], **answers}
    drawn = figures.draw_figures(tmp_path, ["one", "other"], [[run], [run]], load_data())
    assert drawn == [f"{name}.png" for name in PICTURES]
    assert all((tmp_path / file).exists() for file in drawn)
    assert capsys.readouterr().err == ""


def test_each_row_is_compared_with_the_one_before_it_or_with_the_baseline(capsys):
    names = ["a", "b", "c", "d"]
    assert compare._pairs("previous", names) == [(0, 1), (1, 2), (2, 3)]
    assert compare._pairs("first", names) == [(0, 1), (0, 2), (0, 3)]
    assert compare._pairs("c", names) == [(2, 0), (2, 1), (2, 3)]
    with pytest.raises(SystemExit):
        compare.main(["--only", "--run", "mnist_mlp.py", "--baseline", "mnist_cnn.py"])
    assert "'mnist_cnn.py' is none of the rows 'mnist_mlp.py'" in capsys.readouterr().err


FAST = "mnist_softmax.py --train-size 1000 --epochs 1"


def compare_fast(folder, seeds=1):
    return compare.main(
        ["--only", "--run", FAST, "--seeds", str(seeds), "--output-dir", str(folder)]
    )


@pytest.mark.slow
def test_a_run_killed_in_its_first_save_starts_from_the_beginning(tmp_path):
    """Such a run leaves an empty folder of checkpoints."""
    compare_fast(tmp_path / "reference")
    (reference,) = (tmp_path / "reference" / "runs").iterdir()
    kept = tmp_path / "killed" / "runs" / reference.name / "seed-0"
    (kept / "checkpoints").mkdir(parents=True)
    results = compare_fast(tmp_path / "killed")
    accuracy = shell.metrics_in(reference / "seed-0")["test_accuracy"]
    assert results["models"][0]["test_accuracies"] == [accuracy]


@pytest.mark.slow
def test_a_kept_run_is_credited_to_the_machine_that_trained_it(tmp_path):
    here = describe_machine()
    assert compare_fast(tmp_path)["machine"] == here
    (metrics,) = tmp_path.glob("runs/*/seed-0/metrics.json")
    kept = json.loads(metrics.read_text())
    assert kept["machine"] == here
    metrics.write_text(json.dumps(kept | {"machine": "8 cores of a Z80"}))
    assert compare_fast(tmp_path)["machine"] == "8 cores of a Z80"
    assert json.loads(metrics.read_text())["machine"] == "8 cores of a Z80"
    both = compare_fast(tmp_path, seeds=2)
    assert both["machine"] == f"several machines: 8 cores of a Z80; {here}"
    assert (
        f"on several machines: 8 cores of a Z80; {here}." in (tmp_path / "results.md").read_text()
    )


@pytest.mark.slow
def test_a_kept_run_without_a_machine_was_trained_on_an_unknown_one(tmp_path):
    compare_fast(tmp_path)
    (metrics,) = tmp_path.glob("runs/*/seed-0/metrics.json")
    kept = json.loads(metrics.read_text())
    kept.pop("machine")
    metrics.write_text(json.dumps(kept))
    assert compare_fast(tmp_path)["machine"] == "an unknown machine"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--run", "mnist_rnn.py"], "must begin with one of mnist_softmax.py"),
        (["--run", ""], "must begin with one of"),
        (["--run", "mnist_cnn.py --seed 4"], "must not contain --seed, which the comparison"),
        (["--run", "mnist_cnn.py --output-dir=x"], "must not contain --output-dir"),
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
    assert not (tmp_path / "new").exists()  # nothing was started
