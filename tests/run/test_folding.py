"""Batch normalisation goes into the weights before it, where that is exact."""

import pytest
import tensorflow.compat.v1 as tf
from small_nets import check, numbers


def moments(layer):
    return tf.nn.moments(layer, list(range(layer.shape.rank - 1)))


def batch_norm(h, training, scale_from=0.1):
    channels = h.shape[-1]
    mean, variance = numbers(channels), numbers(channels, low=0.1)
    mean, variance = (
        tf.where(training, *p) for p in zip(moments(h), (mean, variance), strict=True)
    )
    offset, scale = numbers(channels), numbers(channels, low=scale_from)
    return tf.nn.batch_normalization(h, mean, variance, offset, scale, 1e-3)


def batch_norm_with_negative_scales(h, training):
    return batch_norm(h, training, scale_from=-1)


def batch_norm_by_hand(h, training):
    channels = h.shape[-1]
    kept = numbers(channels), numbers(channels, low=0.1)
    mean, variance = tf.cond(training, lambda: moments(h), lambda: tuple(v.value() for v in kept))
    normal = (h - mean) / tf.sqrt(variance + 1e-3)
    return normal * numbers(channels, low=0.1) + numbers(channels)


def fused_batch_norm(h, training):
    offset, mean = numbers(h.shape[-1]), numbers(h.shape[-1])
    scale, variance = numbers(h.shape[-1], low=0.1), numbers(h.shape[-1], low=0.1)
    now = tf.nn.fused_batch_norm
    return tf.cond(
        training,
        lambda: now(h, scale, offset, is_training=True)[0],
        lambda: now(h, scale, offset, mean, variance, is_training=False)[0],
    )


def max_pool(h, _):
    return tf.nn.max_pool2d(h, 2, 2, "SAME")


def average_pool(h, _):
    return tf.nn.avg_pool2d(h, 3, 2, "SAME")


def biased(h, _):
    return tf.nn.bias_add(h, numbers(h.shape[-1]))


def relu(h, _):
    return tf.nn.relu(h)


def leaky_relu(h, _):
    return tf.nn.leaky_relu(h)


def relu6(h, _):
    return tf.nn.relu6(h)


def tanh(h, _):
    return tf.tanh(h)


def conv(x):
    return tf.nn.conv2d(tf.reshape(x, [-1, 6, 6, 1]), numbers(3, 3, 1, 4), 1, "SAME")


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        # The scale goes into the weights, the offset into the bias.
        ([biased, batch_norm], ["BiasAdd"]),
        ([batch_norm], ["AddV2"]),
        ([biased, batch_norm_by_hand, relu], ["BiasAdd", "Relu"]),
        ([biased, fused_batch_norm, relu], ["BiasAdd", "Relu"]),
        ([biased, batch_norm, batch_norm_with_negative_scales], ["BiasAdd"]),
        # Also before the pooling and the ReLU, which a positive scale does not change.
        ([max_pool, biased, batch_norm, relu], ["MaxPool", "BiasAdd", "Relu"]),
        ([biased, relu, batch_norm], ["BiasAdd", "Relu", "BiasAdd"]),
        ([leaky_relu, max_pool, batch_norm], ["LeakyRelu", "MaxPool", "BiasAdd"]),
        # A negative scale makes the largest the smallest. A mean stays a mean.
        ([biased, batch_norm_with_negative_scales, max_pool], ["BiasAdd", "MaxPool"]),
        (
            [biased, average_pool, batch_norm_with_negative_scales],
            ["BiasAdd", "AvgPool", "BiasAdd"],
        ),
        ([max_pool, batch_norm_with_negative_scales], ["MaxPool", "Mul", "AddV2"]),
        ([relu, batch_norm_with_negative_scales], ["Relu", "Mul", "AddV2"]),
        ([batch_norm, relu, batch_norm_with_negative_scales], ["AddV2", "Relu", "Mul", "AddV2"]),
        # Others are changed by any scale.
        ([relu6, batch_norm], ["Relu6", "Mul", "AddV2"]),
        ([tanh, fused_batch_norm], ["Tanh", "FusedBatchNormV3"]),
    ],
)
def test_batch_normalisation_is_folded_where_that_is_exact(layers, left):
    def build(x, training):
        h = conv(x)
        for layer in layers:
            h = layer(h, training)
        return tf.reduce_mean(h, [1, 2])

    assert check(build) == ["Conv2D", *left, "Mean"]


def transposed(x, training):
    return batch_norm(tf.matmul(x, numbers(5, 36), transpose_b=True), training)


def depthwise(x, training):
    h = tf.nn.depthwise_conv2d(conv(x), numbers(3, 3, 4, 2), [1, 2, 2, 1], "SAME")
    return tf.reduce_mean(batch_norm(h, training), [1, 2])


def in_one_dimension(x, training):
    h = tf.nn.conv1d(tf.reshape(x, [-1, 6, 6]), numbers(3, 6, 5), 1, "SAME")
    return tf.reduce_mean(batch_norm(h, training), 1)


def used_twice(x, training):
    h = tf.matmul(x, numbers(36, 5))
    return batch_norm(h, training) * tf.tanh(h)


def shared_weights(x, training):
    weights = numbers(36, 36)
    return tf.matmul(tf.tanh(batch_norm(tf.matmul(x, weights), training)), weights)


def with_another_axis(x, _):
    """A product with more axes than the layer: not a scale of its channels alone."""
    return tf.reduce_sum(tf.matmul(x, numbers(36, 5)) * numbers(1, 1, 5), 0)


@pytest.mark.parametrize(
    ("build", "left"),
    [
        (transposed, ["MatMul", "BiasAdd"]),
        (depthwise, ["Conv2D", "DepthwiseConv2dNative", "BiasAdd", "Mean"]),
        (in_one_dimension, ["ExpandDims", "Conv2D", "Squeeze", "BiasAdd", "Mean"]),
        (used_twice, ["MatMul", "Mul", "AddV2", "Tanh", "Mul"]),
        (with_another_axis, ["MatMul", "Mul", "Sum"]),
        (shared_weights, ["MatMul", "BiasAdd", "Tanh", "MatMul"]),
    ],
)
def test_scales_after_other_operations(build, left):
    assert sorted(check(build)) == sorted(left)
