"""A divided step changes the same variables by the same amounts; otherwise it is refused."""

import hashlib
import types
from argparse import Namespace
from pathlib import Path

from common import augmentation
from common.layers import MOMENTS, BatchMoments, batch_norm
from common.objective import OPTIMIZERS
from common.parallel.halves import recompute
from common.parallel.rows import AUGMENTATION, NotDivisibleError

import numpy as np
import pytest
import small_steps
import tensorflow.compat.v1 as tf
from small_steps import cross_entropy, new_step, weights

UPDATES = tf.GraphKeys.UPDATE_OPS


def normalised(x):
    return batch_norm(x @ weights(6, 4), tf.constant(True))


def moving_mean():
    return next(v for v in tf.global_variables() if v.op.name.endswith("norm1/mean"))


def counted(x, labels):
    counter = tf.Variable(0.0, trainable=False)
    tf.add_to_collection(UPDATES, tf.assign_add(counter, 1.0))
    return tf.reduce_mean(cross_entropy(x, labels))


def counted_by_a_read(x, labels):
    counter = tf.Variable(0.0, trainable=False)
    with tf.control_dependencies([tf.assign_add(counter, 1.0)]):
        value = counter.read_value()
    return tf.reduce_mean(cross_entropy(x, labels)) + value


def counted_in_the_moments(x, labels):
    counter, h = tf.Variable(0.0, trainable=False), x @ weights(6, 4)
    with tf.control_dependencies([tf.assign_add(counter, 1.0)]):
        mean, variance = tf.nn.moments(h, [0])
    tf.add_to_collection(MOMENTS, BatchMoments(h, [0], mean, variance))
    return tf.reduce_mean(cross_entropy((h - mean) * tf.rsqrt(variance + 0.1), labels))


def batch_normalisation(x, labels):
    return tf.reduce_mean(cross_entropy(normalised(x), labels))


def update_noted_twice(x, labels):
    loss = batch_normalisation(x, labels)
    tf.add_to_collection(UPDATES, tf.get_collection(UPDATES)[0])
    return loss


def update_that_reads_an_updated_mean(x, labels):
    loss, copy = batch_normalisation(x, labels), tf.Variable(tf.zeros([4]), trainable=False)
    with tf.control_dependencies(tf.get_collection(UPDATES)):
        value = moving_mean().read_value()
    tf.add_to_collection(UPDATES, tf.assign(copy, value))
    return loss


def penalty_on_an_updated_mean(x, labels):
    loss = batch_normalisation(x, labels)
    with tf.control_dependencies(tf.get_collection(UPDATES)):
        value = moving_mean().read_value()
    return loss + tf.reduce_sum(value)


def update_from_examples(x, labels):
    loss = batch_normalisation(x, labels)
    tf.add_to_collection(UPDATES, tf.assign(tf.Variable(0.0, trainable=False), loss))
    return loss


def moments_of_the_readers_own(change):
    def build(x, labels):
        h = x @ weights(6, 4)
        mean, variance = change(*tf.nn.moments(h, [0]))
        tf.add_to_collection(MOMENTS, BatchMoments(h, [0], mean, variance))
        return tf.reduce_mean(cross_entropy((h - mean) * tf.rsqrt(variance + 0.1), labels))

    return build


def moments_in_another_order(x, labels):
    layers = [x @ weights(6, 4), x @ weights(6, 4)]
    pairs = [tf.nn.moments(h, [0]) for h in layers]
    for h, (mean, variance) in zip(layers, pairs, strict=True):
        tf.add_to_collection(MOMENTS, BatchMoments(h, [0], mean, variance))
    second = (layers[1] - pairs[1][0]) * tf.rsqrt(pairs[1][1] + 0.1)
    first = (layers[0] - pairs[0][0]) * tf.rsqrt(pairs[0][1] + 0.1)
    return tf.reduce_mean(cross_entropy(first + second, labels))


def moments_as_a_default(x, labels):
    h = normalised(x)
    mean = tf.placeholder_with_default(tf.get_collection(MOMENTS)[0].mean, [4])
    return tf.reduce_mean(cross_entropy(h + mean, labels))


