"""Random graphs: where common/parallel/rows.py accepts one, its loss and gradients are the same."""

import random

from common.layers import batch_norm, dropout
from common.parallel.rows import NotDivisibleError

import numpy as np
import pytest
import small_steps
import tensorflow.compat.v1 as tf
from small_steps import mini_batch, new_step, weights

NUM_GRAPHS = 100
UNARY = (tf.abs, tf.tanh, tf.nn.relu, tf.square, tf.stop_gradient, tf.ones_like, tf.negative)
BINARY = (
    tf.add,
    tf.subtract,
    tf.multiply,
    tf.maximum,
    tf.squared_difference,
    lambda a, b: a / (tf.abs(b) + 1),
    lambda a, b: tf.where_v2(a > b, a, b),
    lambda a, b: tf.cast(tf.less(a, b), tf.float32),
)
REDUCTIONS = (tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_prod)
SLICES = (
    lambda a: a[:, 0],
    lambda a: a[..., 0],
    lambda a: a[1:],
    lambda a: a[::-1],
    lambda a: a[0],
    lambda a: a[:, ::-1],
    lambda a: a[:, 1:],
    lambda a: a[:, None],
    lambda a: a[None],
    lambda a: a[..., None],
    lambda a: a[..., 1:, :],
    lambda a: a[..., None, :],
    lambda a: a[-1:],
)
SHAPES = (
    lambda a, x: [-1, 6],
    lambda a, x: [-1, 3, 2],
    lambda a, x: [-1],
    lambda a, x: [-1, 1],
    lambda a, x: [tf.shape(x)[0], 6],
    lambda a, x: [tf.shape(a)[0], -1],
    lambda a, x: tf.shape(a),
    lambda a, x: tf.concat([tf.shape(x)[:1], [2, 3]], axis=0),
)
PADDINGS = ([[0, 0], [1, 1]], [[1, 0], [0, 0]], [[0, 0], [0, 1], [1, 0]], [[0, 0]])


def random_loss(choose):
    """Return a function that builds a loss from operations that `choose` chooses."""

    def build(x, labels):
        example_weights = tf.placeholder(tf.float32, [None], name="example_weights")
        fed = tf.placeholder_with_default(np.ones(6, np.float32), [None])
        same = [weights(*shape) for shape in ((6, 6), (6,), (1, 6), (1,), (), (6, 1), (2, 3), (3,))]
        pool = [x, example_weights, tf.one_hot(labels, 6), tf.reshape(x, [-1, 2, 3])]
        for _ in range(choose.randrange(2, 8)):
            a, b = choose.choice(pool), choose.choice([*pool, *same, fed])
            axis = choose.choice([0, 1, 2, -1, -2])
            operations = (
                lambda a=a: choose.choice(UNARY)(a),
                lambda a=a, b=b: choose.choice(BINARY)(*choose.sample([a, b], 2)),
                lambda a=a, b=b: choose.choice(BINARY)(*choose.sample([a, b], 2)),
                lambda a=a, axis=axis: choose.choice(REDUCTIONS)(
                    a, axis=choose.choice([axis, [axis], None, []]), keepdims=choose.random() < 0.3
                ),
                lambda a=a: tf.reshape(a, choose.choice(SHAPES)(a, x)),
                lambda a=a: tf.transpose(a, choose.sample(range(a.shape.ndims), a.shape.ndims)),
                lambda a=a: choose.choice(SLICES)(a),
                lambda a=a, b=b: tf.matmul(
                    a, b, transpose_a=choose.random() < 0.2, transpose_b=choose.random() < 0.4
                ),
                lambda a=a, b=b, axis=axis: tf.concat([a, b], axis=axis),
                lambda a=a, b=b, axis=axis: tf.stack([a, b], axis=axis),
                lambda a=a, axis=axis: tf.nn.softmax(a, axis=axis),
                lambda a=a: tf.pad(a, choose.choice(PADDINGS)),
                lambda a=a, axis=axis: tf.squeeze(a, axis=choose.choice([None, [axis]])),
                lambda a=a, axis=axis: tf.expand_dims(a, axis),
                lambda a=a: tf.gather(choose.choice([*same, a]), labels),
                lambda a=a: a * tf.random.stateless_uniform(tf.shape(a), [1, 2]),
                lambda axis=axis: tf.one_hot(labels, 6, axis=choose.choice([0, 1, -1])),
                lambda a=a: tf.cast(tf.argmax(a, axis=choose.choice([0, 1])), tf.float32),
                lambda a=a: batch_norm(a, tf.constant(True)),
                lambda a=a: dropout(a, 0.4, tf.constant(True)),
            )
            try:
                result = choose.choice(operations)()
            except (ValueError, TypeError, IndexError, tf.errors.InvalidArgumentError):
                continue  # they do not fit together
            if result.shape.ndims is not None and result.shape.ndims < 5:
                pool.append(result)
        loss = choose.choice((tf.reduce_mean,) * 4 + (tf.reduce_sum,))(pool[-1] * weights())
        return choose.choice((2, 1, weights())) * loss + choose.choice((0, tf.nn.l2_loss(same[0])))

    return build


@pytest.mark.slow
def test_random_graphs_that_are_accepted_are_the_same_in_two_parts():
    accepted = 0
    for number in range(NUM_GRAPHS):
        step = new_step(random_loss(random.Random(number)))
        try:
            whole, parts = small_steps.recomputed(step)
        except NotDivisibleError:
            continue
        accepted += 1
        with tf.Session(graph=step.graph) as session:
            session.run(step.initialize)
            for num_rows in (2, 5, 1):
                feed = mini_batch(step, num_rows, {"example_weights:0": np.arange(num_rows) + 1.0})
                compare(session, whole, parts, feed, number)
    assert accepted > NUM_GRAPHS / 10


def compare(session, whole, parts, feed, number):
    """Compare what both compute, or that both raise the same error."""
    outcomes = []
    for fetches in (whole, parts):
        fetches = [one for one in fetches if one is not None]
        try:
            outcomes.append(session.run(fetches, feed))
        except tf.errors.InvalidArgumentError as error:
            outcomes.append([type(error).__name__])
    expected, found = outcomes
    if isinstance(expected[0], str) or isinstance(found[0], str):
        assert found == expected, number
    elif all(np.isfinite(one).all() for one in expected if isinstance(one, np.ndarray)):
        small_steps.assert_close(found, expected, 1e-4)
