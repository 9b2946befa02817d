"""common/parallel/halves.py and opening.py: which step is divided, and when it is run."""

import re
import threading

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common.data import load_data
from common.layers import MOMENTS, batch_norm
from common.objective import STEPS
from common.parallel import halves, map_batches
from common.parallel.fast_session import FastSession
from common.parallel.halves import FasterStep, recompute
from common.session import new_session

import numpy as np
import pytest
import small_steps
import tensorflow.compat.v1 as tf
from small_steps import cross_entropy, mini_batch, new_step, weights
from tensorflow.python.client.session import BaseSession


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=300)


def build(script, data, folder, *flags):
    settings = script.read_settings([*flags, "--iterations", "10", "--output-dir", str(folder)])
    return script.build_graph(settings, data), settings


def feed_of(net, data, num_rows):
    images, labels = data.train.take(np.arange(num_rows))
    return {net.x: images, net.y_true: labels, net.is_training: True}


def divided(net):
    (noted,) = net.graph.get_collection(STEPS)
    return recompute(noted, 2)


# Which step is divided.


@pytest.mark.parametrize(
    ("script", "flags", "cores", "expected"),
    [
        (mnist_mlp, [], 2, "in two halves of the mini-batch, one on each core$"),
        (mnist_cnn, [], 2, "in two halves"),
        (mnist_cnn, ["--network", "tiny"], 2, "in two halves"),
        (
            mnist_mlp,
            ["--batch-size", "10"],
            2,
            "since it is too short to gain from being split over two cores$",
        ),
        (mnist_softmax, [], 2, r"since it is too short .*; its product x · W is computed as an e"),
        (mnist_mlp, [], 1, "since this process has 1 core, not two$"),
        (mnist_mlp, [], 4, "since this process has 4 cores, not two$"),
        (mnist_softmax, [], 4, r"since this process has 4 cores.*; its product"),
        (mnist_mlp, ["--no-divide-steps"], 2, "in one piece, as --no-divide-steps asks for$"),
        (mnist_softmax, ["--no-divide-steps"], 2, "as --no-divide-steps asks for$"),
    ],
)
def test_the_run_says_how_a_step_is_computed(
    mnist, tmp_path, monkeypatch, script, flags, cores, expected
):
    monkeypatch.setattr(halves, "num_cores", lambda: cores)
    net, settings = build(script, mnist, tmp_path, *flags)
    with new_session(net, settings) as session:
        assert session.step_description.startswith("Training step: in ")
        if not tf.config.list_physical_devices("GPU"):
            assert re.search(expected, session.step_description)


def test_a_step_is_not_divided_without_prepared_calls(mnist, tmp_path, monkeypatch):
    monkeypatch.delattr(BaseSession, "_make_callable_from_options")
    net, settings = build(mnist_mlp, mnist, tmp_path)
    with new_session(net, settings) as session:
        assert "since this TensorFlow cannot prepare a call" in session.step_description


# Where the faster step takes the place of the script's.


def normalised(x, labels):
    h = tf.identity(x @ weights(6, 5), name="layer")
    return tf.reduce_mean(cross_entropy(batch_norm(h, tf.constant(True)), labels))


def a_loss(x, labels):
    h = tf.identity(x @ weights(6, 5), name="layer")
    return tf.identity(tf.reduce_mean(cross_entropy(tf.tanh(h), labels)), name="loss")


@pytest.mark.parametrize(
    ("choose", "more", "expected"),
    [
        (lambda step: step.operation, {}, True),
        (lambda step: [step.operation], {}, True),
        (lambda step: (step.operation, step.loss), {}, True),
        (lambda step: [step.loss, step.operation, step.loss], {}, True),
        (lambda step: step.operation, {"layer:0": np.ones([3, 5])}, False),
        (lambda step: [step.operation, step.variables[0]], {}, False),
        (lambda step: {"step": step.operation}, {}, False),
        (lambda step: step.operation.name, {}, False),
        (lambda step: step.loss, {}, None),
    ],
)
def test_only_the_step_and_its_loss_are_exchanged(choose, more, expected):
    """Another step stands in for the faster one here, so that one can see which of them ran."""
    step = new_step(a_loss)
    with step.graph.as_default():
        ran = tf.Variable(False, name="ran")
        mark, loss = tf.assign(ran, True).op, tf.constant(-1.0)
    with FastSession("", step.graph, tf.ConfigProto()) as session:
        session.run([step.initialize, ran.initializer])
        before = session.run(step.variables[0])
    faster = FasterStep(step.noted, mark, loss, [step.x, step.labels], 2)
    with FastSession("", step.graph, tf.ConfigProto(), faster) as session:
        session.run([step.initialize, ran.initializer])
        results = session.run(choose(step), mini_batch(step, 3, more))
        has_changed = not np.array_equal(session.run(step.variables[0]), before)
        assert (session.run(ran), has_changed) == (expected is True, expected is False)
    if expected and isinstance(results, (list, tuple)):
        assert set(results) <= {None, -1}


@pytest.mark.parametrize("num_rows", [(4, 4), (4, 2), (4, 1), (1, 4), (0, 0)])
def test_other_numbers_of_rows_do_what_they_do_in_plain_tensorflow(num_rows):
    def example_weights(x, labels):
        factors = tf.placeholder(tf.float32, [None], name="factors")
        return tf.reduce_mean(cross_entropy(x, labels) * factors)

    step = new_step(example_weights)
    feed = mini_batch(step, num_rows[0], {"factors:0": np.arange(num_rows[1]) + 1.0})
    check_feed(step, {step.graph.as_graph_element(key): value for key, value in feed.items()})