def images_mixed_by_augment(x, labels):
    """Build a loss with an edited augmentation.py, which puts the images in another order."""
    text = Path(augmentation.__file__).read_text(encoding="utf-8")
    call = "_distort(pixels, image_shape, *numbers)"
    assert call in text
    edited = types.ModuleType("edited")
    exec(text.replace(f"return {call}", f"return tf.reverse({call}, [0])"), vars(edited))
    is_training = tf.placeholder_with_default(True, [])
    images = edited.augment(x, (2, 3), Namespace(augment=True, fading=0.5), is_training, 10)
    return tf.reduce_mean(cross_entropy(images, labels))


def rows_chosen_by_a_mask(x, labels):
    mask = tf.placeholder_with_default([True, False, False, True], [None])
    h = x @ weights(6, 4)
    return tf.reduce_mean(cross_entropy(tf.where(mask, h, 2 * h), labels))


def one_random_number_for_all(x, labels):
    one = tf.cast(tf.cast(tf.shape(labels), tf.bool), tf.int32)  # [1] for any number of rows
    factor = tf.random.stateless_uniform(one, [1, 2])
    return tf.reduce_mean(factor * cross_entropy(x, labels))


def reshape_to_the_length_of_a_default(x, labels):
    four = tf.shape(tf.placeholder_with_default([1.0, 2.0, 3.0, 4.0], [None]))
    maps = tf.reshape(x @ weights(6, 4), tf.concat([four, [2, 2]], axis=0))
    return tf.reduce_mean(cross_entropy(tf.reduce_max(maps, axis=2), labels))


def weights_a_sum_of_variables(x, labels):
    return tf.reduce_mean(cross_entropy(x @ (weights(6, 4) + weights(6, 4)), labels))


def variable_of_unknown_shape(x, labels):
    initial = tf.placeholder_with_default(np.ones([6, 4], np.float32), None)
    variable = tf.Variable(initial, validate_shape=False)
    return tf.reduce_mean(cross_entropy(x @ tf.reshape(variable, [6, 4]), labels))


STEPS = {
    "update operation": counted,
    "read after an update": counted_by_a_read,
    "batch normalisation": batch_normalisation,
    "update from examples": update_from_examples,
    "moments": moments_of_the_readers_own(lambda mean, variance: (mean, variance)),
    # Changes that the loss does not depend on.
    "counted in the moments": counted_in_the_moments,
    "update noted twice": update_noted_twice,
    "update that reads an updated mean": update_that_reads_an_updated_mean,
    "penalty on an updated mean": penalty_on_an_updated_mean,
    # Moments and distortions that a reader has edited.
    "other moments": moments_of_the_readers_own(lambda mean, variance: (mean, 1.5 * variance)),
    "moments without gradients": moments_of_the_readers_own(
        lambda mean, variance: (tf.stop_gradient(mean), tf.stop_gradient(variance))
    ),
    "images mixed by augment": images_mixed_by_augment,
    # The first axis is not the number of rows.
    "rows chosen by a mask": rows_chosen_by_a_mask,
    "one random number for all": one_random_number_for_all,
    "reshape to the length of a default": reshape_to_the_length_of_a_default,
    # What plain TensorFlow trains must not end in an error.
    "moments in another order": moments_in_another_order,
    "moments as a default": moments_as_a_default,
    "weights a sum of variables": weights_a_sum_of_variables,
    "variable of unknown shape": variable_of_unknown_shape,
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_the_same_in_two_halves_or_is_refused(name):
    compare(new_step(STEPS[name]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_does_the_same_in_two_halves(name):
    assert compare(new_step(counted, lambda: OPTIMIZERS[name].new(tf.constant(0.1))))


def compare(step):
    """Compare all variables after two steps, whole and in two halves; say whether there are two."""
    feed = small_steps.mini_batch(step, 4)
    expected = small_steps.state_after_steps(step, step.operation, feed)
    try:
        faster = recompute(step.noted, 2)
    except NotDivisibleError:
        return False
    found = small_steps.state_after_steps(step, faster.operation, feed)
    small_steps.assert_close(found, expected)
    return True


def test_the_distortions_are_those_that_were_looked_at():
    checksum = hashlib.sha256(Path(augmentation.__file__).read_bytes()).hexdigest()
    assert checksum == AUGMENTATION, (
        "common/augmentation.py has changed. If it still distorts each image independently of the "
        f'others, write AUGMENTATION = "{checksum}" in common/parallel/rows.py.'
    )
