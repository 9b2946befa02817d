"""common/halves.py: a step in two halves is the same step."""

import json
import math
import threading

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import objective
from common.data import load_data
from common.parallel import halves
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import test_cluster
import test_reliability
import test_scripts

MLP = (mnist_mlp, ["--hidden", "32", "16"])
CNN = (mnist_cnn, ["--conv", "3x4", "5x6", "--fc", "16"])
DISTORTED = (mnist_mlp, ["--hidden", "32", "--augment", "--l2", "0.01"])
NORMALISED = (mnist_mlp, ["--hidden", "32", "--batch-norm", "--dropout", "0"])


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=1_000)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """Let these tests mean the same on a machine that has one."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])


@pytest.fixture
def divide(monkeypatch):
    """Have small nets divided, too: the tests' ones take no time at all."""
    monkeypatch.setattr(halves, "WORTH_SHARING", 0)


def build(kind, data, folder, *flags):
    script, its_flags = kind
    settings = script.read_settings([*its_flags, *flags, "--output-dir", str(folder)])
    return script.build_graph(settings, data), settings


def feeds(net, data, rows):
    images, labels = data.train.take(np.arange(rows.start, rows.stop))
    return {net.x: images, net.y_true: labels, net.is_training: True}


@pytest.mark.parametrize("kind", [MLP, CNN, DISTORTED], ids=["MLP", "CNN", "distorted"])
@pytest.mark.parametrize("count", [1, 2, 65, 128])
def test_loss_and_gradients_are_those_of_the_whole(divide, mnist, tmp_path, kind, count):
    """Dropout and distortions included: image i gets the same random numbers in its half."""
    net, settings = build(kind, mnist, tmp_path)
    with net.graph.as_default():
        (divided,) = net.graph.get_collection(halves.HALVES)
        variables = tf.trainable_variables()
        expected = [net.loss, *tf.gradients(net.loss, variables)]
        found = [divided, *tf.gradients(divided, variables)]
    with new_session(net, settings) as session:
        feed_dict = feeds(net, mnist, range(count))
        for one, other in zip(*session.run((expected, found), feed_dict), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [64, 65])
def test_batch_normalisation_looks_at_each_half_by_itself(divide, mnist, tmp_path, count):
    net, settings = build(NORMALISED, mnist, tmp_path)
    middle = count // 2
    (divided,) = net.graph.get_collection(halves.HALVES)
    with net.graph.as_default():
        weights, biases = tf.trainable_variables()[:2]
        mean, variance = (
            next(v for v in tf.global_variables() if v.op.name.endswith(f"norm1/{name}"))
            for name in ("mean", "variance")
        )
    with new_session(net, settings) as session:
        parts = [feeds(net, mnist, range(middle)), feeds(net, mnist, range(middle, count))]
        shares = np.array([middle, count - middle]) / count
        losses = [session.run(net.loss, part) for part in parts]
        whole = feeds(net, mnist, range(count))
        assert session.run(divided, whole) == pytest.approx(shares @ losses, rel=1e-5)
        assert session.run(divided, whole) != pytest.approx(session.run(net.loss, whole), rel=1e-5)

        w, b = session.run([weights.value(), biases.value()])
        sums = [part[net.x] / 255 @ w + b for part in parts]
        means, variances = [one.mean(axis=0) for one in sums], [one.var(axis=0) for one in sums]
        session.run(net.train_step, whole)
        followed = session.run([mean.value(), variance.value()])
        np.testing.assert_allclose(followed[0], 0.1 * shares @ means, atol=1e-5)
        np.testing.assert_allclose(followed[1], 0.9 + 0.1 * shares @ variances, atol=1e-5)