@pytest.mark.parametrize(
    ("build", "fed", "value"),
    [
        (a_loss, "layer:0", np.ones([4, 5])),
        (a_loss, "loss:0", 5.0),
        (normalised, "layer:0", np.ones([4, 5])),
        (normalised, "norm1/moments/Squeeze:0", np.ones(5)),
        # Of the original step only: the faster one does not compute them.
        (normalised, "norm1/moments/mean:0", np.ones([1, 5])),
        (a_loss, "train/gradients/matmul_grad/MatMul_1:0", np.ones([6, 5])),
    ],
)
def test_what_is_fed_in_the_middle_is_used(build, fed, value):
    step = new_step(build)
    check_feed(step, mini_batch(step, 4, {step.graph.get_tensor_by_name(fed): value}))


def check_feed(step, feed):
    """Take two steps, and compare their losses, the variables and errors with plain TensorFlow."""
    feed = {
        tensor: np.asarray(value, tensor.dtype.as_numpy_dtype) for tensor, value in feed.items()
    }
    faster = recompute(step.noted, 2)
    sessions = tf.Session(graph=step.graph), FastSession("", step.graph, tf.ConfigProto(), faster)
    outcomes = []
    for session in sessions:
        with session:
            session.run(step.initialize)
            losses, error = [], None
            try:
                losses = [session.run([step.operation, step.loss], feed)[1] for _ in range(2)]
            except tf.errors.OpError as raised:
                error = type(raised)
            outcomes.append((error, [*losses, *session.run(step.variables)]))
    assert outcomes[0][0] is outcomes[1][0]
    small_steps.assert_close(outcomes[1][1], outcomes[0][1])


# What a divided step computes.


def test_batch_normalisation_has_the_moments_of_the_whole_mini_batch(mnist, tmp_path):
    """TensorFlow's own mean over so many positions is less exact than that of two halves."""
    net, _ = build(mnist_cnn, mnist, tmp_path, "--conv", "3x4", "--fc", "8", "--batch-norm")
    faster = divided(net)
    moments = net.graph.get_collection(MOMENTS)[0]
    with net.graph.as_default(), tf.Session() as session:
        names = [f"{moments.mean.op.name.split('/moments')[0]}/{n}" for n in ("mean", "variance")]
        averages = [v.value() for name in names for v in tf.global_variables(f"{name}:0")]
        session.run(tf.global_variables_initializer())
        feed = feed_of(net, mnist, 128)
        layer = session.run(moments.layer, feed).astype(np.float64)
        session.run(faster.operation, feed)
        mean, variance = session.run(averages)
    np.testing.assert_allclose(mean, 0.1 * layer.mean(axis=(0, 1, 2)), atol=2e-6)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * layer.var(axis=(0, 1, 2)), atol=2e-6)


def test_no_image_is_computed_twice(mnist, tmp_path):
    """What the script describes is the pattern for the halves, and takes no time itself."""
    flags = ["--conv", "3x4", "5x6", "--fc", "16", "--batch-norm", "--augment"]
    net, _ = build(mnist_cnn, mnist, tmp_path, *flags)
    nodes = traced(net, divided(net).operation, feed_of(net, mnist, 20))
    convolutions = [name for name in nodes if name.endswith("conv1/Conv2D")]
    assert sorted(name.split("/")[-3] for name in convolutions) == ["half1", "half2"]


def test_the_largest_gradient_comes_first_and_no_number_changes(mnist, tmp_path, monkeypatch):
    net, _ = build(mnist_mlp, mnist, tmp_path, "--hidden", "32", "16")
    feed = feed_of(net, mnist, 20)
    first = divided(net)
    monkeypatch.setattr(tf.Operation, "_add_control_input", None, raising=False)
    unordered = divided(net)
    with net.graph.as_default():
        initialize = tf.global_variables_initializer()
        variables = [v.value() for v in tf.global_variables()]
    results = []
    for operation in (first.operation, unordered.operation):
        with tf.Session(graph=net.graph) as session:
            session.run(initialize)
            session.run(operation, feed)
            results.append(session.run(variables))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    nodes = traced(net, first.operation, feed).items()
    ends = [end for name, (_, end) in nodes if name.endswith("fc1/MatMul_grad/MatMul_1")]
    later = ("fc2/MatMul_grad/MatMul_1", "fc3/MatMul_grad/MatMul_1")
    starts = [start for name, (start, _) in nodes if name.endswith(later)]
    assert (len(ends), len(starts)) == (2, 4)
    assert sum(start >= max(ends) for start in starts) >= 2  # those that wait for the sum
    assert min(starts) >= min(ends)


def traced(net, operation, feed):
    """Run an operation once; return when each node started and ended, by its name."""
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with net.graph.as_default(), tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(operation, feed, options, metadata)
    found = [node for device in metadata.step_stats.dev_stats for node in device.node_stats]
    return {
        node.node_name: (
            node.all_start_micros + node.op_start_rel_micros,
            node.all_start_micros + node.op_end_rel_micros,
        )
        for node in found
    }


# common/parallel/batches.py


def test_two_results_at_a_time_in_the_order_of_the_items():
    both = threading.Barrier(2, timeout=10)  # nobody passes it alone
    under_way = []

    def square(number):
        under_way.append(number)
        both.wait()
        assert len(under_way) == 2
        both.wait()
        under_way.remove(number)
        both.wait()
        return number * number

    assert list(map_batches(square, range(6))) == [0, 1, 4, 9, 16, 25]


def test_an_error_comes_through():
    with pytest.raises(ZeroDivisionError):
        list(map_batches(lambda number: 1 / number, [2, 1, 0]))
