"""What a script does by itself, as TensorFlow 1 code does it, is understood or explained."""

import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.evaluation import evaluate
from common.networks import Net
from common.process.text import matrix_lines
from common.run.export import export
from common.run.progress import layer_table
from common.session import new_session
from common.training import mini_batches

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf

QUICK = ["--train-size", "512", "--epochs", "1", "--batch-size", "128"]


@pytest.fixture(scope="module")
def data():
    return load_data(train_size=512)


def net_of(x, y_true, train, own=None):
    """A graph of softmax regression with placeholders, and a training step, of its own.

    Args:
        x: dtype and shape of the images' placeholder.
        y_true: the same of the labels'.
        train: the loss → a training step.
        own: builds operations at the beginning.
    """
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        made = own and own()
        x, y_true = tf.placeholder(*x, name="x"), tf.placeholder(*y_true, name="y_true")
        images = tf.reshape(tf.cast(x, tf.float32) / 255, [-1, 784])
        weights = tf.Variable(tf.zeros([784, 10]), name="W")
        logits = tf.matmul(images, weights)
        one_hot = y_true if y_true.shape.rank == 2 else tf.one_hot(y_true, 10)
        loss = tf.losses.softmax_cross_entropy(one_hot, logits)
        step = train(loss, made)
        net = Net(graph, x, y_true, loss, step, tf.nn.softmax(logits), tf.argmax(logits, 1))
        net.made = made
        return net


def sgd(loss, step=None):
    return tf.train.GradientDescentOptimizer(0.5).minimize(loss, global_step=step)


def settings_for(folder, *flags):
    return mnist_softmax.read_settings([*QUICK, *flags, "--output-dir", str(folder)])


IMAGES, LABELS = (tf.uint8, [None, 784]), (tf.int32, [None])


def own_step():
    return tf.Variable(0, trainable=False, name="global_step")


@pytest.mark.parametrize("behaviour", [1, 2])
def test_a_global_step_of_the_script_s_own_is_counted_saved_and_resumed(data, tmp_path, behaviour):
    """`tf.Variable(0, name="global_step")` stands in most tutorials with a decaying rate."""

    def decayed(loss, step):
        rate = tf.train.exponential_decay(0.5, step, 2, 0.9)
        return tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)

    if behaviour == 1:
        tf.disable_resource_variables()
    try:
        net = net_of(IMAGES, LABELS, decayed, own_step)
    finally:
        tf.enable_resource_variables()
    with new_session(net, settings_for(tmp_path)) as session:
        for images, labels in mini_batches(data, session):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
        assert session.run(net.made) == 4
        assert [v.op.name for v in net.graph.get_collection(tf.GraphKeys.GLOBAL_STEP)] == [
            "global_step"
        ]


@pytest.mark.parametrize(
    ("x", "y_true"),
    [
        ((tf.uint8, [None, 28, 28, 1]), LABELS),
        (IMAGES, (tf.float32, [None, 10])),
        (IMAGES, (tf.int64, [None, 10])),
    ],
    ids=["28 x 28 x 1", "one-hot", "one-hot, integers"],
)
def test_images_and_labels_are_fed_in_the_shape_of_their_placeholders(data, tmp_path, x, y_true):
    found = []
    for kind in ((IMAGES, LABELS), (x, y_true)):
        net = net_of(*kind, sgd)
        with new_session(net, settings_for(tmp_path)) as session:
            found.append(evaluate(session, data.test.first(300)))
            export(session, tmp_path / "saved_model", data)
            with tf.Session(graph=tf.Graph()) as other:
                tf.saved_model.load(other, ["serve"], str(tmp_path / "saved_model"))
    assert np.array_equal(found[0].probabilities, found[1].probabilities)
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-6)


def test_an_optimizer_that_is_left_in_the_script_but_does_not_train_is_not_named(tmp_path, capsys):
    def build(settings, data):
        with monkey.context() as patch:
            patch.setattr("common.objective.Optimizer.minimize", lambda self, loss: sgd(loss))
            return build_graph(settings, data)

    build_graph, monkey = mnist_softmax.build_graph, pytest.MonkeyPatch
    with monkey.context() as patch:
        patch.setattr(mnist_softmax, "build_graph", build)
        metrics = mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path)])
    assert "Training: an optimizer of the script's own, mini-b" in capsys.readouterr().out
    assert metrics["settings"]["optimizer"] == "the script's own"


def test_fractions_that_an_integer_placeholder_cuts_off_are_noted_once(data, tmp_path, capsys):
    """Plain TensorFlow cuts them off, too, but silently."""
    settings = settings_for(tmp_path)
    net = mnist_softmax.build_graph(settings, data)
    images, labels = data.train.images[:128], data.train.labels[:128]
    with new_session(net, settings) as session:
        session.run(net.train_step, {net.x: images.astype(np.float32), net.y_true: labels})
        assert "fractions" not in capsys.readouterr().out
        for _ in range(2):
            session.run(net.train_step, {net.x: images / 255, net.y_true: labels})
    line = "x:0 takes whole numbers (uint8), so the fractions that are fed are cut off: "
    assert capsys.readouterr().out.count(line) == 1


