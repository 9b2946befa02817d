"""A student that learns from a teacher: what its labels are, and what becomes of a bad teacher."""

import shutil

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UsageError, UserError
from common.data import load_data
from common.run.model import Model
from common.run.teacher import TEMPERATURE, WEIGHT, checksum, with_teacher

import idx_files
import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf
from test_scripts import assert_same_run

pytestmark = pytest.mark.usefixtures("no_pictures")

STUDENT = ["--hidden", "16", "--batch-size", "50", "--epochs", "3"]


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A folder of 300 training images of noise."""
    return idx_files.write_data_set(tmp_path_factory.mktemp("data"), num_train=327)


@pytest.fixture(scope="module")
def teacher(noise, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "run"
    flags = ["--batch-norm", "--dropout", "0", "--epochs", "20", "--output-dir", str(folder)]
    mnist_cnn.main([*flags, "--data-dir", str(noise)])
    return folder


@pytest.fixture(scope="module")
def train(noise, teacher):
    def train(folder, *flags, teacher=teacher):
        where = ["--data-dir", noise, "--output-dir", folder, "--teacher", teacher]
        return mnist_mlp.main([*STUDENT, *map(str, [*where, *flags])])

    return train


def write_model(folder, num_pixels, answer):
    """Write folder/saved_model, whose probabilities are answer(pixels as float32)."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.uint8, [None, num_pixels])
        y_pred = answer(tf.cast(x, tf.float32))
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(
            session, str(folder / "saved_model"), {"images": x}, {"probabilities": y_pred}
        )


def constant(*probabilities):
    """The same probabilities for each image."""
    return lambda images: probabilities + 0 * tf.reduce_sum(images, axis=1, keepdims=True)


@pytest.mark.parametrize("script", [mnist_mlp, mnist_cnn])
@pytest.mark.parametrize("smoothing", [None, 0.2])
def test_the_loss_is_the_cross_entropy_with_the_mixed_labels(script, smoothing, noise, teacher):
    """Against NumPy, from the probabilities of the exported teacher and of the student."""
    data = load_data(noise)
    images, labels = data.train.take(np.arange(50))
    flags = ["--label-smoothing", str(smoothing)] if smoothing else []
    net = script.build_graph(script.read_settings(["--teacher", str(teacher), *flags]), data)
    with tf.Session(graph=net.graph) as session:
        session.run(tf.global_variables_initializer())
        loss, answers = session.run([net.loss, net.y_pred], {net.x: images, net.y_true: labels})
    with Model(teacher) as model:
        scores = np.log(model.probabilities(images).astype(np.float64)) / TEMPERATURE
    softened = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = WEIGHT * softened + (1 - WEIGHT) * np.eye(10)[labels]
    if smoothing:
        expected = (1 - smoothing) * expected + smoothing / 10
    expected = -(expected * np.log(answers.astype(np.float64))).sum(axis=1).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_a_label_by_hand(tmp_path):
    """Three classes, probabilities of 16/18, 1/18 and 1/18: their fourth roots are 2 to 1 to 1."""
    write_model(tmp_path, 4, constant(16 / 18, 1 / 18, 1 / 18))
    with tf.Graph().as_default(), tf.Session() as session:
        labels = session.run(with_teacher(tf.one_hot([1], 3), tf.zeros([1, 4]), tmp_path))
    np.testing.assert_allclose(labels, [[0.45, 0.325, 0.225]], rtol=1e-5)


def test_the_teacher_sees_what_the_student_sees(noise, teacher):
    """With --augment both classify the distorted image."""
    data = load_data(noise)
    flags = ["--teacher", str(teacher), "--augment"]
    net = mnist_mlp.build_graph(mnist_mlp.read_settings(flags), data)
    (pixels,) = [op for op in net.graph.get_operations() if op.name == "Round"]
    images = data.train.images[:20]
    with tf.Session(graph=net.graph) as session:
        session.run(tf.global_variables_initializer())
        plain = session.run(pixels.outputs[0], {net.x: images})
        distorted = session.run(pixels.outputs[0], {net.x: images, net.is_training: True})
    np.testing.assert_array_equal(plain, images)
    assert np.abs(distorted - plain).max() > 20


