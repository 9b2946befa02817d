"""A training step of a small graph, plain and recomputed in parts."""

from types import SimpleNamespace

from common.objective import STEPS, Optimizer
from common.parallel import halves

import numpy as np
import tensorflow.compat.v1 as tf

NUM_INPUTS, NUM_CLASSES = 6, 4


def new_step(build, new_optimizer=lambda: tf.train.GradientDescentOptimizer(0.1)):
    """Add a training step to a new graph.

    Args:
        build: (x float32 [n, 6], labels int32 [n]) → the loss.
        new_optimizer: returns an optimizer of tf.train.

    Returns:
        `graph`, `x`, `labels`, `loss`, `operation` (the step), `noted` (its TrainingStep),
        `initialize`, and `variables`, all of them, as tensors.
    """
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        x = tf.placeholder(tf.float32, [None, NUM_INPUTS], name="x")
        labels = tf.placeholder(tf.int32, [None], name="labels")
        loss = build(x, labels)
        operation = Optimizer(new_optimizer()).minimize(loss)
        noted = next(one for one in graph.get_collection(STEPS) if one.operation is operation)
        initialize = tf.global_variables_initializer()
        variables = [variable.value() for variable in tf.global_variables()]
    return SimpleNamespace(
        graph=graph,
        x=x,
        labels=labels,
        loss=loss,
        operation=operation,
        noted=noted,
        initialize=initialize,
        variables=variables,
    )


def weights(*shape):
    """Return a new variable with random numbers."""
    number = len(tf.global_variables())
    normal = tf.random.stateless_normal(shape, [number, 1], stddev=0.5)
    return tf.Variable(normal, name=f"weights{number}")


def cross_entropy(features, labels):
    """Return the cross-entropy of each example, with one layer between the features and it."""
    logits = features @ weights(features.shape[1], NUM_CLASSES)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def mini_batch(step, num_rows, more=None):
    """Return a feed of so many rows; `more` are names of tensors and their values."""
    random = np.random.default_rng(num_rows)
    return {
        step.x: random.random((num_rows, NUM_INPUTS), dtype=np.float32),
        step.labels: random.integers(0, NUM_CLASSES, num_rows).astype(np.int32),
        **(more or {}),
    }


def recomputed(step, num_parts=2):
    """Add the same step in parts, and the gradients of both: lists of a loss and its gradients."""
    faster = halves.recompute(step.noted, num_parts)
    with step.graph.as_default():
        return [
            [loss, *tf.gradients(loss, step.noted.variables)] for loss in (step.loss, faster.loss)
        ]


def state_after_steps(step, operation, feed, num_steps=2):
    """Return all variables after some steps of one operation."""
    with tf.Session(graph=step.graph) as session:
        session.run(step.initialize)
        for _ in range(num_steps):
            session.run(operation, feed)
        return session.run(step.variables)


def assert_close(found, expected, tolerance=1e-5):
    """Compare lists of numbers and arrays, with a tolerance that is relative to the largest one."""
    for one, other in zip(found, expected, strict=True):
        if hasattr(one, "values"):  # a sparse gradient: indices, some of them more than once
            one, other = map(dense, (one, other))
        scale = 1 + np.abs(other).max(initial=0)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


def dense(slices):
    result = np.zeros(slices.dense_shape, slices.values.dtype)
    np.add.at(result, slices.indices, slices.values)
    return result
