"""common/objective.py: schedules as numbers, optimizers against the formulas of their papers."""

import math
from argparse import Namespace

from common import objective

import numpy as np
import pytest
import tensorflow.compat.v1 as tf


def rates(name, peak, steps, num_steps):
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = objective.SCHEDULES[name](peak, step, num_steps)
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


def minimise(optimizer, learning_rate, steps):
    """Values of J(x) = x² on the way down from x = 5, one per step."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(5.0)
        settings = Namespace(optimizer=optimizer, learning_rate=learning_rate, decay="constant")
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


def test_the_schedule_follows_the_global_step():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(0.0)
        settings = Namespace(optimizer="sgd", learning_rate=1.0, decay="one-cycle")
        train_step = objective.new_train_step(x, settings, 20)  # gradient 1: x falls by the rate
        session.run(tf.global_variables_initializer())
        positions = [0.0]
        for _ in range(20):
            session.run(train_step)
            positions.append(float(session.run(x)))
    expected = rates("one-cycle", 1.0, range(20), 20)
    np.testing.assert_allclose(-np.diff(positions), expected, atol=1e-5)
