"""common/session.py: a new session has initial values, a folder of its own, and errors in words."""

from argparse import Namespace

import mnist_mlp
import mnist_softmax
from common import UserError
from common.data import load_data
from common.layers import find_global_step
from common.networks import Net
from common.session import averaged_weights, new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture(scope="module")
def mnist():
    return load_data(train_size=200)


def opened(folder, data, *flags, script=mnist_softmax):
    settings = script.read_settings([*flags, "--output-dir", str(folder)])
    return new_session(script.build_graph(settings, data), settings)


def take_step(session, data):
    net, (images, labels) = session.state.net, data.train.take(np.arange(50))
    session.run(net.train_step, {net.x: images, net.y_true: labels})


def weights_of(session):
    with session.graph.as_default():
        return session.run(tf.trainable_variables()[0].value())


def net_step(session):
    with session.graph.as_default():
        return find_global_step().value()


def test_every_variable_has_its_initial_value(mnist, tmp_path):
    with opened(tmp_path, mnist) as session:
        assert isinstance(session, tf.Session)
        weights = weights_of(session)
        take_step(session, mnist)
        assert session.run(net_step(session)) == 1
        assert not np.array_equal(weights_of(session), weights)
    with opened(tmp_path, mnist) as session:
        np.testing.assert_array_equal(weights_of(session), weights)
        assert session.run(net_step(session)) == 0


def test_the_state_tells_what_the_run_knows(mnist, tmp_path):
    with opened(tmp_path / "new" / "folder", mnist) as session:
        assert session.state.net.graph is session.graph
        assert session.state.settings.model == "mnist_softmax"
        assert session.state.folder == tmp_path / "new" / "folder"
        assert session.state.folder.is_dir()
        assert session.state.history == []


def test_two_sessions_cannot_share_an_output_directory(mnist, tmp_path):
    with opened(tmp_path, mnist) as session:
        with pytest.raises(UserError, match=r"a session of this program is open .*--output-dir"):
            opened(tmp_path, mnist)
        take_step(session, mnist)
    opened(tmp_path, mnist).close()


def test_a_diverged_loss_is_an_error_in_words_and_changes_nothing(mnist, tmp_path):
    flags = ["--learning-rate", "1e9", "--optimizer", "sgd", "--decay", "constant"]
    with opened(tmp_path, mnist, *flags) as session:
        take_step(session, mnist)
        weights = weights_of(session)
        with pytest.raises(UserError, match=r"after 1 step .* lower --learning-rate than 1e\+09"):
            take_step(session, mnist)
        np.testing.assert_array_equal(weights_of(session), weights)


def test_other_errors_stay_as_they_are(mnist, tmp_path):
    with opened(tmp_path, mnist) as session:
        net = session.state.net
        with pytest.raises(ValueError, match=r"Cannot feed value of shape \(2, 3\)"):
            session.run(net.y_pred, {net.x: np.zeros([2, 3], np.uint8)})
        with pytest.raises(tf.errors.InvalidArgumentError, match="must feed a value"):
            session.run(net.y_pred)


def test_weights_and_averages_change_places_and_back(mnist, tmp_path):
    with opened(tmp_path, mnist, "--moving-average", "0.9") as session:
        for _ in range(3):
            take_step(session, mnist)
        ((_, average), *_) = session.graph.get_collection("averages")
        with session.graph.as_default():
            average = average.value()
        weights, averages = weights_of(session), session.run(average)
        assert not np.array_equal(averages, weights)
        with pytest.raises(KeyError), averaged_weights(session):
            np.testing.assert_array_equal(weights_of(session), averages)
            np.testing.assert_array_equal(session.run(average), weights)
            raise KeyError
        np.testing.assert_array_equal(weights_of(session), weights)
        np.testing.assert_array_equal(session.run(average), averages)
        with averaged_weights(session), averaged_weights(session):
            np.testing.assert_array_equal(weights_of(session), weights)


def test_without_averages_the_weights_are_used(mnist, tmp_path):
    with opened(tmp_path, mnist) as session:
        weights, size = weights_of(session), len(session.graph.get_operations())
        with averaged_weights(session):
            assert len(session.graph.get_operations()) == size
            np.testing.assert_array_equal(weights_of(session), weights)


def test_a_graph_without_a_global_step_gets_one():
    with tf.Graph().as_default() as graph:
        tf.Variable(0.0)
        step = find_global_step()
        assert find_global_step() is step
    assert step.graph is graph


def test_bfloat16_multiplies_in_16_bits_and_the_default_in_32(tmp_path):
    random = np.random.default_rng(0)
    left, right = random.standard_normal([2, 64, 64]).astype(np.float32)
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [64, 64])
        product = tf.nn.relu(tf.matmul(x, tf.Variable(right)))
    exact = np.maximum(left.astype(np.float64) @ right, 0)
    errors = []
    for bfloat16 in (False, True):
        settings = Namespace(
            output_dir=tmp_path, bfloat16=bfloat16, divide_steps=True, show=False, resume=False
        )
        net = Net(graph, x, None, None, None, product, None)
        with new_session(net, settings) as session:
            errors.append(np.abs(session.run(product, {x: left}) - exact).max())
    assert errors[0] < 1e-4
    assert 1e-3 < errors[1] < 0.5  # 8 bits of each number are left


@pytest.mark.parametrize("script", [mnist_softmax, mnist_mlp])
def test_the_step_is_described_with_or_without_its_division(mnist, tmp_path, script):
    for flags in ([], ["--no-divide-steps"]):
        with opened(tmp_path, mnist, *flags, script=script) as session:
            assert session.step_description.startswith("Training step: in ")
            assert ("--no-divide-steps" in session.step_description) == bool(flags)
