"""common/objective.py: schedules as numbers, optimizers against the formulas of their papers."""

import math
from argparse import Namespace

from common import objective
from common.layers import layers_of, new_fc_layer
from common.session import new_session

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


def settings_for(optimizer, learning_rate, decay="constant", clip_norm=None, average=None):
    return Namespace(
        optimizer=optimizer,
        learning_rate=learning_rate,
        decay=decay,
        clip_norm=clip_norm,
        moving_average=average,
        batch_size=1,
    )


def minimise(optimizer, learning_rate, steps, **flags):
    """Values of J(x) = x² on the way down from x = 5, one per step."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(5.0)
        settings = settings_for(optimizer, learning_rate, **flags)
        train_step = objective.new_train_step(tf.square(x), settings, steps)
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
        train_step = objective.new_train_step(loss, settings_for("sgd", 1.0, clip_norm=1.0), 1)
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


def test_cross_entropy_between_two_distributions():
    """Target (1, 0, 0), prediction (0.5, 0.4, 0.1): −ln 0.5 = 0.693. It is not symmetric."""
    with tf.Graph().as_default(), tf.Session() as session:
        logits = tf.log(tf.constant([[0.5, 0.4, 0.1]]))
        value = session.run(objective.cross_entropy(logits, tf.constant([[1.0, 0, 0]])))
        assert value == pytest.approx([0.6931], abs=1e-4)
        swapped = session.run(
            objective.cross_entropy(tf.log([[0.98, 0.01, 0.01]]), tf.constant([[0.5, 0.4, 0.1]]))
        )
        assert swapped == pytest.approx([-0.5 * math.log(0.98) - 0.5 * math.log(0.01)], rel=1e-4)


def test_squared_error_by_hand():
    with tf.Graph().as_default(), tf.Session() as session:
        outputs, one_hot = tf.constant([[0.5, 2.0], [1.0, 0.0]]), tf.one_hot([1, 0], 2)
        assert session.run(objective.squared_error(outputs, one_hot)).tolist() == [1.25, 0]


def test_penalties_are_taken_on_weights_and_not_on_biases():
    values = {}
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        logits = new_fc_layer(tf.ones([4, 3]), 3, 2, use_relu=False)
        one_hot = tf.one_hot([0, 1, 1, 0], 2)
        for l1, l2 in ((0, 0), (0.5, 0), (0, 0.25)):
            settings = Namespace(loss="cross-entropy", l1=l1, l2=l2)
            values[l1, l2] = objective.new_loss(logits, one_hot, settings)
        session.run(tf.global_variables_initializer())
        weights = session.run(layers_of(graph)[0].weights)
        values = session.run(values)
    assert values[0.5, 0] - values[0, 0] == pytest.approx(0.5 * np.abs(weights).sum(), rel=1e-5)
    assert values[0, 0.25] - values[0, 0] == pytest.approx(
        0.25 * np.square(weights).sum() / 2, rel=1e-4
    )


def test_moving_averages_by_hand_and_their_exchange(tmp_path):
    """The average follows with min(0.9, (1 + k) / (10 + k)) in step k, and changes places."""
    with tf.Graph().as_default() as graph:
        x = tf.Variable(5.0)
        train_step = objective.new_train_step(
            tf.square(x), settings_for("sgd", 0.3, average=0.9), 5
        )
    net = Namespace(graph=graph)
    weight = average = 5.0
    with new_session(net, Namespace(output_dir=tmp_path, bfloat16=False)) as session:
        for k in range(1, 6):
            session.run(train_step)
            weight *= 0.4
            keep = min(0.9, (1 + k) / (10 + k))
            average = keep * average + (1 - keep) * weight
        assert session.run(x.value()) == pytest.approx(weight, rel=1e-5)
        for _ in range(2):
            with session.averaged_weights():
                assert session.run(x.value()) == pytest.approx(average, rel=1e-5)
            assert session.run(x.value()) == pytest.approx(weight, rel=1e-5)


def test_the_schedule_follows_the_global_step():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(0.0)
        settings = settings_for("sgd", 1.0, "one-cycle")
        train_step = objective.new_train_step(x, settings, 20)  # gradient 1: x falls by the rate
        session.run(tf.global_variables_initializer())
        positions = [0.0]
        for _ in range(20):
            session.run(train_step)
            positions.append(float(session.run(x)))
    expected = rates("one-cycle", 1.0, range(20), 20)
    np.testing.assert_allclose(-np.diff(positions), expected, atol=1e-5)