def test_a_run_names_its_teacher_and_does_not_change_or_keep_it(train, teacher, tmp_path, capsys):
    before = checksum(teacher)
    train(tmp_path / "student")
    printed = capsys.readouterr().out
    assert f"\nTeacher: {teacher}, right on " in printed
    assert "of 300 training images\n" in printed
    assert checksum(teacher) == before
    metrics = shell.metrics_in(tmp_path / "student")
    assert metrics["settings"]["teacher"] == str(teacher)
    assert metrics["parameters"] == 784 * 16 + 16 + 16 * 10 + 10
    with Model(tmp_path / "student") as model:
        names = [op.name for op in model.session.graph.get_operations()]
    assert not [name for name in names if "teacher" in name]


def test_in_two_halves_or_in_one_piece(train, tmp_path, capsys):
    large = ["--hidden", 512, "--batch-size", 150]  # too short a step is not divided
    runs = [train(tmp_path / f, f, *large) for f in ("--divide-steps", "--no-divide-steps")]
    assert capsys.readouterr().out.count("Training step: in two halves of the mini-batch") == 1
    losses = [run["history"][-1]["train_loss"] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_resumed_run_is_the_same_and_needs_the_same_teacher(train, teacher, tmp_path):
    other = tmp_path / "teacher"
    shutil.copytree(teacher, other)
    train(tmp_path / "whole", teacher=other)
    folder = tmp_path / "resumed"
    train(folder, teacher=other)
    for path in (folder / "checkpoints").glob("step-18*"):
        path.unlink()
    train(folder, "--resume", teacher=other)
    assert_same_run(folder, tmp_path / "whole")
    shutil.rmtree(other / "saved_model")
    write_model(other, 784, constant(*[0.1] * 10))
    with pytest.raises(UsageError, match=r"teacher was .*checksum \w+\), now .*checksum"):
        train(folder, "--resume", teacher=other)


def test_a_run_does_not_overwrite_its_teacher(train, teacher):
    before = checksum(teacher)
    for named in (teacher, teacher / "saved_model"):
        with pytest.raises(UsageError, match=r"would overwrite its teacher .*--output-dir"):
            train(teacher, teacher=named)
    assert checksum(teacher) == before
    assert shell.metrics_in(teacher)["model"] == "mnist_cnn"


def test_a_saved_model_may_be_named_itself(train, teacher, tmp_path):
    runs = [
        train(tmp_path / name, teacher=folder)
        for name, folder in (("run", teacher), ("model", teacher / "saved_model"))
    ]
    assert runs[0]["history"][-1]["train_loss"] == runs[1]["history"][-1]["train_loss"]


def test_a_model_of_another_program_with_variables(train, tmp_path):
    def with_variables(images):
        return tf.nn.softmax(tf.matmul(images, tf.Variable(tf.zeros([784, 10]))))

    write_model(tmp_path, 784, with_variables)
    with pytest.raises(UserError, match=r"cannot be a teacher, since its weights are variables"):
        train(tmp_path / "student", teacher=tmp_path)


def test_a_teacher_of_other_data_gets_a_line(train, noise, teacher, tmp_path, capsys):
    data = idx_files.write_data_set(tmp_path / "data", num_train=327)
    train(tmp_path / "student", "--data-dir", data, "--transpose")
    printed = capsys.readouterr().out
    assert f"\nWARNING: Teacher: {teacher}, right on " in printed
    assert "Was it trained with the same data?\n" in printed


def test_no_teacher_there(train, tmp_path):
    with pytest.raises(UserError, match=r"no trained net in .*nobody: .*or name another with"):
        train(tmp_path / "student", teacher=tmp_path / "nobody")
    assert not (tmp_path / "student").exists()


def test_a_damaged_teacher(train, teacher, tmp_path):
    shutil.copytree(teacher, tmp_path / "teacher")
    path = tmp_path / "teacher" / "saved_model" / "saved_model.pb"
    for content in (b"", b"no model", path.read_bytes()[:5_000]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"cannot be loaded as a teacher|has no signature"):
            train(tmp_path / "student", teacher=tmp_path / "teacher")


def test_a_teacher_of_other_images_or_classes(teacher, tmp_path):
    data = idx_files.write_data_set(tmp_path / "small", 88, 20, (6, 6))
    flags = [*STUDENT, "--teacher", str(teacher), "--output-dir", str(tmp_path / "student")]
    text = "has 10 classes of images with 784 pixels, and these data have 10 classes and 36 pixels"
    with pytest.raises(UserError, match=text):
        mnist_mlp.main([*flags, "--data-dir", str(data)])
    assert not (tmp_path / "student").exists()


def test_softmax_regression_has_no_teacher(capsys):
    with pytest.raises(SystemExit):
        mnist_softmax.read_settings(["--teacher", "runs/mnist_cnn"])
    assert "mnist_mlp.py and mnist_cnn.py" in capsys.readouterr().err
