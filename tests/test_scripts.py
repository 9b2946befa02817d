"""The three scripts from the shell, in new processes, on real images."""

import re
import signal
from pathlib import Path

import mnist_mlp
import mnist_softmax
from common import UsageError, UserError

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf
import trained

# Parameters, and a floor of the accuracy. A broken net classifies 10 % of the digits correctly; one
# that ignores part of its input stays below these.
QUICK = {
    "mnist_softmax": (7_850, 0.87),
    "mnist_mlp": (535_818, 0.915),
    "mnist_cnn": (242_062, 0.95),
}
LEARNED = {
    "mnist_softmax": ["fc1_weights.png"],
    "mnist_mlp": ["fc1_weights.png"],
    "mnist_cnn": [
        *("conv1_filters.png", "conv1_outputs.png", "conv2_patches.png", "conv2_outputs.png")
    ],
}


@pytest.fixture(scope="module", params=QUICK)
def finished(request, trained_run):
    """One run of each script: its name, its folder and what it printed."""
    return trained_run(request.param)


def test_a_run_prints_nothing_but_its_report(finished):
    _, _, output, errors = finished
    assert errors == ""  # no log lines, no warnings, no progress bar where there is no terminal
    assert "\x1b" not in output
    assert "\r" not in output
    assert "…" not in output  # no "Loading TensorFlow …"
    counts = re.search(
        r"training +([48]),000 images\n +validation +5,000 .*\n +test +10,000", output
    )
    assert counts[1] == trained.FLAGS[finished.script][1][0]


def test_a_run_reaches_its_floor_and_says_what_it_wrote(finished):
    name, folder, output, _ = finished
    parameters, floor = QUICK[name]
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
    printed = output[output.index("Confusion Matrix:") :].split("95 % interval")[0]
    numbers = [int(n) for n in re.findall(r"\d+", printed)]
    # Below the last row stand the numbers of the classes.
    assert numbers == [*matrix.ravel().tolist(), *range(10)]
    assert re.search(r"Time usage: \d:\d\d:\d\d", output)
    assert f"{parameters:,}" in output


def test_every_file_that_is_listed_is_there(finished):
    name, folder, output, _ = finished
    listed = [Path(line.strip()) for line in output.split("Files written:")[1].split()]
    assert all(path.exists() for path in listed)
    pictures = {"images.png", "errors.png", "confusion_matrix.png", "mosaic.png", "curves.png"}
    pictures |= set(LEARNED[name])
    assert {path.name for path in folder.glob("*.png")} == pictures
    assert {path.name for path in listed} == {
        *(*pictures, "metrics.json", "predictions.npy", "probabilities.npy"),
        *("saved_model", "checkpoints"),
    }
    assert not list(folder.rglob("*tmp*"))


def test_one_line_for_each_epoch(finished):
    _, folder, output, _ = finished
    metrics = shell.metrics_in(folder)
    loss, accuracy = r" +(\d\.\d{4})", r" +(\d+\.\d\d)%"
    lines = re.findall(rf"^ +(\d+){2 * (loss + accuracy)} +\d+\.\d$", output, re.M)
    assert len(lines) == metrics["epochs"] == len(metrics["history"])
    for epoch, (line, row) in enumerate(zip(lines, metrics["history"], strict=True), 1):
        assert int(line[0]) == epoch
        assert float(line[1]) == pytest.approx(row["train_loss"], abs=6e-5)
        assert float(line[2]) == pytest.approx(100 * row["train_accuracy"], abs=0.006)
        assert float(line[3]) == pytest.approx(row["validation_loss"], abs=6e-5)
        assert float(line[4]) == pytest.approx(100 * row["validation_accuracy"], abs=0.006)
    assert row["validation_accuracy"] == metrics["validation_accuracy"]


def test_the_run_says_how_it_trains(finished):
    _, folder, output, _ = finished
    metrics = shell.metrics_in(folder)
    said = output[output.index("\nNetwork:\n") : output.index("\nepoch ")].splitlines()
    total, step, training, _ = said[-4:]
    assert f"{metrics['parameters']:,}" in total
    assert step.startswith("Training step: in ")
    assert step == metrics["training_step"]
    rate = metrics["settings"]["learning_rate"]
    assert training == (
        f"Training: adam, learning rate {rate} (one-cycle), mini-batches of 128, "
        f"{metrics['steps']} steps, seed 0"
    )


def weights_in(folder):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    names = [n for n in reader.get_variable_to_shape_map() if n != "run_state"]
    return {name: reader.get_tensor(name) for name in names}


def assert_same_run(folder, other):
    """Bit for bit: the learning curve, the metrics and every variable, the optimizer's too."""
    first, second = (shell.without_times(shell.metrics_in(path)) for path in (folder, other))
    assert first == second
    first, second = weights_in(folder), weights_in(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], name)


