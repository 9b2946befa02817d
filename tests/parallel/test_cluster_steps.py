"""A step on several machines is the same step; here all machines are one server in this process."""

import collections
import json

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.layers import new_fc_layer
from common.networks import Net
from common.objective import new_optimizer
from common.parallel.cluster import opening, placement, waiting
from common.parallel.cluster import session as cluster_session
from common.parallel.cluster.config import Cluster, Task
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

SOFTMAX = (mnist_softmax, ["--l1", "1e-4", "--optimizer", "momentum"])
MLP = (mnist_mlp, ["--hidden", "32", "16", "--augment", "--l2", "0.01", "--clip-norm", "1"])
CNN = (mnist_cnn, ["--conv", "3x4", "5x6", "--fc", "16", "--moving-average", "0.9"])
NORMALISED = (mnist_mlp, ["--hidden", "32", "--batch-norm", "--dropout", "0"])
OTHER = "Training step: on"


@pytest.fixture(scope="module")
def data():
    return load_data(train_size=1_000)


@pytest.fixture
def ends():
    """With which errors the other machines were told that training has ended."""
    return []


@pytest.fixture
def use_cluster(monkeypatch, ends):
    """Let sessions be those of a cluster, all tasks of which are one server of this process."""

    def use(machines=3, ps=0, asynchronous=False):
        server = tf.train.Server.create_local_server()
        address = server.target.removeprefix("grpc://")
        tasks = [Task("localhost", 0, f"{address}/{number}") for number in range(machines)]
        cluster = Cluster(tuple(tasks), tasks[0], asynchronous=asynchronous)
        monkeypatch.setenv("TF_CONFIG", "{}")
        monkeypatch.setattr(opening, "read_cluster", lambda: cluster)
        monkeypatch.setattr(opening, "start_server", lambda cluster: server)
        monkeypatch.setattr(opening, "wait_for", lambda tasks, seconds: False)
        for module in (opening, cluster_session):
            monkeypatch.setattr(module, "tell_end", lambda cluster, target, e: ends.append(e))
        return server, cluster

    return use


def build(kind, data, folder):
    script, flags = kind
    settings = script.read_settings([*flags, "--output-dir", str(folder)])
    return script.build_graph(settings, data), settings


def feeds(net, data, rows):
    images, labels = data.train.take(np.arange(rows.start, rows.stop))
    found = {net.x: images, net.y_true: labels}
    return found if net.is_training is None else found | {net.is_training: True}


def values_after(net, settings, data, sizes, fetches=None):
    """Take a step for each size of a mini-batch; return all variables, by their names."""
    with new_session(net, settings) as session:
        for step, size in enumerate(sizes):
            feed_dict = feeds(net, data, range(100 * step, 100 * step + size))
            session.run(fetches or net.train_step, feed_dict)
        with net.graph.as_default():
            variables = tf.global_variables()
        return {v.op.name: session.run(v.value()) for v in variables}


def assert_same_values(found, expected, atol=1e-5):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=atol, err_msg=name)


