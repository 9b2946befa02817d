"""A reader copies a script, changes a line and runs the copy, alone and in a comparison."""

import json
import re
import shutil

import mnist_softmax
from common import UserError
from common.comparison import runs
from common.process.arguments import new_parser
from common.run import code

import pytest
import shell
import terminal

OPTIMIZER = "optimizer = new_optimizer(settings, num_steps)"
OWN = "optimizer = tf.train.GradientDescentOptimizer(0.5)"
FEW = ("--train-size", 1000, "--epochs", 1)


@pytest.fixture
def folder(tmp_path):
    """A copy of the scripts and of what they import, with the data of this repository."""
    shutil.copytree(shell.REPOSITORY / "common", tmp_path / "common")
    (tmp_path / "data").symlink_to(shell.REPOSITORY / "data")
    for path in shell.REPOSITORY.glob("mnist_*.py"):
        shutil.copy(path, tmp_path)
    return tmp_path


def run(folder, *arguments, **options):
    return shell.run(*arguments, cwd=folder, variables={"PYTHONPATH": str(folder)}, **options)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    "flags",
    [
        ("softmax",),
        pytest.param(("mlp", "--dropout", 0), marks=pytest.mark.slow),
        pytest.param(("cnn", "--dropout", 0), marks=pytest.mark.slow),
    ],
)
def test_a_copy_with_an_optimizer_of_tf_train_is_a_script_like_the_others(folder, flags):
    name, *flags = flags
    copy = folder / f"my_{name}.py"
    shutil.copy(folder / f"mnist_{name}.py", copy)
    change(copy, OPTIMIZER, OWN)
    output, errors = run(folder, copy.name, *flags, *FEW)
    assert errors == ""
    assert "\nTraining: an optimizer of the script's own, mini-batches of 128, 8 steps" in output
    metrics = shell.metrics_in(folder / "runs" / f"my_{name}")
    assert metrics["model"] == f"my_{name}"
    assert metrics["steps"] == 8
    assert metrics["test_accuracy"] > 0.3
    assert metrics["settings"]["optimizer"] == "the script's own"
    assert metrics["settings"]["learning_rate"] is None
    assert not (folder / "runs" / f"mnist_{name}").exists()


LAYER = "logits = new_fc_layer(images, num_pixels, num_classes, activation=None)"
OWN_LAYER = """W = tf.Variable(tf.zeros([num_pixels, num_classes]), name="W")
        b = tf.Variable(tf.zeros([num_classes]), name="b")
        logits = tf.matmul(images, W) + b"""


def test_a_layer_of_a_copy_s_own_is_counted_penalised_and_drawn(folder):
    """The first lines of every TensorFlow 1 tutorial, in place of `new_fc_layer`."""
    copy = folder / "my_softmax.py"
    shutil.copy(folder / "mnist_softmax.py", copy)
    change(copy, LAYER, OWN_LAYER)
    output, errors = run(folder, copy.name, *FEW, "--l2", 0.01)
    assert errors == ""
    assert re.search(r"Network:\n  W +7,840\n  b +10\n  total +7,850\n", output)
    metrics = shell.metrics_in(folder / "runs" / "my_softmax")
    assert metrics["parameters"] == 7_850
    assert metrics["multiply_adds"] is None
    assert metrics["test_accuracy"] > 0.3
    assert (folder / "runs" / "my_softmax" / "W_weights.png").exists()


IMPORT = "import tensorflow.compat.v1 as tf\n"
SKIP = """
        pairs = optimizer.compute_gradients(loss)
        finite = tf.is_finite(tf.global_norm([gradient for gradient, _ in pairs]))
        train_step = tf.cond(finite, lambda: optimizer.apply_gradients(pairs), lambda: tf.no_op())
"""
TENSOR = """
        with tf.control_dependencies([optimizer.minimize(loss)]):
            train_step = tf.identity(loss)
"""
STEP, LOSS = "        train_step = optimizer.minimize(loss)\n", "loss = tf.reduce_mean("


