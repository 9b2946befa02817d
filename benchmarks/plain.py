"""TensorFlow 1 as in its tutorials: float32 images, one-hot labels, `tf.Session.run`."""

from __future__ import annotations

from benchmarks.trainer import MATRIX_SIDE, MiniBatches, feature_size
from benchmarks.workloads import Workload

import numpy as np
import tensorflow.compat.v1 as tf


class Plain:
    """The net in plain TensorFlow; only the data come from common/."""

    def __init__(self, workload: Workload) -> None:
        self.batches = MiniBatches(workload)
        data = self.batches.data
        self.images = data.train.images.astype(np.float32) / 255
        self.labels = np.eye(data.num_classes, dtype=np.float32)[data.train.labels]
        self.test_images = data.test.images.astype(np.float32) / 255
        with tf.Graph().as_default() as graph:
            self._build(workload, data.num_pixels, data.num_classes, data.image_shape)
            self.num_parameters = sum(
                int(np.prod(variable.shape.as_list())) for variable in tf.trainable_variables()
            )
            self.initialize = tf.global_variables_initializer()
        self.session = tf.Session(graph=graph)
        self.session.run(self.initialize)

    def _build(
        self, workload: Workload, num_pixels: int, num_classes: int, shape: tuple[int, int]
    ) -> None:
        self.x = tf.placeholder(tf.float32, [None, num_pixels])
        self.y = tf.placeholder(tf.float32, [None, num_classes])
        self.rate = tf.placeholder_with_default(workload.learning_rate, [])
        layer, num_inputs = self.x, num_pixels
        if workload.conv:
            layer, channels = tf.reshape(layer, [-1, *shape, 1]), 1
            for size, filters in workload.conv:
                weights = _weights([size, size, channels, filters])
                layer = tf.nn.conv2d(
                    layer, weights, strides=[1, 1, 1, 1], padding=workload.padding.upper()
                )
                layer += _biases(filters)
                layer = tf.nn.relu(tf.nn.max_pool2d(layer, 2, 2, "SAME"))
                channels = filters
            num_inputs = feature_size(workload, shape)
            layer = tf.reshape(layer, [-1, num_inputs])
        for num_outputs in workload.hidden:
            weights, biases = _weights([num_inputs, num_outputs]), _biases(num_outputs)
            layer = tf.nn.relu(tf.matmul(layer, weights) + biases)
            num_inputs = num_outputs
        logits = tf.matmul(layer, _weights([num_inputs, num_classes])) + _biases(num_classes)
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=self.y)
        if workload.optimizer == "sgd":
            optimizer = tf.train.GradientDescentOptimizer(self.rate)
        else:
            optimizer = tf.train.AdamOptimizer(self.rate, workload.beta1, workload.beta2)
        self.train = optimizer.minimize(tf.reduce_mean(losses))
        self.predicted = tf.argmax(logits, axis=1)

    def restart(self, seed: int) -> None:
        """See `Trainer.restart`."""
        self.session.run(self.initialize)
        self.batches.restart(seed)

    def steps(self, count: int) -> None:
        """See `Trainer.steps`."""
        constant = self.batches.workload.decay == "constant"
        for indices in self.batches.take(count):
            feed_dict = {self.x: self.images[indices], self.y: self.labels[indices]}
            if not constant:
                feed_dict[self.rate] = self.batches.rate
            self.session.run(self.train, feed_dict)

    def evaluate(self) -> float:
        """See `Trainer.evaluate`; in batches of 256, which limits the memory."""
        correct = 0
        test = self.batches.data.test
        for start in range(0, len(test), 256):
            batch = slice(start, start + 256)
            predicted = self.session.run(self.predicted, {self.x: self.test_images[batch]})
            correct += int((predicted == test.labels[batch]).sum())
        return correct / len(test)


def _weights(shape: list[int]) -> tf.Variable:
    return tf.Variable(tf.truncated_normal(shape, stddev=0.05))


def _biases(length: int) -> tf.Variable:
    return tf.Variable(tf.constant(0.05, shape=[length]))


class Matmul:
    """The peak of the machine: one large float32 matrix product per step, in a graph."""

    num_parameters = 0
    flops = 2 * MATRIX_SIDE**3

    def __init__(self, workload: Workload) -> None:
        with tf.Graph().as_default() as graph:
            shape = [MATRIX_SIDE, MATRIX_SIDE]
            matrix = tf.Variable(tf.random.normal(shape, seed=0))
            product = tf.Variable(tf.zeros(shape))
            self.multiply = tf.assign(product, tf.matmul(matrix, matrix)).op
            initialize = tf.global_variables_initializer()
        self.session = tf.Session(graph=graph)
        self.session.run(initialize)

    def restart(self, seed: int) -> None:
        """Do nothing: there are no weights."""

    def steps(self, count: int) -> None:
        """Compute the product `count` times."""
        for _ in range(count):
            self.session.run(self.multiply)

    def evaluate(self) -> float:
        """Return 0: there is no net to test."""
        return 0.0
