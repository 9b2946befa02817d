"""What the sources teach, tried on real runs or small graphs: every claim is a test."""

import inspect

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UsageError, layers, networks, objective
from common.data import load_data
from common.layers import layers_of
from common.run import report

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=1_000)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They would take longer than the rest."""
    monkeypatch.setattr(report, "draw", lambda *_: [])


def accuracy_of(script, folder, *flags):
    """The test accuracy of a real run in this process."""
    return script.main([*map(str, flags), "--output-dir", str(folder)])["test_accuracy"]


def some_fast(names, fast):
    """All names; those that are not `fast` are tried by the slow tests only."""
    return [pytest.param(n, marks=() if n in fast else pytest.mark.slow) for n in names]


@pytest.mark.parametrize(
    "optimizer", some_fast(objective.OPTIMIZERS, {"sgd", "adam-short", "adagrad-da", "ftrl"})
)
def test_every_optimizer_trains_softmax_in_two_epochs(capfd, tmp_path, optimizer):
    flags = ["--optimizer", optimizer, "--epochs", "2"]
    assert accuracy_of(mnist_softmax, tmp_path, *flags) > 0.85


@pytest.mark.parametrize("decay", some_fast(objective.SCHEDULES, {"one-cycle", "staircase"}))
def test_every_schedule_trains(capfd, tmp_path, decay):
    flags = ["--decay", decay, "--train-size", "4000", "--epochs", "3"]
    assert accuracy_of(mnist_softmax, tmp_path, *flags) > 0.86


def test_squared_error_trains_as_the_source_does(capfd, tmp_path):
    """Of the notes: Σ(out − one-hot)² / batch, SGD with rate 0.001, batches of 200."""
    flags = ["--loss", "squared-error", "--optimizer", "sgd", "--learning-rate", "0.001"]
    flags += ["--batch-size", "200", "--decay", "constant", "--dropout", "0", "--epochs", "3"]
    metrics = mnist_mlp.main([*flags, "--train-size", "20000", "--output-dir", str(tmp_path)])
    losses = [row["train_loss"] for row in metrics["history"]]
    assert losses == sorted(losses, reverse=True)
    assert metrics["test_accuracy"] > 0.5


@pytest.mark.slow
def test_sigmoid_converges_slower_than_relu_and_deep_sigmoid_not_at_all(capfd, tmp_path):
    flags = ["--hidden", 200, 100, 60, 30, "--dropout", 0, "--train-size", 8000, "--epochs", 5]
    relu = accuracy_of(mnist_mlp, tmp_path / "relu", *flags)
    sigmoid = accuracy_of(mnist_mlp, tmp_path / "sigmoid", *flags, "--activation", "sigmoid")
    assert relu > 0.9
    assert sigmoid < 0.7


@pytest.mark.slow
def test_without_an_activation_depth_gains_nothing(capfd, tmp_path):
    flags = ["--train-size", 10000, "--epochs", 5]
    softmax = accuracy_of(mnist_softmax, tmp_path / "softmax", *flags)
    linear = accuracy_of(
        mnist_mlp, tmp_path / "linear", *flags, "--activation", "none", "--dropout", 0
    )
    relu = accuracy_of(mnist_mlp, tmp_path / "relu", *flags, "--dropout", 0)
    assert abs(linear - softmax) < 0.015
    assert relu > linear + 0.025


@pytest.mark.parametrize("activation", layers.ACTIVATIONS)
def test_every_activation_equals_its_formula(activation):
    values = np.linspace(-8, 8, 41).astype(np.float32)
    expected = {
        "relu": np.maximum(values, 0),
        "relu6": np.clip(values, 0, 6),
        "elu": np.where(values > 0, values, np.expm1(values)),
        "softplus": np.log1p(np.exp(values)),
        "sigmoid": 1 / (1 + np.exp(-values)),
        "tanh": np.tanh(values),
        "none": values,
    }[activation]
    with tf.Graph().as_default(), tf.Session() as session:
        result = session.run(layers.ACTIVATIONS[activation](tf.constant(values)))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("network", "counts"),
    [
        ("two-conv", [416, 14_436, 225_920, 1_290]),
        ("lenet5", [156, 2_416, 48_120, 10_164, 850]),
        ("vgg", [160, 2_320, 4_640, 9_248, 200_832, 1_290]),
        ("inception", [416, 136, 2_320, 3_208, 200_832, 1_290]),
        ("fast", [32, 416, 96, 6_960, 256, 153_728, 1_290]),
        (
            "best",
            [64, 832, 128, 18_496, 128, 36_928, 256, 73_856, 256, 147_584, 512, 524_544, 2_570],
        ),
        ("tiny", [32, 160, 144, 56, 476, 252, 76, 1_102, 342, 88, 1_716, 450]),
        ("micro", [16, 72, 72, 20, 80, 90, 20, 100, 90, 20, 100, 90, 18, 90, 100]),
    ],
)
def test_parameters_of_the_networks(mnist, network, counts):
    net = mnist_cnn.build_graph(mnist_cnn.read_settings(["--network", network]), mnist)
    assert [layer.num_parameters for layer in layers_of(net.graph)] == counts
    if network == "lenet5":
        assert sum(counts) == 61_706  # as the notes on LeNet-5, their slip in layer 4 corrected
    limit = {"tiny": 5_000, "micro": 1_000}.get(network)
    assert limit is None or sum(counts) < limit


@pytest.mark.slow
@pytest.mark.parametrize("network", ["lenet5", "vgg", "inception"])
def test_the_other_networks_learn(capfd, tmp_path, network):
    flags = ["--network", network, "--train-size", 10_000, "--epochs", 2, "--batch-size", 50]
    assert accuracy_of(mnist_cnn, tmp_path, *flags) > 0.9


def shapes(mnist, *flags):
    net = mnist_cnn.build_graph(mnist_cnn.read_settings(list(flags)), mnist)
    return [layer.output.shape.as_list()[1:] for layer in layers_of(net.graph)]


def test_the_exercises_are_flags(mnist):
    assert shapes(mnist, "--conv", "3x8", "--fc", "20", "30") == [[14, 14, 8], [20], [30], [10]]
    assert shapes(mnist, "--pooling", "none")[:2] == [[28, 28, 16], [28, 28, 36]]
    assert shapes(mnist, "--pooling", "stride")[:2] == [[14, 14, 16], [7, 7, 36]]
    assert shapes(mnist, "--pooling", "average")[:2] == [[14, 14, 16], [7, 7, 36]]


@pytest.mark.parametrize(
    ("pooling", "activation", "same"),
    [
        ("max", "relu", True),
        ("max", "sigmoid", True),
        ("average", "relu", False),
        ("average", "sigmoid", False),
        ("average", "none", True),
    ],
)
def test_when_activation_and_pooling_may_change_places(mnist, pooling, activation, same):
    """Any rising activation commutes with the largest of four, only a linear one with the mean."""
    results = []
    for order in ([], ["--activate-first"]):
        flags = ["--pooling", pooling, "--activation", activation, *order]
        net = mnist_cnn.build_graph(mnist_cnn.read_settings(flags), mnist)
        with tf.Session(graph=net.graph) as session:
            with net.graph.as_default():
                session.run(tf.global_variables_initializer())
            results.append(session.run(net.y_pred, {net.x: mnist.test.images[:10]}))
    difference = np.abs(results[0] - results[1]).max()
    assert difference < 1e-6 if same else difference > 1e-6


def test_relu_behind_the_last_layer_cuts_the_scores(mnist):
    net = mnist_cnn.build_graph(mnist_cnn.read_settings(["--relu-last"]), mnist)
    with tf.Session(graph=net.graph) as session:
        with net.graph.as_default():
            session.run(tf.global_variables_initializer())
        logits = session.run(layers_of(net.graph)[-1].output, {net.x: mnist.test.images[:100]})
    assert logits.min() == 0


def test_batch_norm_by_hand():
    values = np.random.default_rng(0).normal(3, 2, (64, 5)).astype(np.float32)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x, training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
        layer = layers.batch_norm(x, training)
        updates = graph.get_collection(tf.GraphKeys.UPDATE_OPS)
        session.run(tf.global_variables_initializer())
        normal, _ = session.run([layer, updates], {x: values, training: True})
        np.testing.assert_allclose(normal.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(normal.std(axis=0), 1, atol=1e-3)
        # In use: the averages, which have gone a tenth of the way from 0 and 1.
        mean, variance = 0.1 * values.mean(axis=0), 0.9 + 0.1 * values.var(axis=0)
        expected = (values - mean) / np.sqrt(variance + 1e-3)
        result = session.run(layer, {x: values, training: False})
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_the_networks_are_as_long_as_promised():
    """About ten lines each, or reading them side by side is no lesson."""
    for network in networks.OTHER_NETWORKS.values():
        lines = inspect.getsource(network).partition('"""')[2].partition('"""')[2].splitlines()
        assert len([line for line in lines if line.strip()]) <= 14


@pytest.mark.parametrize("network", ["lenet5", "fast", "best", "tiny", "micro"])
def test_images_that_are_too_small_for_a_network_are_a_sentence(network):
    settings = mnist_cnn.read_settings(["--network", network])
    with (
        tf.Graph().as_default(),
        pytest.raises(UsageError, match=r"images of 6 × 8 pixels are too"),
    ):
        mnist_cnn.NETWORKS[network](tf.zeros([1, 6, 8, 1]), settings, tf.constant(False))
