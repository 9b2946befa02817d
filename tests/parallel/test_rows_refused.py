"""common/parallel/rows.py: what is not certain to be the same is refused, with its reason."""

import re

from common.parallel.rows import NotDivisibleError, examine

import pytest
import tensorflow.compat.v1 as tf
from small_steps import cross_entropy, new_step, weights

UNKNOWN = "is not known to treat each example by itself"
DRAWS = r"draws new random numbers .*common\.layers\.dropout does"
# Layers between the inputs and a mean of squares: functions of h, float32 [n, 6], and the type of
# the operation that the reason must name.
LAYERS = {
    "rows in reverse": (lambda h: tf.reverse(h, [0]), "ReverseV2"),
    "rows in reverse by a slice": (lambda h: h[::-1], "StridedSlice"),
    "sums of the rows before": (lambda h: tf.cumsum(h), "Cumsum"),
    "products of rows with rows": (lambda h: tf.matmul(h, h, transpose_b=True), "MatMul"),
    "products of columns": (lambda h: tf.matmul(h, h, transpose_a=True), "MatMul"),
    "transposed rows": (lambda h: tf.transpose(h), "Transpose"),
    "product with transposed rows": (
        lambda h: tf.matmul(h[:, :1], weights(5, 6), transpose_a=True),
        "MatMul",
    ),
    "softmax over the rows": (lambda h: tf.nn.softmax(h, axis=0), "Transpose"),
    "softmax of a vector": (lambda h: tf.nn.softmax(h[:, 0]), "Softmax"),
    "maximum over the rows": (lambda h: h - tf.reduce_max(h, axis=0), "Max"),
    "sum of everything": (lambda h: h / tf.reduce_sum(h), "Sum"),
    "mean over negative axes": (lambda h: h - tf.reduce_mean(h, axis=-2), "Mean"),
    "norm of everything": (lambda h: h / tf.norm(h), "Sum"),
    "moments of the reader's own": (lambda h: h - tf.nn.moments(h, [0])[0], "Mean"),
    "largest row": (lambda h: tf.one_hot(tf.argmax(h, axis=0), 6) * h[:1], "ArgMax"),
    "some rows": (lambda h: tf.gather(h, [0, 0]), "GatherV2"),
    "rows of labels": (lambda h: tf.gather(h, tf.argmax(h, axis=1)), "GatherV2"),
    "columns of a table": (
        lambda h: h * tf.transpose(tf.gather(weights(6, 7), tf.argmax(h, axis=1), axis=1)),
        "GatherV2",
    ),
    "cross-entropy with labels of its own": (
        lambda h: tf.nn.softmax_cross_entropy_with_logits_v2(labels=weights(16, 6), logits=h),
        "SoftmaxCrossEntropyWithLogits",
    ),
    "all rows but the first": (lambda h: h[1:], "StridedSlice"),
    "the first row": (lambda h: h - h[0], "StridedSlice"),
    "a new first axis": (lambda h: h[None], "StridedSlice"),
    "a new first axis that looks whole": (
        lambda h: tf.raw_ops.StridedSlice(
            input=h,
            begin=[0],
            end=[0],
            strides=[1],
            begin_mask=1,
            end_mask=1,
            new_axis_mask=1,
        ),
        "StridedSlice",
    ),
    "ellipsis for no axis": (lambda h: h[..., 1:, :], "StridedSlice"),
    "an axis before the rows": (lambda h: tf.expand_dims(h, 0), "ExpandDims"),
    "an axis before the rows, from the end": (lambda h: tf.expand_dims(h, -3), "ExpandDims"),
    "squeeze of any axis": (lambda h: tf.squeeze(h[:, :1]), "Squeeze"),
    "more rows": (lambda h: tf.concat([h, h], axis=0), "ConcatV2"),
    "more rows, from the end": (lambda h: tf.concat([h, h], axis=-2), "ConcatV2"),
    "stack of rows": (lambda h: tf.stack([h, h]), "Pack"),
    "stack with a variable": (lambda h: tf.stack([h, weights(16, 6)], axis=1), "Pack"),
    "concat with a variable": (lambda h: tf.concat([h, weights(16, 6)], axis=1), "ConcatV2"),
    "rows of padding": (lambda h: tf.pad(h, [[1, 0], [0, 0]]), "Pad"),
    "rows twice": (lambda h: tf.tile(h, [2, 1]), "Tile"),
    "one-hot with classes first": (
        lambda h: tf.transpose(tf.one_hot(tf.argmax(h, axis=1), 6, axis=0)) * h,
        "OneHot",
    ),
    "half a row in a row": (lambda h: tf.reshape(h, [-1, 3]), "Reshape"),
    "two rows in a row": (lambda h: tf.reshape(h, [-1, 12]), "Reshape"),
    "everything in a row": (lambda h: tf.reshape(h, [1, -1]), "Reshape"),
    "a single row": (lambda h: tf.reshape(h, [1, 6]), "Reshape"),
    "rows last": (lambda h: tf.reshape(h, [6, -1]), "Reshape"),
    "reshape to a fed shape": (
        lambda h: tf.reshape(h, tf.placeholder(tf.int32, [2])),
        "Reshape",
    ),
    "a vector along the rows": (lambda h: h[:, 0] * tf.constant([1.0, 2, 3, 4, 5, 6]), "Mul"),
    "a variable along the rows": (lambda h: h * weights(16, 6), "Mul"),
    "a column across the rows": (lambda h: h * h[:, 0], "Mul"),
    "rows against rows": (lambda h: h[:, :1] - h[:, 0], "Sub"),
    "a fed factor for each row": (
        lambda h: h * tf.placeholder_with_default([[1.0] * 6], [None, 6]),
        "PlaceholderWithDefault",
    ),
    "convolution over the rows": (
        lambda h: tf.nn.conv2d(h[None, :, :, None], weights(2, 2, 1, 1), 1, "SAME"),
        "StridedSlice",
    ),
    "filters from rows": (
        lambda h: tf.nn.conv2d(weights(1, 4, 4, 6), tf.reshape(h, [-1, 1, 6, 1]), 1, "SAME"),
        "Conv2D",
    ),
    "sorted": (lambda h: tf.sort(h, axis=0), "Transpose"),
    "the largest": (lambda h: tf.nn.top_k(h, 2)[0], "TopKV2"),
    "half of the squares": (lambda h: h * tf.nn.l2_loss(h), "L2Loss"),
    "number of rows": (lambda h: h * tf.cast(tf.shape(h)[0], tf.float32), "Mul"),
    "numbers for six rows": (lambda h: h * tf.fill([6, tf.shape(h)[1]], 2.0), "Fill"),
    "numbers for a number of rows": (lambda h: h + tf.cast(tf.range(tf.shape(h)[0]), h.dtype), "R"),
    "random numbers for columns": (
        lambda h: tf.transpose(tf.random.stateless_normal([6, tf.shape(h)[0]], [1, 2])) * h,
        "StatelessRandomNormalV2",
    ),
    "condition": (
        lambda h: tf.cond(weights() > 0, lambda: tf.reverse(h, [0]), lambda: h),
        "StatelessIf",
    ),
    "function": (lambda h: tf.function(lambda y: tf.reverse(y, [0]))(h), "PartitionedCall"),
    "each row by itself": (lambda h: tf.map_fn(lambda row: 2 * row, h), "T"),
    "fused normalisation": (
        lambda h: tf.nn.fused_batch_norm(tf.reshape(h, [-1, 1, 2, 3]), weights(3), weights(3))[0],
        "FusedBatchNormV3",
    ),
}
# Layers that do more than compute their result.
EFFECTS = {
    "tf.nn.dropout": (lambda h: tf.nn.dropout(h, rate=0.5), DRAWS),
    "random numbers": (lambda h: h + tf.random.normal(tf.shape(h)), DRAWS),
    "equal random numbers": (lambda h: h * tf.random.uniform([]), DRAWS),
    "shuffled rows": (lambda h: h * tf.random.shuffle(h), DRAWS),
    "Python": (
        lambda h: ensure(tf.py_function(lambda y: y, [h], tf.float32)),
        "EagerPyFunc .*state",
    ),
    "printing": (lambda h: after(tf.print("here"), h), "PrintV2 .* has a state or a side effect"),
    "assertion": (lambda h: after(tf.Assert(weights() < 9, [1]), h), "Assert .* side effect"),
    "counting": (
        lambda h: after(tf.assign_add(tf.Variable(0.0, trainable=False), 1.0), h),
        "AssignAddVariableOp .* has a state or a side effect",
    ),
    "condition with an effect": (
        lambda h: tf.cond(weights() > 0, lambda: tf.random.normal([6]) + h, lambda: h),
        "If .* has a state or a side effect",
    ),
    "loop": (
        lambda h: tf.while_loop(lambda k, _: k < 3, lambda k, y: (k + 1, 2 * y), [0, h])[1],
        "StatelessWhile .* is part of a loop",
    ),
    "custom gradient": (
        lambda h: tf.custom_gradient(lambda y: (tf.identity(y), lambda g: tf.sign(g)))(h),
        "IdentityN .* has a custom gradient",
    ),
    "another gradient": (lambda h: with_another_gradient(h), "Tanh .* has a custom gradient"),
    "table that is looked up": (
        lambda h: tf.nn.embedding_lookup(weights(6, 6), tf.argmax(h, axis=1)),
        "ResourceGather .* has a state",
    ),
}
LOSSES = {
    "a sum": (lambda x, labels: tf.reduce_sum(cross_entropy(x, labels)), f"Sum .*{UNKNOWN}"),
    "a sum of means": (
        lambda x, labels: tf.reduce_sum(tf.reduce_mean(x @ weights(6, 2), axis=0)),
        f"Mean .*{UNKNOWN}",
    ),
    "a maximum": (lambda x, labels: tf.reduce_max(cross_entropy(x, labels)), "Max"),
    "divided by the count": (
        lambda x, labels: (
            tf.reduce_sum(cross_entropy(x, labels)) / tf.cast(tf.shape(x)[0], tf.float32)
        ),
        "Sum",
    ),
    "a mean divided by the count": (
        lambda x, labels: (
            tf.reduce_mean(cross_entropy(x, labels)) / tf.cast(tf.shape(x)[0], tf.float32)
        ),
        "RealDiv",
    ),
    "a root": (lambda x, labels: tf.sqrt(tf.reduce_mean(cross_entropy(x, labels))), "Sqrt"),
    "a square": (lambda x, labels: tf.square(tf.reduce_mean(cross_entropy(x, labels))), "Square"),
    "a limited mean": (lambda x, labels: tf.minimum(tf.reduce_mean(x @ weights(6, 2)), 1.0), "Min"),
    "one by a mean": (lambda x, labels: 1 / tf.reduce_mean(x @ weights(6, 2)), "RealDiv"),
    "means multiplied": (
        lambda x, labels: (
            tf.reduce_mean(x @ weights(6, 2)) * tf.reduce_mean(cross_entropy(x, labels))
        ),
        "Mul",
    ),
    "penalty on examples": (
        lambda x, labels: (
            tf.reduce_mean(cross_entropy(x, labels)) + tf.nn.l2_loss(x @ weights(6, 2))
        ),
        "L2Loss",
    ),
    "no examples": (
        lambda x, labels: tf.nn.l2_loss(weights(6, 2)),
        "is not a mean over the examples",
    ),
    "weights normalised": (
        lambda x, labels: tf.losses.compute_weighted_loss(cross_entropy(x, labels), x[:, 0]),
        UNKNOWN,
    ),
    "fed weights of classes": (
        lambda x, labels: tf.reduce_mean(
            cross_entropy(x, labels) * tf.gather(tf.placeholder(tf.float32, [None]), labels)
        ),
        f"GatherV2 .*{UNKNOWN}",
    ),
    "a placeholder of unknown shape": (
        lambda x, labels: tf.reduce_mean(cross_entropy(x, labels) * tf.placeholder(tf.float32)),
        "the shape of Placeholder .* is unknown",
    ),
    "a placeholder of unknown width": (
        lambda x, labels: tf.reduce_mean(
            tf.placeholder(tf.float32, [None, None])[:, :6] @ weights(6, 2)
        ),
        "the shape of Placeholder .* is unknown",
    ),
    "a placeholder with the rows last": (
        lambda x, labels: tf.reduce_mean(weights(2, 6) @ tf.placeholder(tf.float32, [6, None])),
        "the shape of Placeholder .* is unknown",
    ),
}


