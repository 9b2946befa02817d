"""The three scripts from the shell, in new processes, on real images."""

import re
import signal
import subprocess
from pathlib import Path

from common.data import load_data

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf

# A broken net reads 10 % of the digits; one that ignores part of its input stays below these.
QUICK = {
    "mnist_softmax": (["--train-size", "4000", "--epochs", "4"], 7_850, 0.86),
    "mnist_mlp": (["--train-size", "4000", "--epochs", "4"], 535_818, 0.915),
    "mnist_cnn": (["--train-size", "4000", "--epochs", "3"], 242_062, 0.94),
}
LEARNED = {
    "mnist_softmax": ["fc1_weights.png"],
    "mnist_mlp": ["fc1_weights.png"],
    "mnist_cnn": [
        *("conv1_filters.png", "conv1_outputs.png", "conv2_filters.png", "conv2_outputs.png")
    ],
}


@pytest.fixture(scope="module", params=QUICK)
def finished(request, tmp_path_factory):
    """One run of each script: its name, its folder and what it printed."""
    folder = tmp_path_factory.mktemp(request.param)
    flags, _, _ = QUICK[request.param]
    output, errors = shell.run(f"{request.param}.py", *flags, "--output-dir", folder)
    return request.param, folder, output, errors


def test_a_run_prints_nothing_but_its_report(finished):
    _, _, output, errors = finished
    assert errors == ""  # no log lines, no warnings, no progress bar where there is no terminal
    assert "\x1b" not in output
    assert "\r" not in output
    assert len(re.findall(r"training +4,000|validation +5,000|test +10,000", output)) == 3


def test_a_run_reaches_its_floor_and_says_what_it_wrote(finished):
    name, folder, output, _ = finished
    _, parameters, floor = QUICK[name]
    metrics = shell.metrics_in(folder)
    assert metrics["model"] == name
    assert metrics["parameters"] == parameters
    assert metrics["test_accuracy"] >= floor
    assert metrics["test_total"] == 10_000
    assert metrics["test_correct"] == round(metrics["test_accuracy"] * 10_000)
    low, high = metrics["test_accuracy_interval"]
    assert low < metrics["test_accuracy"] < high
    matrix = np.array(metrics["confusion_matrix"])
    assert matrix.sum() == 10_000
    assert np.trace(matrix) == metrics["test_correct"]
    message = re.search(r"Accuracy on Test-Set: (\d+\.\d)% \((\d+) / 10000\)", output)
    assert int(message[2]) == metrics["test_correct"]
    assert float(message[1]) == round(100 * metrics["test_accuracy"], 1)
    printed = output[output.index("Confusion Matrix:") :].split("Time usage:")[0]
    numbers = [int(n) for n in re.findall(r"\d+", printed)]
    assert numbers == matrix.ravel().tolist()
    assert re.search(r"Time usage: \d:\d\d:\d\d", output)
    assert f"{parameters:,}" in output


def test_every_file_that_is_listed_is_there(finished):
    name, folder, output, _ = finished
    listed = [Path(line.strip()) for line in output.split("Files written:")[1].split()]
    assert all(path.exists() for path in listed)
    pictures = {"images.png", "errors.png", "confusion_matrix.png", "curves.png", *LEARNED[name]}
    assert {path.name for path in folder.glob("*.png")} == pictures
    assert {path.name for path in listed} == {
        *(*pictures, "metrics.json", "predictions.npy", "saved_model", "checkpoints")
    }
    assert not list(folder.rglob("*tmp*"))


def test_one_line_for_each_epoch(finished):
    _, folder, output, _ = finished
    metrics = shell.metrics_in(folder)
    lines = re.findall(r"^ +(\d+) +(\d\.\d{4}) +(\d+\.\d\d)% +(\d+\.\d\d)% +\d+\.\d$", output, re.M)
    assert [int(line[0]) for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) == metrics["epochs"]
    assert float(lines[-1][3]) == pytest.approx(100 * metrics["validation_accuracy"], abs=0.006)


PREDICT_WITH_TF_2 = """
import sys
import numpy as np
import tensorflow as tf
from common.data import load_data
model = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
images = load_data().test.images
probabilities = np.concatenate(
    [model(images=tf.constant(part))["probabilities"] for part in np.split(images, 20)]
)
assert abs(probabilities.sum(axis=1) - 1).max() < 1e-5
np.save(sys.argv[2], probabilities.argmax(axis=1))
"""


def test_the_saved_model_gives_the_same_answers_in_a_new_process(finished, tmp_path):
    _, folder, _, _ = finished
    shell.run("-c", PREDICT_WITH_TF_2, folder / "saved_model", tmp_path / "predicted.npy")
    predicted = np.load(tmp_path / "predicted.npy")
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (load_data().test.labels, predicted), 1)
    assert matrix.tolist() == shell.metrics_in(folder)["confusion_matrix"]


def weights_in(folder):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    names = [n for n in reader.get_variable_to_shape_map() if n != "run_state"]
    return {name: reader.get_tensor(name) for name in names}


