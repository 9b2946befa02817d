"""A training step on several machines is the same step, whatever is fed and fetched."""

import collections

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from cluster_server import assert_same_values, build, feeds, use_cluster, variables_of

SOFTMAX = (mnist_softmax, ["--l1", "1e-4", "--optimizer", "momentum"])
MLP = (mnist_mlp, ["--hidden", "32", "16", "--augment", "--l2", "0.01", "--clip-norm", "1"])
CNN = (mnist_cnn, ["--conv", "3x4", "5x6", "--fc", "16", "--moving-average", "0.9"])
NORMALISED = (mnist_mlp, ["--hidden", "32", "--batch-norm", "--dropout", "0"])


@pytest.fixture(scope="module")
def data():
    return load_data(train_size=1_000)


@pytest.mark.parametrize(
    ("kind", "asynchronous"),
    [
        *((SOFTMAX, False), (MLP, False), (SOFTMAX, True)),
        pytest.param(CNN, False, marks=pytest.mark.slow),
    ],
    ids=["softmax", "MLP", "asynchronous", "CNN"],
)
def test_some_steps_end_where_those_of_one_machine_end(
    monkeypatch, data, tmp_path, kind, asynchronous
):
    """Mini-batches that no number divides, and one with fewer rows than machines.

    Asynchronously, one machine takes one step after the other.
    """

    def values():
        net, settings = build(*kind, tmp_path, data)
        with new_session(net, settings) as session:
            for start, size in ((0, 65), (100, 2), (200, 50)):
                session.run(net.train_step, feeds(net, data, range(start, start + size)))
            return variables_of(session)

    expected = values()
    use_cluster(monkeypatch, 1 if asynchronous else 3, asynchronous=asynchronous)
    assert_same_values(values(), expected)
    assert expected["global_step"] == 3


@pytest.mark.parametrize("count", [64, 65])
def test_batch_normalisation_uses_the_rows_of_each_machine(monkeypatch, data, tmp_path, count):
    net, settings = build(*NORMALISED, tmp_path, data)
    middle = count // 2
    parts = [feeds(net, data, range(middle)), feeds(net, data, range(middle, count))]
    fractions = np.array([middle, count - middle]) / count
    use_cluster(monkeypatch, 2)
    with new_session(net, settings) as session:
        losses = [session.run(net.loss, part) for part in parts]
        w, b = [session.run(v.value()) for v in net.graph.get_collection("trainable_variables")[:2]]
        _, loss = session.run([net.train_step, net.loss], feeds(net, data, range(count)))
        values = variables_of(session)
    assert loss == pytest.approx(fractions @ losses, rel=1e-5)
    sums = [part[net.x] / 255 @ w + b for part in parts]
    means, variances = [one.mean(axis=0) for one in sums], [one.var(axis=0) for one in sums]
    mean, variance = (
        next(value for name, value in values.items() if name.endswith(f"norm1/{one}"))
        for one in ("mean", "variance")
    )
    np.testing.assert_allclose(mean, 0.1 * fractions @ means, atol=1e-5)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * fractions @ variances, atol=1e-5)


Fetched = collections.namedtuple("Fetched", "loss weights step")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_fetched_with_a_step_is_from_before_it(monkeypatch, data, tmp_path, asynchronous):
    net, settings = build(*SOFTMAX, tmp_path, data)
    step, loss = net.train_step, net.loss
    with net.graph.as_default():
        weights = tf.trainable_variables()[0].value()
    use_cluster(monkeypatch, 2, asynchronous=asynchronous)
    with new_session(net, settings) as session:
        feed_dict = feeds(net, data, range(50))
        for fetches in (
            [step, loss],
            (loss, step),
            [step],
            {"step": step, "more": [weights, {"loss": loss}]},
            Fetched(loss, weights, step),
        ):
            before = dict(
                zip((loss, weights), session.run([loss, weights], feed_dict), strict=True)
            )
            found = session.run(fetches, feed_dict)
            expected = tf.nest.map_structure(before.get, fetches)
            tf.nest.assert_same_structure(found, expected)
            for one, other in zip(*map(tf.nest.flatten, (found, expected)), strict=True):
                if one is not None:
                    np.testing.assert_allclose(one, other, atol=1e-5)
            assert (session.run(weights) != before[weights]).any()


def test_a_step_that_is_fed_in_another_way_is_that_of_the_script(
    monkeypatch, data, tmp_path, capfd
):
    def values():
        net, settings = build(mnist_softmax, [], tmp_path, data)
        pixels = net.graph.get_tensor_by_name("truediv:0")
        with new_session(net, settings) as session:
            feed_dict = {net.x: data.train.images[:9], net.y_true: data.train.labels[:9].tolist()}
            session.run(net.train_step, feed_dict)
            session.run(net.train_step, feed_dict | {pixels: np.zeros([9, 784], np.float32)})
            session.run(net.train_step, feed_dict | {"y_true:0": np.zeros(9, np.int32)})
            return variables_of(session)

    expected = values()
    use_cluster(monkeypatch)
    assert_same_values(values(), expected)
    sentence = "computes this training step by itself, since truediv:0 is fed, which is not a place"
    assert capfd.readouterr().out.count(sentence) == 1


@pytest.mark.parametrize(("images", "labels"), [(5, 1), (5, 6), (0, 5), (5, None), (0, 0)])
def test_a_wrong_feed_is_the_error_of_one_machine(monkeypatch, data, tmp_path, images, labels):
    def error():
        net, settings = build(mnist_softmax, [], tmp_path, data)
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
    use_cluster(monkeypatch)
    assert error() is expected


def test_a_wrong_shape_names_the_placeholder(monkeypatch, data, tmp_path):
    net, settings = build(mnist_softmax, [], tmp_path, data)
    use_cluster(monkeypatch)
    with new_session(net, settings) as session:
        feed_dict = feeds(net, data, range(5)) | {net.x: np.zeros([5, 9], np.uint8)}
        with pytest.raises(ValueError, match="for Tensor x:0, which has shape"):
            session.run(net.train_step, feed_dict)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("num_steps", [3, 9])
def test_a_diverged_loss_is_a_sentence(monkeypatch, data, tmp_path, asynchronous, num_steps):
    """At the latest when the session is closed, if the steps are still under way."""
    flags = ["--optimizer", "sgd", "--learning-rate", "1e30", "--loss", "squared-error"]
    net, settings = build(mnist_mlp, ["--hidden", "16", *flags], tmp_path, data)
    used = use_cluster(monkeypatch, 2, asynchronous=asynchronous)
    raises = pytest.raises(UserError, match="the loss is no longer")
    with raises as error, new_session(net, settings) as session:
        for step in range(num_steps):
            session.run(net.train_step, feeds(net, data, range(step, step + 9)))
    assert used.ends == [error.value]
    assert tf.get_default_graph() is not net.graph  # the session was closed all the same
