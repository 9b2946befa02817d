"""A program that imports `common` is left alone: its TensorFlow, its Keras, its errors."""

import os
import signal
import sys
import types

from common.process.arguments import typed_arguments
from common.process.start import is_ours

import pytest
import shell

# Everything in one process: graph mode by `common`, Keras and eager mode by TensorFlow 2.
PROGRAM = """
import os, sys
before = dict(os.environ)
import common
import mnist_cnn  # imports TensorFlow
assert "TF_USE_LEGACY_KERAS" not in os.environ
import tensorflow as tf
assert tf.executing_eagerly()
model = tf.keras.Sequential([tf.keras.layers.Dense(2)])
assert model(tf.ones([4, 3])).shape == (4, 2)
from common.data import load_data
net = mnist_cnn.build_graph(mnist_cnn.read_settings([]), load_data(train_size=100))
assert (tf.constant(1) + 1).numpy() == 2
ours = ["TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS"]
print([name for name in ours if os.environ.get(name) != before.get(name)])
print(sys.excepthook is sys.__excepthook__)
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(PROGRAM, "[]\nTrue\n", id="a program of its own"),
        pytest.param(
            shell.as_script(PROGRAM),
            "['TF_CPP_MIN_LOG_LEVEL', 'TF_ENABLE_ONEDNN_OPTS']\nFalse\n",
            id="a script",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_keras_and_eager_mode_work_beside_it(tmp_path, program, expected):
    path = tmp_path / "program.py"
    path.write_text(program)
    output, _ = shell.run(path, cwd=tmp_path)
    assert output == expected


def test_pytest_is_such_a_program():
    # Before Python 3.11 pytest itself brings another one, of the package exceptiongroup.
    assert not sys.excepthook.__module__.startswith("common")
    assert "TF_USE_LEGACY_KERAS" not in os.environ


ERROR = "import common; raise common.UserError('a sentence')"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (ERROR, "Traceback (most recent call last):"),
        (shell.as_script(ERROR), "Error: a sentence"),
    ],
    ids=["a program of its own", "a script"],
)
def test_only_in_a_script_an_error_becomes_a_sentence(program, expected):
    _, errors = shell.run("-c", program, status=1)
    assert errors.splitlines()[0] == expected


# What a program expects of a library: its files, its functions at the end and all that it sees and
# hands on to its children stay as they are.
HOST = """
import atexit, csv, json, logging, os, signal, subprocess, sys
def state():
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    child = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)
    # Other variables are set by TensorFlow and Keras themselves.
    begin = ("TF_", "MPL", "PYTHON")
    variables = [{k: v for k, v in e.items() if k.startswith(begin)} for e in (os.environ, child)]
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]
    levels = [logging.getLogger(name).level for name in ("", "matplotlib", "PIL")]
    return variables, sys.excepthook, handlers, levels
before = state()
atexit.register(print, "at exit")
table = open("table.csv", "w")
csv.writer(table).writerow(["a", "row"])
"""
EVERYTHING = """
import tensorflow as tf
def keras():
    model = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(tf.ones([4, 3]), tf.ones([4, 2]), verbose=0)
keras()
import mnist_softmax, common.session, common.training, common.compare, common.transfer
flags = ["--train-size", "200", "--iterations", "1"]
print(mnist_softmax.main(flags)["steps"])
keras()
"""
INTERRUPTED = -signal.SIGINT, "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("what", "end", "status", "last"),
    [
        ("import common", "raise common.UserError('mine')", 1, "errors.UserError: mine"),
        ("import common", "raise BrokenPipeError", 1, "BrokenPipeError"),
        ("import common", "os.kill(os.getpid(), signal.SIGINT)", *INTERRUPTED),
        pytest.param(
            *(EVERYTHING, "os.kill(os.getpid(), signal.SIGINT)", *INTERRUPTED),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["an error of ours", "an error of its own", "an interrupt", "an interrupt after a run"],
)
def test_a_host_program_ends_in_its_own_way(tmp_path, what, end, status, last):
    program = tmp_path / "host.py"
    program.write_text(f"{HOST}\n{what}\nassert state() == before\n{end}\n")
    output, errors = shell.run(program, status=status, cwd=tmp_path)
    assert output.splitlines()[-1] == "at exit"
    assert errors.splitlines()[-1].endswith(last)
    assert (tmp_path / "table.csv").read_text() == "a,row\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *(("mnist_cnn.py", True), ("mnist_my_copy.py", True), ("common/predict.py", True)),
        *(("benchmarks/pages.py", True), ("host.py", False), ("tests/mnist_host.py", False)),
        (".venv/bin/pytest", False),
    ],
)
def test_which_programs_start_quietly_and_end_with_a_sentence(monkeypatch, path, expected):
    file = str(shell.REPOSITORY / path)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", file, raising=False)
    assert is_ours() == expected


# Arguments that are not ours.


def test_main_leaves_a_notebooks_arguments_alone(monkeypatch):
    """Those of its kernel. In a script, `%run mnist_cnn.py --seed 1`, they are the reader's."""
    notebook = types.ModuleType("IPython")
    notebook.get_ipython = lambda: types.SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel-1.json"])
    assert typed_arguments(None) == []
    assert typed_arguments(["--seed", "1"]) == ["--seed", "1"]
    script = shell.REPOSITORY / "mnist_cnn.py"
    monkeypatch.setattr(sys.modules["__main__"], "__file__", script, raising=False)
    assert typed_arguments(None) == ["-f", "kernel-1.json"]


# Modules that are started by their path.


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("predict.py", "with: python -m common.predict 'my 3.png' --json"),
        ("compare.py", "with: python -m common.compare 'my 3.png' --json"),
        ("transfer.py", "with: python -m common.transfer 'my 3.png' --json"),
        ("training.py", "for example with: python mnist_cnn.py"),
    ],
)
def test_a_module_started_by_its_path_says_how_to_start_it(path, sentence, tmp_path):
    path = shell.REPOSITORY / "common" / path
    options = {"cwd": tmp_path, "variables": {"PYTHONPATH": ""}}
    _, errors = shell.run(path, "my 3.png", "--json", status=2, **options)
    (line,) = errors.splitlines()
    assert line.endswith(sentence)
    assert f"in the folder {shell.REPOSITORY}" in line


def test_a_start_from_within_the_package():
    options = {"cwd": shell.REPOSITORY / "common", "variables": {"PYTHONPATH": ""}}
    _, errors = shell.run("-m", "common.predict", status=2, **options)
    assert errors == (
        "common is a package of the folder above this one: start Python in the folder "
        f"{shell.REPOSITORY}\n"
    )
