"""common/objective.py: schedules as numbers, optimizers against the formulas of their papers."""

import math
from argparse import Namespace

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import layers, objective
from common.data import load_data
from common.session import averaged_weights, new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


def rates(name, peak, steps, num_steps, **flags):
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = objective.SCHEDULES[name](peak, step, num_steps, Namespace(**flags))
        return [float(session.run(rate, {step: k})) for k in steps]


def test_constant_is_constant():
    assert rates("constant", 0.25, [0, 1, 999], 1000) == [0.25] * 3


def test_one_cycle_rises_in_a_line_and_falls_along_a_cosine():
    start, eighth, peak, middle, end = rates("one-cycle", 2.0, [0, 125, 250, 625, 1000], 1000)
    assert start == pytest.approx(2 / 25)
    assert eighth == pytest.approx((2 / 25 + 2) / 2)
    assert peak == pytest.approx(2)
    assert middle == pytest.approx(1)  # half-way down
    assert end == pytest.approx(0, abs=1e-6)


def test_one_cycle_never_jumps_and_never_stops_the_training():
    every = np.array(rates("one-cycle", 1.0, range(200), 200))
    assert np.abs(np.diff(every)).max() < 1 / 50
    assert (every > 0).all()
    assert every.argmax() == 50


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_one_cycle_of_a_few_steps_is_positive(num_steps):
    assert all(rate > 0 for rate in rates("one-cycle", 1.0, range(num_steps), num_steps))


def settings_for(optimizer, learning_rate, decay="constant", output_dir=None, **chosen):
    argv = ["--optimizer", optimizer, "--learning-rate", learning_rate, "--decay", decay]
    argv += ["--output-dir", output_dir]
    for name, value in chosen.items():
        argv += [f"--{name.replace('_', '-')}", value]
    return mnist_softmax.read_settings([str(word) for word in argv])