@pytest.mark.parametrize("kind", [SOFTMAX, MLP, CNN], ids=["softmax", "MLP", "CNN"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_variables_after_some_steps_are_those_of_one_machine(
    data, tmp_path, use_cluster, kind, asynchronous
):
    """Mini-batches that no number divides, and one with fewer rows than machines.

    Asynchronously one machine takes one step after the other.
    """
    sizes = [65, 2, 50]
    expected = values_after(*build(kind, data, tmp_path), data, sizes)
    use_cluster(1 if asynchronous else 3, asynchronous=asynchronous)
    found = values_after(*build(kind, data, tmp_path), data, sizes)
    assert expected["global_step"] == 3
    assert_same_values(found, expected)


@pytest.mark.parametrize("count", [64, 65])
def test_batch_normalisation_uses_the_rows_of_each_machine(data, tmp_path, use_cluster, count):
    net, settings = build(NORMALISED, data, tmp_path)
    middle = count // 2
    parts = [feeds(net, data, range(middle)), feeds(net, data, range(middle, count))]
    fractions = np.array([middle, count - middle]) / count
    with net.graph.as_default():
        weights, biases = tf.trainable_variables()[:2]
        followed = [
            next(v for v in tf.global_variables() if v.op.name.endswith(f"norm1/{name}"))
            for name in ("mean", "variance")
        ]
    use_cluster(2)
    with new_session(net, settings) as session:
        losses = [session.run(net.loss, part) for part in parts]
        w, b = session.run([weights.value(), biases.value()])
        _, loss = session.run([net.train_step, net.loss], feeds(net, data, range(count)))
        mean, variance = session.run([variable.value() for variable in followed])
    assert loss == pytest.approx(fractions @ losses, rel=1e-5)
    sums = [part[net.x] / 255 @ w + b for part in parts]
    means, variances = [one.mean(axis=0) for one in sums], [one.var(axis=0) for one in sums]
    np.testing.assert_allclose(mean, 0.1 * fractions @ means, atol=1e-5)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * fractions @ variances, atol=1e-5)


Fetched = collections.namedtuple("Fetched", "loss weights step")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_fetched_with_the_step_is_from_before_it(
    data, tmp_path, use_cluster, asynchronous
):
    net, settings = build(SOFTMAX, data, tmp_path)
    with net.graph.as_default():
        weights = tf.trainable_variables()[0].value()
    use_cluster(2, asynchronous=asynchronous)
    with new_session(net, settings) as session:
        feed_dict = feeds(net, data, range(50))
        loss, before = session.run([net.loss, weights], feed_dict)
        for fetches in (
            [net.train_step, net.loss],
            (net.loss, net.train_step),
            {"step": net.train_step, "more": [weights, {"loss": net.loss}]},
            Fetched(net.loss, weights, net.train_step),
        ):
            found = session.run(fetches, feed_dict)
            assert type(found) is type(fetches)
            flat = tf.nest.flatten(found)
            kinds = [node.shape.ndims if node.__class__ is not tf.Operation else None
                     for node in tf.nest.flatten(fetches)]
            for value, rank in zip(flat, kinds, strict=True):
                expected = {None: None, 0: loss, 2: before}[rank]
                assert value is None if rank is None else np.allclose(value, expected, atol=1e-5)
            loss, before = session.run([net.loss, weights], feed_dict)


def test_a_step_that_is_fed_in_another_way_is_the_scripts_own(
    data, tmp_path, use_cluster, capfd
):
    def run(fed):
        net, settings = build((mnist_softmax, []), data, tmp_path)
        graph = net.graph
        with new_session(net, settings) as session:
            feed_dict = {net.x: data.train.images[:9], net.y_true: data.train.labels[:9].tolist()}
            session.run(net.train_step, feed_dict)
            session.run(net.train_step, feed_dict | {graph.get_tensor_by_name(fed[0]): fed[1]})
            return session.run([v.value() for v in graph.get_collection("trainable_variables")])

    fed = ("truediv:0", np.zeros([9, 784], np.float32))
    expected = run(fed)
    use_cluster()
    for value, one in zip(run(fed), expected, strict=True):
        np.testing.assert_allclose(value, one, atol=1e-6)
    assert "by itself, since truediv:0 is fed, which is not a placeholder." in capfd.readouterr().out


@pytest.mark.parametrize("rows", [(5, 1), (5, 6), (0, 5), (5, None)])
def test_a_wrong_feed_is_the_error_of_plain_tensorflow(data, tmp_path, use_cluster, rows):
    images, labels = (None if count is None else count for count in rows)

    def error():
        net, settings = build((mnist_softmax, []), data, tmp_path)
        feed_dict = {net.x: data.train.images[:images]}
        if labels is not None:
            feed_dict[net.y_true] = data.train.labels[:labels]
        with new_session(net, settings) as session:
            try:
                session.run(net.train_step, feed_dict)
            except (tf.errors.OpError, UserError) as found:
                return type(found)
            return None

    expected = error()
    use_cluster()
    assert error() is expected


def test_a_wrong_shape_names_the_placeholder(data, tmp_path, use_cluster):
    net, settings = build((mnist_softmax, []), data, tmp_path)
    use_cluster()
    with new_session(net, settings) as session:
        feed_dict = feeds(net, data, range(5)) | {net.x: np.zeros([5, 9], np.uint8)}
        with pytest.raises(ValueError, match="for Tensor x:0, which has shape"):
            session.run(net.train_step, feed_dict)
