"""common/parallel/rows.py: what is divided gives the same loss and gradients."""

from common.layers import batch_norm, dropout
from common.parallel.rows import Kind, examine

import numpy as np
import pytest
import small_steps
import tensorflow.compat.v1 as tf
from small_steps import cross_entropy, new_step, weights

# Layers between the inputs and a mean of squares: functions of h, float32 [n, 6].
LAYERS = {
    "activations": lambda h: tf.tanh(tf.nn.elu(tf.sigmoid(h)) - tf.nn.relu(h)),
    "softmax": lambda h: tf.nn.softmax(h) * tf.nn.log_softmax(h),
    "norm of each row": lambda h: tf.nn.l2_normalize(h, axis=1),
    "normalisation of each row": lambda h: h - tf.reduce_mean(h, axis=1, keepdims=True),
    "mean of each row": lambda h: tf.reduce_mean(h, axis=-1),
    "maximum of each row": lambda h: tf.reduce_max(h, axis=[1]),
    "no reduction": lambda h: tf.reduce_sum(h, axis=[]),
    "scalar": lambda h: h * weights() + 2.0,
    "vector for each row": lambda h: h * weights(6) + weights(1, 6),
    "column for each row": lambda h: h * tf.expand_dims(h[:, 0], 1),
    "bias": lambda h: tf.nn.bias_add(h, weights(6)),
    "other orders of broadcasting": lambda h: (weights(6) - h) / (tf.exp(h) + 1.0),
    "power": lambda h: tf.pow(tf.abs(h) + 1.0, weights(6)),
    "product": lambda h: h @ weights(6, 3),
    "product with transposed weights": lambda h: tf.matmul(h, weights(3, 6), transpose_b=True),
    "weights used twice": lambda h: (lambda w: tf.tanh(h @ w) @ tf.transpose(w))(weights(6, 3)),
    "weights of small rank": lambda h: h @ (weights(6, 1) @ weights(1, 6)),
    "reshape to maps and back": lambda h: tf.reshape(tf.reshape(h, [-1, 2, 3]) ** 2, [-1, 6]),
    "reshape by the shape": lambda h: tf.reshape(h, [tf.shape(h)[0], 3, 2]) * weights(3, 1),
    "reshape to the same": lambda h: tf.reshape(h, tf.shape(h)) * weights(6),
    "reshape by another's shape": lambda h: tf.reshape(h, tf.shape(h[:, None])),
    "flat rows of one number": lambda h: tf.reshape(h[:, :1], [-1]),
    "transposed rows": lambda h: tf.transpose(tf.reshape(h, [-1, 2, 3]), [0, 2, 1]) * weights(2),
    "columns": lambda h: h[:, 1:4] + h[..., ::-1][:, :3],
    "one column": lambda h: h[:, 2] * h[..., 0],
    "new axes": lambda h: tf.squeeze(h[:, tf.newaxis, :, None] * weights(3, 1, 1), axis=[3]),
    "concat of columns": lambda h: tf.concat([h, h[:, :2]], axis=1) * weights(8),
    "stack of columns": lambda h: tf.stack([h, 2 * h], axis=-1) * weights(2),
    "padded columns": lambda h: tf.pad(h, [[0, 0], [1, 2]]) * weights(9),
    "where of a scalar": lambda h: tf.where(weights() > 0, h, 2 * h),
    "where of rows": lambda h: tf.where(h > 0, h, 0.1 * h) * weights(),
    "row of a table": lambda h: h * tf.gather(tf.identity(weights(5, 6)), tf.argmax(h, axis=1)),
    "one-hot of the largest": lambda h: h * tf.one_hot(tf.argmax(h, axis=1), 6) * weights(6),
    "numbers of the same count": lambda h: h * tf.fill([tf.shape(h)[0], 6], weights()),
    "convolution": lambda h: tf.nn.conv2d(
        tf.reshape(h, [-1, 2, 3, 1]), weights(2, 2, 1, 3), strides=1, padding="SAME"
    ),
    "depthwise convolution": lambda h: tf.nn.depthwise_conv2d(
        tf.reshape(h, [-1, 1, 3, 2]), weights(1, 2, 2, 2), [1, 1, 1, 1], "VALID"
    ),
    "pooling": lambda h: tf.nn.max_pool2d(tf.reshape(h, [-1, 2, 3, 1]), 2, 2, "SAME"),
    "mean of each map": lambda h: tf.reduce_mean(tf.reshape(h, [-1, 2, 1, 3]), axis=[1, 2]),
    "stopped gradient": lambda h: h * tf.stop_gradient(tf.exp(h)),
    "dropout": lambda h: dropout(h, 0.5, tf.constant(True)),
    "dropout of maps": lambda h: dropout(tf.reshape(h, [-1, 2, 3]), 0.3, tf.constant(True)),
    "random numbers": lambda h: h * tf.random.stateless_uniform(tf.shape(h), [1, 2]),
    "equal random numbers": lambda h: h * tf.random.stateless_normal([6], [1, 2]),
    "batch normalisation": lambda h: batch_norm(h, tf.constant(True)) ** 3,
    "batch normalisation of maps": lambda h: (
        batch_norm(tf.reshape(h, [-1, 3, 1, 2]), tf.constant(True)) ** 3
    ),
    "batch normalisation twice": lambda h: (
        batch_norm(tf.nn.relu(batch_norm(h, tf.constant(True))) @ weights(6, 3), tf.constant(True))
        ** 3
    ),
}
# Losses: functions of x, float32 [n, 6], and labels, int32 [n].
LOSSES = {
    "cross-entropy": lambda x, labels: tf.reduce_mean(cross_entropy(x, labels)),
    "dense labels": lambda x, labels: tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(
            labels=tf.one_hot(labels, 4), logits=x @ weights(6, 4)
        )
    ),
    "two classes": lambda x, labels: tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(labels, tf.float32), logits=(x @ weights(6, 1))[:, 0]
        )
    ),
    "weights of classes": lambda x, labels: tf.reduce_mean(
        cross_entropy(x, labels) * tf.gather([1.0, 2.0, 3.0, 4.0], labels)
    ),
    "weights of examples": lambda x, labels: tf.reduce_mean(cross_entropy(x, labels) * x[:, 0]),
    "mean of means": lambda x, labels: tf.reduce_mean(tf.reduce_mean(tf.abs(x @ weights(6, 4)), 1)),
    "affine": lambda x, labels: (
        (1 - 2 * tf.reduce_mean(cross_entropy(x, labels))) / 4 + tf.nn.l2_loss(weights(2, 2))
    ),
    "sum of means": lambda x, labels: (
        tf.reduce_mean(cross_entropy(x, labels)) + tf.reduce_mean(x * weights(6))
    ),
    "float64": lambda x, labels: tf.reduce_mean(
        tf.square(tf.cast(x, tf.float64) @ tf.cast(weights(6, 3), tf.float64))
    ),
    "tall weights": lambda x, labels: tf.reduce_mean(
        cross_entropy(tf.concat([x] * 50, axis=1), labels)
    ),
}