# Dropout, distortions, momentum, averages and a schedule: all that could differ after a pause. And
# enough work for each step to be computed in two halves.
FLAGS = ["--augment", "--batch-norm", "--moving-average", "0.9", "--l1", "1e-5", "--l2", "1e-4"]
FLAGS += ["--hidden", "128", "64", "--clip-norm", "1", "--decay", "staircase", "--decay-steps", "7"]
FLAGS += ["--train-size", "990", "--batch-size", "100", "--epochs", "6", "--seed", "7"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    shell.run("mnist_mlp.py", *FLAGS, "--output-dir", folder)
    return folder


@pytest.mark.slow  # test_lessons.py has the same in one process
def test_the_same_seed_gives_the_same_run(uninterrupted, tmp_path):
    shell.run("mnist_mlp.py", *FLAGS, "--output-dir", tmp_path)
    assert_same_run(tmp_path, uninterrupted)


def test_a_finished_run_is_not_run_again(uninterrupted, capsys):
    before = shell.metrics_in(uninterrupted)
    mnist_mlp.main([*FLAGS, "--output-dir", str(uninterrupted), "--resume"])
    assert "This run is finished: all 60 steps are done." in capsys.readouterr().out
    assert shell.metrics_in(uninterrupted) == before


def interrupt(how, epoch, *arguments):
    """Start a run and send it a signal when the line of this epoch is printed."""
    process = shell.start(*arguments)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.split()[:1] == [str(epoch)]:
            break
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    return process.returncode, "".join(lines), errors


@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_resumes_to_the_same_end(uninterrupted, tmp_path, how):
    """One command, restarted until it is finished: interrupted, then killed, then to its end."""
    command = ["mnist_mlp.py", *FLAGS, "--output-dir", tmp_path, "--resume"]
    status, output, errors = interrupt(how, 2, *command)
    assert status == 128 + how
    assert (
        f"\nNo checkpoint in {tmp_path}/checkpoints: the run starts from the beginning.\n" in output
    )
    pattern = r"Stopped after step (\d+) of 60; checkpoint saved\. Continue with: (.+)\n"
    step, advice = re.fullmatch(pattern, errors).groups()
    assert 20 <= int(step) < 60
    assert advice == f"python {' '.join(map(str, command))}"
    assert not (tmp_path / "metrics.json").exists()

    status, output, _ = interrupt(signal.SIGKILL, 4, *command)
    assert status == -signal.SIGKILL
    assert "No checkpoint" not in output
    assert not (tmp_path / "metrics.json").exists()

    shell.run(*command)
    assert_same_run(tmp_path, uninterrupted)


def test_resuming_with_other_flags_says_which(uninterrupted, capsys):
    flags = [*FLAGS[:-1], "8", "--dropout", "0.5", "--output-dir", str(uninterrupted), "--resume"]
    with pytest.raises(UsageError, match=r"dropout was 0\.4, now 0\.5; --seed was 7, now 8\. U"):
        mnist_mlp.main(flags)
    assert UsageError.exit_status == 2


@pytest.mark.slow
def test_stages_are_reported_and_change_nothing(tmp_path):
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


# What cannot be done is a sentence.


def failure_of(script, *flags):
    """The sentence and the exit status with which a script ends."""
    with pytest.raises(UserError) as error:
        script.main([str(flag) for flag in flags])
    return str(error.value), error.value.exit_status


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (mnist_softmax, ["--learning-rate", "1e6"]),
        (mnist_mlp, ["--learning-rate", "1e6"]),
        (mnist_mlp, ["--learning-rate", "1e38", "--optimizer", "sgd"]),
        (mnist_mlp, ["--learning-rate", "1e6", "--iterations", "1"]),
    ],
)
def test_a_diverging_run_stops_with_advice(tmp_path, capsys, script, flags):
    sentence, status = failure_of(script, *flags, "--train-size", 2000, "--output-dir", tmp_path)
    pattern = r"after \d+ steps? the loss is no longer a finite number below a million: the weights"
    assert re.match(pattern, sentence)
    assert "\n" not in sentence
    assert "--learning-rate" in sentence
    assert status == 1


@pytest.mark.parametrize(
    ("flags", "status", "named"),
    [
        (["--train-size", "55001"], 2, "55,000"),
        (["--data-dir", "/nowhere"], 1, "/nowhere"),
        (["--output-dir", "/proc/nothing"], 1, "/proc/nothing"),
        (["--output-dir", "README.md"], 1, "README.md"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(monkeypatch, flags, status, named):
    monkeypatch.chdir(shell.REPOSITORY)
    sentence, exit_status = failure_of(mnist_softmax, *flags)
    assert named in sentence
    assert "\n" not in sentence
    assert exit_status == status


def test_a_script_ends_with_that_sentence_and_its_status():
    output, errors = shell.run("mnist_softmax.py", "--train-size", "55001", status=2)
    assert output == ""
    assert re.fullmatch(r"Error: the train size must be from 1 to 55,000, [^\n]+\n", errors)


def test_a_script_can_be_run_from_anywhere(tmp_path):
    flags = ["--train-size", "100", "--epochs", "1"]
    output, _ = shell.run(shell.REPOSITORY / "mnist_softmax.py", *flags, cwd=tmp_path)
    assert (tmp_path / "runs" / "mnist_softmax" / "metrics.json").exists()
    assert "  runs/mnist_softmax/metrics.json\n" in output