def test_two_steps_for_each_mini_batch_end_at_the_end_of_the_schedule(data, tmp_path, capsys):
    settings = settings_for(tmp_path)
    net = mnist_softmax.build_graph(settings, data)
    rate = net.graph.get_tensor_by_name("train/learning_rate:0")
    rates = []
    with new_session(net, settings) as session:
        for images, labels in mini_batches(data, session):
            for _ in range(2):
                session.run(net.train_step, {net.x: images, net.y_true: labels})
            rates.append(session.run(rate))
    assert rates[1:] == pytest.approx([0, 0, 0], abs=1e-9)
    assert "The global step is 8 after 4 mini-batches" in capsys.readouterr().out


def test_the_table_takes_a_layer_of_unknown_shape():
    with tf.Graph().as_default() as graph:
        images = tf.py_func(lambda: np.zeros([2, 784], np.float32), [], tf.float32)
        mnist_softmax.new_fc_layer(images, 784, 10, activation=None)
        assert layer_table(graph).splitlines()[0].split() == ["fc1", "7,850"]


@pytest.mark.parametrize(
    ("matrix", "lines"),
    [
        ([[7, 1], [0, 12]], ["[[ 7  1]", " [ 0 12]]"]),
        ([[0.5, 0.5], [0.25, 0.75]], ["[[0.500 0.500]", " [0.250 0.750]]"]),
    ],
)
def test_a_matrix_of_other_classes_has_no_names_that_are_wrong(matrix, lines):
    assert "\n".join(matrix_lines(matrix, [str(k) for k in range(10)])).splitlines() == lines


def test_what_keeps_predict_from_using_a_net_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        mnist_softmax.tf.nn, "softmax", lambda logits, name: tf.identity(logits, name)
    )
    mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path)])
    assert "y_pred has no probabilities, since its rows do not sum to 1" in capsys.readouterr().out


def test_histograms_show_variables_of_the_script_s_own(tmp_path, monkeypatch):
    def own_layer(input, num_inputs, num_outputs, **options):
        return tf.matmul(input, tf.Variable(tf.zeros([num_inputs, num_outputs]), name="W"))

    monkeypatch.setattr(mnist_softmax, "new_fc_layer", own_layer)
    mnist_softmax.main([*QUICK, "--tensorboard", "--output-dir", str(tmp_path)])
    files = (tmp_path / "tensorboard").rglob("events*")
    assert any(b"histograms/W" in events.read_bytes() for events in files)


def test_a_device_that_is_not_there_is_replaced(data, tmp_path):
    with tf.device("/gpu:0"):
        net = net_of(IMAGES, LABELS, sgd)
    with new_session(net, settings_for(tmp_path)) as session:
        assert evaluate(session, data.test.first(10)).total == 10


def test_a_loop_that_is_left_early_lists_no_checkpoints(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mnist_mlp, "mini_batches", lambda data, session: [])
    mnist_mlp.main([*QUICK, "--hidden", "8", "--output-dir", str(tmp_path)])
    assert "checkpoints/" not in capsys.readouterr().out
    assert shell.metrics_in(tmp_path)["steps"] is None


def test_flags_that_the_script_does_not_read_are_named(data, tmp_path, capsys):
    flags = [
        "--l2",
        "0.1",
        "--label-smoothing",
        "0.2",
        "--dropout",
        "0.3",
        "--learning-rate",
        "0.1",
    ]
    settings = mnist_mlp.read_settings([*QUICK, *flags, "--output-dir", str(tmp_path)])
    net = net_of(IMAGES, LABELS, sgd)
    with new_session(net, settings) as session:
        next(mini_batches(data, session))
    assert (
        "\nThe script does not use these flags, so they have no effect: --dropout, --l2, "
        "--label-smoothing, --learning-rate.\n" in capsys.readouterr().out
    )


def test_flags_that_the_script_reads_are_not(tmp_path, capsys):
    flags = ["--l1", "0.001", "--l2", "0.1", "--label-smoothing", "0.2", "--dropout", "0.3"]
    flags += ["--learning-rate", "0.1", "--optimizer", "momentum", "--decay", "exponential"]
    flags += ["--decay-steps", "2", "--decay-rate", "0.9", "--clip-norm", "1", "--loss"]
    flags += ["squared-error", "--augment", "--fading", "0.3", "--moving-average", "0.9"]
    flags += ["--batch-norm", "--activation", "tanh", "--hidden", "16", "--seed", "3"]
    mnist_mlp.main([*QUICK, *flags, "--output-dir", str(tmp_path)])
    assert "does not use" not in capsys.readouterr().out


def test_a_session_of_tensorflow_s_own_is_explained(data):
    with (
        tf.Session(graph=tf.Graph()) as session,
        pytest.raises(UserError, match=r"open it by new_session\(net, settings\)"),
    ):
        next(mini_batches(data, session))