@pytest.mark.slow
def test_steps_written_otherwise_train_alike(folder):
    """The learning rate follows the global step, which must be counted once for each step."""
    edits = {
        "nothing": (STEP, STEP),
        "a condition": (STEP, SKIP),
        "a tensor": (STEP, TENSOR),
        "a vector": (STEP, STEP.replace("(loss)", "(cross_entropy / 128)")),
        "behaviour of TensorFlow 1": (IMPORT, f"{IMPORT}tf.disable_v2_behavior()\n"),
    }
    curves = {}
    for number, (name, edit) in enumerate(edits.items()):
        copy = folder / f"my_{number}.py"
        shutil.copy(folder / "mnist_softmax.py", copy)
        change(copy, *edit)
        _, errors = run(folder, copy.name, "--train-size", 1280, "--epochs", 2)
        assert errors == ""
        history = shell.metrics_in(folder / "runs" / f"my_{number}")["history"]
        curves[name] = [row["train_loss"] for row in history]
    for name, curve in curves.items():
        assert curve == pytest.approx(curves["nothing"], rel=1e-4), name


@pytest.mark.slow
def test_moving_averages_are_right_with_the_variables_of_tensorflow_1(folder):
    flags = ["my_softmax.py", "--train-size", 1280, "--epochs", 3, "--moving-average", 0.9]
    copy = folder / "my_softmax.py"
    shutil.copy(folder / "mnist_softmax.py", copy)
    histories = []
    for behaviour in ("", "tf.disable_v2_behavior()\n"):
        change(copy, IMPORT, IMPORT + behaviour)
        run(folder, *flags)
        histories.append(shell.metrics_in(folder / "runs" / "my_softmax")["history"])
    for one, other in zip(*histories, strict=True):
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("(logits, axis=1, name", "(logits[:, None], axis=2, name", "y_pred_cls has the shape (2"),
        (
            'y_pred = tf.nn.softmax(logits, name="y_pred")',
            "y_pred = loss",
            "y_pred has the shape (",
        ),
    ],
)
def test_a_node_of_another_shape_ends_the_run_with_a_sentence(folder, old, new, problem):
    change(folder / "mnist_softmax.py", old, new)
    _, errors = run(folder, "mnist_softmax.py", *FEW, status=1)
    assert errors.startswith(f"Error: {problem}")
    assert "for 256 images; it must be (" in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("keep = tf.placeholder(tf.float32, name='keep')\n        loss = keep * tf.reduce_mean(",
         "the net needs a value for the placeholder keep when it is tested, too"),
        ("loss = 1e9 * tf.reduce_mean(",
         "the loss is no finite number below a million in step 1, before any weight has changed"),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_measured_is_explained(folder, new, problem):
    change(folder / "mnist_softmax.py", LOSS, new)
    if "keep" in new:
        path = folder / "mnist_softmax.py"
        change(path, "net.y_true: labels}", "net.y_true: labels, 'keep:0': 1.0}")
    _, errors = run(folder, "mnist_softmax.py", *FEW, status=1)
    assert errors.startswith(f"Error: {problem}")


def test_a_copy_ends_errors_with_a_sentence_under_its_own_name(folder):
    shutil.copy(folder / "mnist_softmax.py", folder / "my_softmax.py")
    _, errors = run(folder, "my_softmax.py", "--epoch", 1, status=2)
    assert "my_softmax.py: unrecognized arguments: --epoch 1 (did you mean --epochs?)" in errors


@pytest.mark.slow
def test_a_copy_is_resumed_only_with_the_optimizer_that_it_had(folder):
    shutil.copy(folder / "mnist_softmax.py", folder / "my_softmax.py")
    run(folder, "my_softmax.py", *FEW)
    output, _ = run(folder, "my_softmax.py", *FEW, "--resume")
    assert "the learning rate of the schedule one-cycle has ended with it" in output
    assert "The code has changed" not in output
    change(folder / "my_softmax.py", LOSS, f"{LOSS}0.5 * ")
    output, _ = run(folder, "my_softmax.py", *FEW, "--resume")
    assert "The code has changed since this checkpoint was written; what is left of the" in output
    change(folder / "my_softmax.py", OPTIMIZER, OWN)
    _, errors = run(folder, "my_softmax.py", *FEW, "--resume", status=2)
    assert "optimizer was adam, now the script's own" in errors


