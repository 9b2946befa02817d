"""A program that imports `common` is left alone: its TensorFlow, its Keras, its errors."""

import os
import sys

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
        (PROGRAM, "[]\nTrue\n"),
        (
            shell.as_script(PROGRAM),
            "['TF_CPP_MIN_LOG_LEVEL', 'TF_ENABLE_ONEDNN_OPTS']\nFalse\n",
        ),
    ],
    ids=["a program of its own", "a script"],
)
def test_keras_and_eager_mode_work_beside_it(tmp_path, program, expected):
    path = tmp_path / "program.py"
    path.write_text(program)
    output, _ = shell.run(path, cwd=tmp_path)
    assert output == expected


def test_pytest_is_such_a_program():
    assert sys.excepthook is sys.__excepthook__
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
