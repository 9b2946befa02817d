"""What a reader changes in a script works the same at any batch size, with a divided step or not.

Each edit changes the text of a script. The edited script builds its graph, which a plain
`tf.Session` and `new_session` then train on the same mini-batches: every variable and every fetched
loss must agree.
"""

import re
import textwrap
import types
from pathlib import Path

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common.data import load_data
from common.parallel import halves
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from edits import EDITS, NOT_NOTED, NUM_STEPS

SCRIPTS = {
    "softmax": (mnist_softmax, []),
    "mlp": (mnist_mlp, ["--hidden", "128"]),
    "cnn": (mnist_cnn, ["--conv", "3x4", "3x8", "--fc", "32"]),
}
LONG_ENOUGH = {("mlp", 128), ("cnn", 128)}  # steps that gain from a division
CASES = [(edit, script) for edit in EDITS for script in EDITS[edit].scripts]
# The step of softmax regression is divided at neither size.
SIZES = [
    pytest.param(*case, size, marks=[pytest.mark.slow] * (case[1] == "softmax" and size > 16))
    for case in CASES
    for size in (16, 128)
]


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=600)


def edited(script, edit):
    """Return a script as a module, with lines of its text replaced and added."""
    lines = Path(script.__file__).read_text(encoding="utf-8").splitlines()
    for beginning, text in (edit.change | edit.behind).items():
        (place,) = (n for n, line in enumerate(lines) if line.strip().startswith(beginning))
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        new = textwrap.dedent(text).split("\n")
        kept = [lines[place]] if beginning in edit.behind else []
        lines[place : place + 1] = [*kept, *(indent + line for line in new)]
    module = types.ModuleType("edited")
    exec(compile("\n".join(lines), f"edited {script.__name__}", "exec"), vars(module))
    return module


def train(session, net, data, size, edit, variables):
    """Take some steps; return what they fetched, and all variables."""
    edit.start(session, net)
    fetched = []
    for step in range(NUM_STEPS):
        images, labels = data.train.take(np.arange(step * size, (step + 1) * size))
        feed = {net.x: images, net.y_true: labels} if edit.feeds_images else {}
        if net.is_training is not None:
            feed[net.is_training] = True
        fetched.append(edit.run(session, net, feed))
    if not edit.feeds_images:  # but an evaluation does
        examples = {net.x: data.test.images[:50], net.y_true: data.test.labels[:50]}
        fetched.append(session.run([net.y_pred_cls, net.loss], examples))
    return fetched, dict(zip(variables, session.run([*variables.values()]), strict=True))


@pytest.mark.parametrize(("name", "script", "size"), SIZES)
def test_an_edit_does_in_a_session_what_it_does_in_plain_tensorflow(
    mnist, tmp_path, monkeypatch, name, script, size
):
    edit = EDITS[name]
    module, flags = SCRIPTS[script]
    module = edited(module, edit)
    flags = [*flags, *edit.flags, "--batch-size", str(size), "--iterations", "20"]
    settings = module.read_settings([*flags, "--output-dir", str(tmp_path)])
    net = module.build_graph(settings, mnist)
    with net.graph.as_default():
        initialize = tf.global_variables_initializer()
        variables = {v.op.name: v.value() for v in tf.global_variables()}
    with tf.Session(graph=net.graph) as plain:
        plain.run(initialize)
        expected, expected_variables = train(plain, net, mnist, size, edit, variables)
    monkeypatch.setattr(halves, "num_cores", lambda: 2)
    with new_session(net, settings) as session:
        found, found_variables = train(session, net, mnist, size, edit, variables)
        description = session.step_description
    assert_close(found, expected, edit.tolerance)
    for variable, value in expected_variables.items():
        assert_close(found_variables[variable], value, edit.tolerance, variable)
    for variable, value in edit.expected.items():
        assert found_variables[variable] == value
    if not tf.config.list_physical_devices("GPU"):
        assert re.search(expected_form(script, size, edit.reason), description), description


def expected_form(script, size, reason):
    """Return the sentence about the step, on two cores without a GPU."""
    if reason == NOT_NOTED or (script, size) in LONG_ENOUGH:
        return reason or "in two halves"
    # The weights of softmax regression are tall.
    return "too short.*einsum" if script == "softmax" and not reason else "two cores$"


def assert_close(found, expected, tolerance, name=""):
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        assert (one is None) == (other is None)  # a training step
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=name)