# Dropout, distortions, momentum, averages and a schedule: all that could differ after a pause. And
# enough work for each step to be computed in two halves.
FLAGS = ["--augment", "--batch-norm", "--moving-average", "0.9", "--l1", "1e-5", "--l2", "1e-4"]
FLAGS += ["--hidden", "128", "64", "--clip-norm", "1", "--decay", "staircase", "--decay-steps", "7"]
FLAGS += ["--train-size", "1990", "--batch-size", "100", "--epochs", "6", "--seed", "7"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    shell.run("mnist_mlp.py", *FLAGS, "--output-dir", folder)
    return folder


def test_the_same_seed_gives_the_same_run(uninterrupted, tmp_path):
    shell.run("mnist_mlp.py", *FLAGS, "--output-dir", tmp_path)
    first, second = shell.metrics_in(uninterrupted), shell.metrics_in(tmp_path)
    assert shell.without_times(first) == shell.without_times(second)
    for name, values in weights_in(uninterrupted).items():
        np.testing.assert_array_equal(values, weights_in(tmp_path)[name], name)


def test_a_finished_run_is_not_run_again(uninterrupted):
    before = shell.metrics_in(uninterrupted)
    output, _ = shell.run("mnist_mlp.py", *FLAGS, "--output-dir", uninterrupted, "--resume")
    assert "This run is finished" in output
    assert shell.metrics_in(uninterrupted) == before


@pytest.mark.parametrize(
    "how",
    [signal.SIGTERM, signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
)
def test_an_interrupted_run_resumes_to_the_same_end(uninterrupted, tmp_path, how):
    arguments = ["mnist_mlp.py", *FLAGS, "--output-dir", tmp_path]
    process = shell.start(*arguments)
    for line in process.stdout:  # the line of the second epoch: now the third is under way
        if line.split()[:1] == ["2"]:
            break
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    if how == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 128 + how
        assert errors.startswith("Error: interrupted after step ")
        assert errors.count("\n") == 1
        command = errors.split("Continue with: ")[1].strip()
        assert command == f"python {' '.join(map(str, arguments))} --resume"
    assert not (tmp_path / "metrics.json").exists()

    shell.run(*arguments, "--resume")
    first, second = shell.metrics_in(uninterrupted), shell.metrics_in(tmp_path)
    assert shell.without_times(first) == shell.without_times(second)
    for name, values in weights_in(uninterrupted).items():
        np.testing.assert_array_equal(values, weights_in(tmp_path)[name], name)


def test_resuming_with_other_flags_says_which(uninterrupted):
    flags = [*FLAGS[:-1], "8", "--dropout", "0.5", "--output-dir", uninterrupted, "--resume"]
    _, errors = shell.run("mnist_mlp.py", *flags, status=2)
    assert "dropout was 0.4, now 0.5; seed was 7, now 8" in errors
    assert "Traceback" not in errors


def test_resuming_nothing_is_a_sentence(tmp_path):
    _, errors = shell.run("mnist_softmax.py", "--output-dir", tmp_path, "--resume", status=1)
    assert errors.startswith("Error: no checkpoint to resume from in ")


@pytest.mark.slow
def test_stages_are_reported_and_steer_nothing(tmp_path):
    flags = ["--train-size", "500", "--iterations", "12", "--batch-size", "50"]
    plain, staged = tmp_path / "plain", tmp_path / "staged"
    shell.run("mnist_softmax.py", *flags, "--output-dir", plain)
    stages = ["--evaluate-at", "0", "1", "12"]
    output, _ = shell.run("mnist_softmax.py", *flags, *stages, "--output-dir", staged)
    lines = re.findall(r"After (\d+) steps?: Accuracy on Test-Set: .* \((\d+) / 10000\)", output)
    assert [line[0] for line in lines] == ["0", "1", "12"]
    assert int(lines[0][1]) < 2_000  # before training: about one in ten
    assert int(lines[2][1]) == shell.metrics_in(staged)["test_correct"]
    assert shell.without_times(shell.metrics_in(plain)) == shell.without_times(
        shell.metrics_in(staged)
    )


@pytest.mark.parametrize(
    "flags",
    [
        ["mnist_softmax.py", "--learning-rate", "1e6"],
        ["mnist_mlp.py", "--learning-rate", "1e6"],
        ["mnist_mlp.py", "--learning-rate", "1e38", "--optimizer", "sgd"],
        ["mnist_mlp.py", "--learning-rate", "1e6", "--iterations", "1"],
    ],
)
def test_a_diverging_run_stops_with_advice(tmp_path, flags):
    _, errors = shell.run(*flags, "--train-size", 2000, "--output-dir", tmp_path, status=1)
    pattern = r"Error: the loss is no longer a finite number below a million in step \d+, with a l"
    assert re.match(pattern, errors)
    assert errors.count("\n") == 1
    assert "--learning-rate" in errors


@pytest.mark.parametrize(
    ("flags", "status", "sentence"),
    [
        (["--train-size", "55001"], 2, "55,000"),
        (["--data-dir", "/nowhere"], 1, "/nowhere"),
        (["--output-dir", "/proc/nothing"], 1, "/proc/nothing"),
        (["--output-dir", "README.md"], 1, "README.md"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(flags, status, sentence):
    _, errors = shell.run("mnist_softmax.py", *flags, status=status)
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    assert sentence in errors


def test_a_script_can_be_run_from_anywhere(tmp_path):
    flags = ["--train-size", "100", "--epochs", "1"]
    output, _ = shell.run(shell.REPOSITORY / "mnist_softmax.py", *flags, cwd=tmp_path)
    assert (tmp_path / "runs" / "mnist_softmax" / "metrics.json").exists()
    assert "  runs/mnist_softmax/metrics.json\n" in output


def test_a_closed_pipe_ends_quietly():
    command = f"{shell.sys.executable} mnist_softmax.py --help | head -1"
    result = subprocess.run(
        command, shell=True, cwd=shell.REPOSITORY, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("usage: mnist_softmax.py")
    assert "Traceback" not in result.stderr