@pytest.mark.slow
def test_random_numbers_of_a_copy_s_own_are_the_same_on_a_terminal(folder):
    """There the loss is measured for the bar, which may not draw from them."""
    copy = folder / "my_mlp.py"
    shutil.copy(folder / "mnist_mlp.py", copy)
    change(copy, "dropout(layer, settings.dropout, is_training)", "tf.nn.dropout(layer, rate=0.3)")
    flags = ["my_mlp.py", "--train-size", 12_000, "--epochs", 4, "--output-dir"]
    run(folder, *flags, folder / "piped")
    shown = terminal.run(*flags, folder / "shown", cwd=folder)
    assert "epoch 1/4" in shown
    names = ("piped", "shown")
    piped, shown = (shell.without_times(shell.metrics_in(folder / name)) for name in names)
    assert piped == shown


@pytest.mark.slow
def test_a_comparison_trains_a_copy_again_when_its_code_has_changed(folder):
    copy = folder / "my_softmax.py"
    shutil.copy(folder / "mnist_softmax.py", copy)
    line = ["-m", "common.compare", "--only", "--seeds", 1, "--run"]
    line += [f"my_softmax.py {' '.join(map(str, FEW))}"]
    results = folder / "runs" / "compare" / "results.json"

    def accuracy():
        (row,) = json.loads(results.read_text(encoding="utf-8"))["models"]
        return row["test_mean"]

    output, errors = run(folder, *line)
    assert errors == ""
    assert "my_softmax --train-size 1000" in output
    first = accuracy()
    change(copy, "loss = tf.reduce_mean(", "loss = 0.001 * tf.reduce_mean(")
    change(copy, OPTIMIZER, OWN)
    output, _ = run(folder, *line)
    assert ", seed 0: its code has changed since, so it is trained again." in output
    assert accuracy() < first - 0.05


def test_comments_do_not_change_the_code(monkeypatch, folder):
    monkeypatch.setattr(code, "REPOSITORY", folder)
    before = code.code_checksum("mnist_cnn")
    change(folder / "mnist_cnn.py", "# The loss: cross-entropy", "# Minimised: cross-entropy")
    assert code.code_checksum("mnist_cnn") == before
    change(folder / "common" / "objective.py", "LOSS_LIMIT = 1e6", "LOSS_LIMIT = 1e7")
    assert code.code_checksum("mnist_cnn") != before


@pytest.mark.slow
def test_a_failure_in_a_comparison_names_its_row(folder):
    bad = ["--run", "mnist_mlp.py --optimizer sgd --learning-rate 1e9"]
    line = ["-m", "common.compare", "--only", "--seeds", 1, *bad]
    _, errors = run(folder, *line, status=1)
    assert errors.startswith("Error: mnist_mlp.py --optimizer sgd --learning-rate 1e9, seed 0: the")
    assert errors.endswith("The finished runs are kept.\n")


@pytest.mark.parametrize(
    ("flag", "line", "problem"),
    [
        ("--run", "other.py", "--run 'other.py' must begin with one of mnist_softmax.py,"),
        ("--baseline", "nonsense", "--baseline 'nonsense' must begin with one of mnist_softmax.py"),
        ("--baseline", "'", '--baseline "\'" cannot be read'),
    ],
)
def test_a_row_that_is_no_script_is_named_by_its_flag(capsys, flag, line, problem):
    with pytest.raises(SystemExit):
        runs.parse_model(new_parser("python -m common.compare", "A table."), line, flag)
    assert problem in capsys.readouterr().err


def test_folders_of_classes_without_train_and_test_are_recognised(tmp_path):
    for name in ("daisy", "rose", "tulip", "weed"):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        (tmp_path / "flowers" / name / "1.PNG").write_bytes(b"")
    flags = ["--data-dir", str(tmp_path / "flowers"), "--output-dir", str(tmp_path / "run")]
    problem = "has pictures in daisy, rose, tulip, …, but no folders train and test: move"
    with pytest.raises(UserError, match=problem):
        mnist_softmax.main(flags)


def test_an_output_folder_without_a_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        mnist_softmax.main(["--output-dir", ""])
    assert "--output-dir: the name of the folder is empty" in capsys.readouterr().err


def test_main_asks_for_a_list():
    with pytest.raises(TypeError, match=r"for example \['--epochs', '1'\]"):
        mnist_softmax.main("--epochs 1")