def test_three_steps_of_everything_end_where_the_whole_ones_end(mnist, tmp_path, monkeypatch):
    flags = ["--clip-norm", "0.5", "--moving-average", "0.9", "--l1", "1e-5", "--augment"]
    weights = {}
    for limit in (0, math.inf):
        monkeypatch.setattr(halves, "WORTH_SHARING", limit)
        net, settings = build(MLP, mnist, tmp_path, *flags)
        assert halves.is_in_halves(net.graph) == (limit == 0)
        with new_session(net, settings) as session:
            for step in range(3):
                feed_dict = feeds(net, mnist, range(50 * step, 50 * step + 50))
                session.run(net.train_step, feed_dict)
            with net.graph.as_default():
                weights[limit] = session.run([v.value() for v in tf.global_variables()])
    for one, other in zip(*weights.values(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)


def test_a_divided_graph_is_of_todays_version(divide, mnist, tmp_path):
    """Operations of a graph without a version would be read by the rules of TensorFlow 0."""
    net, _ = build(MLP, mnist, tmp_path)
    assert net.graph.graph_def_versions.producer == tf.Graph().graph_def_versions.producer > 0


def test_a_step_computes_no_image_twice(divide, mnist, tmp_path):
    """What the script describes is the pattern for the halves, and takes no time itself."""
    net, settings = build(CNN, mnist, tmp_path, "--batch-norm", "--augment")
    with new_session(net, settings) as session:
        nodes = traced_step(session, net, mnist)
    convolutions = {name for name in nodes if name.endswith("conv1/Conv2D")}
    assert convolutions == {"train/half1/conv1/Conv2D", "train/half2/conv1/Conv2D"}


def test_the_largest_gradient_comes_first_and_no_number_changes(
    divide, mnist, tmp_path, monkeypatch
):
    weights = []
    for order in (lambda pairs: None, halves.largest_first):
        monkeypatch.setattr(objective, "largest_first", order)
        net, settings = build(MLP, mnist, tmp_path)
        with new_session(net, settings) as session, net.graph.as_default():
            nodes = traced_step(session, net, mnist)
            weights.append(session.run([v.value() for v in tf.trainable_variables()]))
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(other, one)
    ends = [
        node.all_start_micros + node.op_end_rel_micros
        for name, node in nodes.items()
        if name.endswith("fc1/MatMul_grad/MatMul_1")
    ]
    starts = [
        node.all_start_micros + node.op_start_rel_micros
        for name, node in nodes.items()
        if name.endswith(("fc2/MatMul_grad/MatMul_1", "fc3/MatMul_grad/MatMul_1"))
    ]
    assert (len(ends), len(starts)) == (2, 4)
    assert sum(start >= max(ends) for start in starts) >= 2  # those that wait for the sum
    assert min(starts) >= min(ends)


def traced_step(session, net, data):
    """Take one step, and return what TensorFlow noted of each operation, by its name."""
    steps = tf.RunMetadata()
    session.run(
        net.train_step,
        feeds(net, data, range(20)),
        options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE),
        run_metadata=steps,
    )
    return {
        node.node_name: node for device in steps.step_stats.dev_stats for node in device.node_stats
    }


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        # So short that the cores' meeting would take longer.
        ((mnist_softmax, []), [], False),
        ((mnist_mlp, []), [], True),
        ((mnist_mlp, []), ["--batch-size", "10"], False),
        ((mnist_cnn, []), [], True),
        ((mnist_cnn, []), ["--network", "tiny"], True),
    ],
)
def test_only_what_takes_long_is_divided(mnist, tmp_path, kind, flags, expected):
    net, _ = build(kind, mnist, tmp_path, *flags)
    assert halves.is_in_halves(net.graph) == expected


def test_a_cluster_divides_by_itself(divide, mnist, tmp_path, monkeypatch):
    addresses = {"chief": ["127.0.0.1:2222"], "worker": ["127.0.0.1:2223"]}
    task = {"type": "chief", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": addresses, "task": task}))
    net, _ = build(MLP, mnist, tmp_path)
    assert not halves.is_in_halves(net.graph)


def test_a_gpu_shares_out_its_work_by_itself(divide, mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    net, _ = build(MLP, mnist, tmp_path)
    assert not halves.is_in_halves(net.graph)


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        (mnist_mlp, test_scripts.FLAGS),
        (mnist_mlp, [*test_reliability.ALL_ON["mnist_mlp.py"], *test_reliability.SHARED]),
        (mnist_cnn, [*test_reliability.ALL_ON["mnist_cnn.py"], *test_reliability.SHARED]),
        (mnist_mlp, [*test_cluster.NETS["mlp"][1:], *test_cluster.TINY]),
        (mnist_cnn, [*test_cluster.NETS["cnn"][1:], *test_cluster.TINY]),
    ],
)
def test_what_is_promised_of_a_run_is_tested_with_halves(mnist, tmp_path, script, flags):
    """Resuming, being killed, equal seeds, several machines: elsewhere, with these flags."""
    net, _ = build((script, []), mnist, tmp_path, *flags)
    assert halves.is_in_halves(net.graph)


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

    assert list(halves.side_by_side(square, range(6))) == [0, 1, 4, 9, 16, 25]


def test_an_error_comes_through():
    with pytest.raises(ZeroDivisionError):
        list(halves.side_by_side(lambda number: 1 / number, [2, 1, 0]))