def minimise(optimizer, learning_rate, steps, **flags):
    """Values of J(x) = x² on the way down from x = 5, one per step."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(5.0)
        settings = settings_for(optimizer, learning_rate, **flags)
        train_step = objective.new_optimizer(settings, steps).minimize(tf.square(x))
        session.run(tf.global_variables_initializer())
        values = []
        for _ in range(steps):
            session.run(train_step)
            values.append(float(session.run(x)))
        assert session.run(tf.train.get_global_step()) == steps
        return values


def test_gradient_descent_by_hand():
    """x ← x − 0.3 · 2x = 0.4 · x: 5, 2, 0.8, 0.32, …"""
    assert minimise("sgd", 0.3, 4) == pytest.approx([2, 0.8, 0.32, 0.128], rel=1e-5)


def test_momentum_by_hand():
    x, velocity, expected = 5.0, 0.0, []
    for _ in range(10):
        velocity = 0.9 * velocity + 2 * x
        x -= 0.1 * velocity
        expected.append(x)
    assert minimise("momentum", 0.1, 10) == pytest.approx(expected, rel=1e-4)


def test_adam_by_hand():
    x, mean, square, expected = 5.0, 0.0, 0.0, []
    for k in range(1, 11):
        gradient = 2 * x
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        x -= 0.5 * (mean / (1 - 0.9**k)) / (math.sqrt(square / (1 - 0.999**k)) + 1e-8)
        expected.append(x)
    assert minimise("adam", 0.5, 10) == pytest.approx(expected, rel=1e-4)


def test_clipping_shortens_the_step_and_keeps_its_direction():
    assert minimise("sgd", 1.0, 3, clip_norm=0.5) == pytest.approx([4.5, 4.0, 3.5])
    assert minimise("sgd", 0.3, 2, clip_norm=100.0) == pytest.approx([2, 0.8])
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.Variable(3.0), tf.Variable(4.0)
        loss = (tf.square(x) + tf.square(y)) / 2  # gradient (3, 4), of length 5
        optimizer = objective.new_optimizer(settings_for("sgd", 1.0, clip_norm=1.0), 1)
        train_step = optimizer.minimize(loss)
        session.run(tf.global_variables_initializer())
        session.run(train_step)
        assert session.run([x, y]) == pytest.approx([3 - 3 / 5, 4 - 4 / 5])


@pytest.mark.parametrize("optimizer", objective.OPTIMIZERS)
def test_every_optimizer_goes_downhill(optimizer):
    rate = objective.OPTIMIZERS[optimizer].learning_rate
    values = minimise(optimizer, min(rate, 0.1), 30)
    assert abs(values[-1]) < abs(values[0]) < 5
    assert np.isfinite(values).all()


def test_exponential_and_staircase_by_hand():
    flags = {"decay_steps": 10, "decay_rate": 0.96}
    assert rates("exponential", 0.1, [0, 5, 10, 20], 100, **flags) == pytest.approx(
        [0.1, 0.1 * 0.96**0.5, 0.096, 0.1 * 0.96**2]
    )
    assert rates("staircase", 0.1, [0, 9, 10, 19, 20], 100, **flags) == pytest.approx(
        [0.1, 0.1, 0.096, 0.096, 0.1 * 0.96**2]
    )


def test_cosine_by_hand():
    expected = [1, 0.5 + 0.5 * math.cos(math.pi / 4), 0.5, 0]
    assert rates("cosine", 1.0, [0, 25, 50, 100], 100) == pytest.approx(expected, abs=1e-6)


def test_label_smoothing_spreads_a_part_of_the_probability_over_all_classes():
    """0.2 of the probability: 0.05 for each of four classes, and 0.8 more for the true one."""
    with tf.Graph().as_default(), tf.Session() as session:
        one_hot, images = tf.one_hot([2, 0], 4), tf.zeros([2, 36])
        assert objective.soft_labels(one_hot, images, Namespace(label_smoothing=0)) is one_hot
        labels = session.run(objective.soft_labels(one_hot, images, Namespace(label_smoothing=0.2)))
    expected = [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]
    np.testing.assert_allclose(labels, expected, rtol=1e-6)


@pytest.mark.parametrize("script", [mnist_softmax, mnist_mlp, mnist_cnn])
def test_the_smoothed_loss_is_the_cross_entropy_with_the_smoothed_labels(script):
    """Against NumPy, from the probabilities that the net itself returns."""
    data = load_data()
    images, labels = data.train.take(np.arange(50))
    losses, smoothing = [], 0.3
    for flags in ([], ["--label-smoothing", str(smoothing)]):
        net = script.build_graph(script.read_settings(flags), data)
        with tf.Session(graph=net.graph) as session:
            session.run(tf.global_variables_initializer())
            feed = {net.x: images, net.y_true: labels}
            loss, probabilities = session.run([net.loss, net.y_pred], feed)
        losses.append(loss)
    log = np.log(probabilities.astype(np.float64))
    plain = -log[np.arange(50), labels].mean()
    np.testing.assert_allclose(losses[0], plain, rtol=1e-5)
    expected = (1 - smoothing) * plain - smoothing * log.mean()
    np.testing.assert_allclose(losses[1], expected, rtol=1e-5)


def test_penalties_are_taken_on_weights_and_not_on_biases():
    values = {}
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        logits = layers.new_fc_layer(tf.ones([4, 3]), 3, 2, use_relu=False)
        layers.batch_norm(logits, tf.constant(True))  # its scales are left out, too
        for l1, l2 in ((0, 0), (0.5, 0), (0, 0.25), (0.5, 0.25)):
            values[l1, l2] = objective.weight_penalty(Namespace(l1=l1, l2=l2))
        assert values.pop((0, 0)) == 0
        session.run(tf.global_variables_initializer())
        weights = session.run(layers.layers_of(graph)[0].weights)
        values = session.run(values)
    l1, l2 = 0.5 * np.abs(weights).sum(), 0.25 * np.square(weights).sum() / 2
    assert values[0.5, 0] == pytest.approx(l1, rel=1e-5)
    assert values[0, 0.25] == pytest.approx(l2, rel=1e-5)
    assert values[0.5, 0.25] == pytest.approx(l1 + l2, rel=1e-5)


def test_moving_averages_by_hand_and_their_exchange(tmp_path):
    """The average follows with min(0.9, (1 + k) / (10 + k)) in step k, and changes places."""
    with tf.Graph().as_default() as graph:
        x = tf.Variable(5.0)
        settings = settings_for("sgd", 0.3, moving_average=0.9, output_dir=tmp_path)
        train_step = objective.new_optimizer(settings, 5).minimize(tf.square(x))
    net = Namespace(graph=graph, train_step=train_step)
    weight = average = 5.0
    with new_session(net, settings) as session:
        for k in range(1, 6):
            session.run(train_step)
            weight *= 0.4
            keep = min(0.9, (1 + k) / (10 + k))
            average = keep * average + (1 - keep) * weight
        assert session.run(x.value()) == pytest.approx(weight, rel=1e-5)
        for _ in range(2):
            with averaged_weights(session):
                assert session.run(x.value()) == pytest.approx(average, rel=1e-5)
            assert session.run(x.value()) == pytest.approx(weight, rel=1e-5)


def test_the_schedule_follows_the_global_step():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(0.0)
        settings = settings_for("sgd", 1.0, "one-cycle")
        # The gradient is 1: x falls by the rate.
        train_step = objective.new_optimizer(settings, 20).minimize(x)
        session.run(tf.global_variables_initializer())
        positions = [0.0]
        for _ in range(20):
            session.run(train_step)
            positions.append(float(session.run(x)))
    expected = rates("one-cycle", 1.0, range(20), 20)
    np.testing.assert_allclose(-np.diff(positions), expected, atol=1e-5)


def test_a_step_in_two_calls_equals_minimize():
    results = []
    for in_two_calls in (False, True):
        with tf.Graph().as_default(), tf.Session() as session:
            x, unused = tf.Variable([3.0, -4.0]), tf.Variable(1.0)
            optimizer = objective.new_optimizer(settings_for("adam", 0.1, clip_norm=1), 5)
            loss = tf.reduce_sum(tf.square(x))
            if in_two_calls:
                pairs = optimizer.compute_gradients(loss)
                assert [variable for _, variable in pairs] == [x, unused]
                train_step = optimizer.apply_gradients(pairs)
            else:
                train_step = optimizer.minimize(loss)
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(train_step)
            results.append(session.run([x, unused, tf.train.get_global_step()]))
            assert optimizer.get_slot(x, "m") is not None
            assert len(optimizer.variables()) >= 2
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    assert results[0][2] == 5


def test_two_optimizers_count_a_step_once():
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.Variable(3.0), tf.Variable(4.0)
        steps = [
            objective.new_optimizer(settings_for("sgd", 0.1), 9).minimize(
                tf.square(v), var_list=[v]
            )
            for v in (x, y)
        ]
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(steps)
        assert session.run(tf.train.get_global_step()) == 3
        assert session.run([x, y]) == pytest.approx([3 * 0.8**3, 4 * 0.8**3])


def test_a_loss_that_depends_on_no_variable_is_refused():
    with tf.Graph().as_default():
        tf.Variable(1.0)
        optimizer = objective.new_optimizer(settings_for("sgd", 0.1), 1)
        with pytest.raises(ValueError, match="the loss depends on none of the variables"):
            optimizer.minimize(tf.constant(1.0))
