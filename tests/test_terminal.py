"""What a person sees on a real terminal, and what is left of it in a pipe."""

import re
import subprocess
import sys

import pytest
import shell
import terminal
import trained

# What a line of the terminal shows while something takes its time.
STATUS = r"\r([A-Z][\w -]+) …\x1b\[K"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A run of the CNN on a terminal, with the flags of the one in trained.py."""
    folder = tmp_path_factory.mktemp("runs") / "mnist_cnn"
    flags = [*trained.FLAGS["mnist_cnn"], "--output-dir", folder]
    return terminal.run("mnist_cnn.py", *flags)


def test_the_first_that_is_shown_is_that_tensorflow_loads(shown):
    assert shown.startswith("\rLoading TensorFlow …\x1b[K\r\x1b[K")


def test_it_is_shown_before_tensorflow_is_loaded():
    """Python reports every import on the terminal, those of TensorFlow after that line."""
    shown = terminal.run("-X", "importtime", "mnist_softmax.py", "--help")
    imported = [found.start() for found in re.finditer(r"\| +(tensorflow|jax|keras)\b", shown)]
    assert len(imported) > 1
    assert shown.index("Loading TensorFlow …") < imported[0]


def without_times(line):
    """A printed line without seconds, and without the folder of the run."""
    line = re.sub(r" +\d+\.\d$|\d:\d\d:\d\d$", "", line)  # of the learning curve; Time usage
    return re.sub(r"^  /.*/", "  ", line)


def test_what_is_left_on_the_screen_is_what_a_pipe_gets(shown, trained_run):
    """The same run, bit for bit; bars and announcements are gone."""
    piped = trained_run("mnist_cnn").output.splitlines()
    assert list(map(without_times, terminal.screen(shown))) == list(map(without_times, piped))


def test_the_long_parts_of_a_run_are_announced(shown, trained_run):
    announced = re.findall(STATUS, shown)
    assert list(dict.fromkeys(announced)) == [
        "Loading TensorFlow",
        "Loading scikit-learn",
        "Validating",
        "Testing",
        "Saving",
        "Drawing",
    ]
    # Each of them is removed again.
    assert len(re.findall(rf"{STATUS}\r\x1b\[K", shown)) == len(announced)
    _, _, output, errors = trained_run("mnist_cnn")
    for text in ("…", "\r", "\x1b", *announced):
        assert text not in output + errors


def test_the_bar_shows_epoch_step_loss_and_the_time_left(shown):
    bar = r"\repoch (\d)/2(, loss \d\.\d{4})?: +(\d+)%\|.*?\| step (\d+)/126, ([\d:]+|\?) left"
    bars = re.findall(bar, shown)
    epochs, losses, percentages, steps, left = zip(*bars, strict=True)
    assert (epochs[0], epochs[-1]) == ("1", "2")
    assert list(epochs) == sorted(epochs)
    assert list(map(int, steps)) == sorted(map(int, steps))
    for epoch, step, percentage in zip(epochs, steps, percentages, strict=True):
        assert int(epoch) == min(int(step) // 63 + 1, 2)
        assert int(percentage) == pytest.approx(100 * int(step) / 126, abs=0.51)
    # The loss is measured once in a second.
    assert losses[0] == ""
    assert re.fullmatch(r", loss \d\.\d{4}", losses[-1])
    assert re.fullmatch(r"\d\d:\d\d", left[-1])
    width = max(len(line) for line in re.findall(r"\r(epoch [^\r\n]*left)", shown))
    assert 90 < width <= 100  # of the 100 columns


def test_ctrl_c_on_the_terminal_leaves_one_sentence(tmp_path):
    flags = ["mnist_mlp.py", "--train-size", "5000", "--epochs", "50", "--output-dir", tmp_path]
    window = terminal.Terminal(sys.executable, *flags)
    window.read_until(r"\repoch 2/50")
    window.type("\x03")
    shown = window.end(status=130)
    last = terminal.screen(shown)[-1]
    command = f"python {' '.join(map(str, flags))} --resume"
    pattern = rf"Stopped after step \d+ of 2,000; checkpoint saved\. Continue with: {command}"
    assert re.fullmatch(pattern, last.removeprefix("^C"))
    assert "Error" not in shown
    assert "Traceback" not in shown


def test_errors_on_the_terminal_are_one_sentence():
    shown = terminal.run("mnist_softmax.py", "--data-dir", "/nowhere", status=1)
    (line,) = terminal.screen(shown)
    assert line.startswith("Error: the data folder /nowhere does not exist ")


# Pipes.


def through_head(command, lines):
    """Run a command in a pipe that is closed after some lines: its output, errors and status."""
    script = f"{sys.executable} {command} | head -{lines}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=shell.REPOSITORY,
        env=shell.environment(),
        capture_output=True,
        text=True,
    )


def test_a_pipe_that_is_closed_during_a_run_ends_it_quietly(tmp_path):
    flags = f"--train-size 2000 --epochs 200 --output-dir {tmp_path}"
    result = through_head(f"mnist_softmax.py {flags}", 2)
    assert result.stdout.splitlines()[0].startswith("Data: ")
    assert result.stderr == ""
    assert result.returncode == 1
    assert not (tmp_path / "metrics.json").exists()


def test_a_pipe_that_is_closed_after_the_first_line_of_help_is_no_error():
    result = through_head("-m common.predict --help", 1)
    assert result.stdout.startswith("usage: python -m common.predict")
    assert result.stderr == ""
    assert result.returncode in (0, 1)  # the help may be written before the pipe is closed