def loss_behind(layer):
    return lambda x, labels: tf.reduce_mean(tf.square(layer(x @ weights(6, 6))))


STEPS = {name: loss_behind(layer) for name, layer in LAYERS.items()} | LOSSES


@pytest.mark.parametrize("name", STEPS)
def test_two_parts_have_the_loss_and_the_gradients_of_the_whole(name):
    step = new_step(STEPS[name])
    whole, parts = small_steps.recomputed(step)
    with tf.Session(graph=step.graph) as session:
        session.run(step.initialize)
        for num_rows in (1, 2, 3, 7, 16):
            expected, found = session.run([whole, parts], small_steps.mini_batch(step, num_rows))
            small_steps.assert_close(found, expected)


def test_one_part_has_them_too_with_its_tall_product_as_an_einsum():
    step = new_step(LOSSES["tall weights"])
    before = len(step.graph.get_operations())
    whole, parts = small_steps.recomputed(step, num_parts=1)
    assert "Einsum" in {op.type for op in step.graph.get_operations()[before:]}
    with tf.Session(graph=step.graph) as session:
        session.run(step.initialize)
        for num_rows in (1, 16):
            expected, found = session.run([whole, parts], small_steps.mini_batch(step, num_rows))
            small_steps.assert_close(found, expected)


def test_two_placeholders_with_a_row_for_each_example():
    def build(x, labels):
        example_weights = tf.placeholder(tf.float32, [None], name="example_weights")
        return tf.reduce_mean(cross_entropy(x, labels) * example_weights)

    step = new_step(build)
    whole, parts = small_steps.recomputed(step)
    with tf.Session(graph=step.graph) as session:
        session.run(step.initialize)
        for num_rows in (1, 7):
            more = {"example_weights:0": np.arange(num_rows)}
            feed = small_steps.mini_batch(step, num_rows, more)
            expected, found = session.run([whole, parts], feed)
            small_steps.assert_close(found, expected)


def test_every_kind_is_recognised():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 6], name="x")
        factors = tf.placeholder(tf.float32, [6], name="factors")
        table = weights(6, 6)
        rows = tf.identity(x * factors, name="rows") @ tf.identity(table, name="table")
        count = tf.identity(tf.shape(rows)[0], name="count")
        rows = tf.reshape(batch_norm(rows, tf.constant(True)), [count, 3, 2])
        rows = tf.identity(rows, name="maps")
        tf.reduce_mean(rows, name="mean")
        moments = graph.get_collection("moments")[0]
        loss = 2 * graph.get_tensor_by_name("mean:0")
        updates = [op.op.inputs[1] for op in graph.get_collection(tf.GraphKeys.UPDATE_OPS)]
    plan = examine(loss, updates)
    names = ("x", "factors", "rows", "table", "count", "maps", "mean")
    kinds = [plan.kinds[f"{name}:0"] for name in names]
    rows, same = Kind.ROWS, Kind.SAME
    assert kinds == [rows, same, rows, same, Kind.COUNT, rows, Kind.MEAN]
    assert plan.kinds[loss.name] is Kind.MEAN
    for tensor in (moments.mean, moments.variance, *updates):
        assert plan.kinds[tensor.name] is Kind.SYNCHRONISED
    assert [tensor.name for tensor in plan.placeholders] == ["x:0"]
    assert plan.moments == [moments]