def ensure(result):
    result.set_shape([None, 6])
    return result


def after(effect, h):
    with tf.control_dependencies([effect]):
        return tf.identity(h)


@tf.RegisterGradient("SignOfGradient")
def sign_of_gradient(op, gradient):
    return tf.sign(gradient)


def with_another_gradient(h):
    with h.graph.gradient_override_map({"Tanh": "SignOfGradient"}):
        return tf.tanh(h)


def reason_against(build):
    """Return why the loss that `build` adds to a graph is not divided."""
    step = new_step(build)
    with pytest.raises(NotDivisibleError) as refusal:
        examine(step.loss)
    return str(refusal.value)


def loss_behind(layer):
    return lambda x, labels: tf.reduce_mean(tf.square(layer(x @ weights(6, 6))))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_mix_examples_are_refused(name):
    layer, operation = LAYERS[name]
    assert re.search(rf"^{operation}\w* \(.*\) {UNKNOWN}$", reason_against(loss_behind(layer)))


@pytest.mark.parametrize("name", EFFECTS)
def test_layers_with_effects_are_refused(name):
    layer, reason = EFFECTS[name]
    assert re.search(reason, reason_against(loss_behind(layer)))


@pytest.mark.parametrize("name", LOSSES)
def test_losses_that_are_no_means_are_refused(name):
    build, reason = LOSSES[name]
    assert re.search(reason, reason_against(build))
