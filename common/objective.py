"""Tensors → one step: losses, regularisation, learning-rate schedules, optimizers, averages.

Every choice is a table from the flag's word to a function, so that a new one is a new line.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

from common.layers import layers_of
from common.parallel.cluster.replicas import mean_over_machines
from common.parallel.halves import in_halves, largest_first

import tensorflow.compat.v1 as tf

AVERAGES = "averages"
# An untrained net has a loss of about 2.3. Beyond a million nothing is learned any more, whether or
# not the numbers stay within what a float can hold.
LOSS_LIMIT = 1e6
DIVERGED = "The loss has diverged"


def cross_entropy(logits: tf.Tensor, one_hot: tf.Tensor) -> tf.Tensor:
    """Return −log(probability of the true class), float32 [n].

    It takes the logits, not the probabilities: softmax and logarithm in one formula stay finite
    where log(softmax(logits)) would be log(0).
    """
    # What tf.nn.softmax_cross_entropy_with_logits calls, without its reshaping for other shapes.
    return tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=logits, labels=one_hot).loss


def squared_error(outputs: tf.Tensor, one_hot: tf.Tensor) -> tf.Tensor:
    """Return the squared distance between the outputs and the one-hot labels, float32 [n]."""
    return tf.reduce_sum(tf.square(outputs - one_hot), axis=1)


LOSSES = {"cross-entropy": cross_entropy, "squared-error": squared_error}


def new_loss(logits: tf.Tensor, one_hot: tf.Tensor, settings: Namespace) -> tf.Tensor:
    """Return the loss: the mean error over the mini-batch plus λ · R(w) where that is asked for.

    R(w) is the sum of |w| (`--l1`) or of w²/2 (`--l2`) over the weights of all layers. Biases are
    left alone: they bend nothing, so they do not overfit.

    Args:
        logits: float32 [n, classes].
        one_hot: float32 [n, classes].
        settings: `loss`, `l1` and `l2`.

    Returns:
        float32 scalar.
    """
    loss = tf.reduce_mean(LOSSES[settings.loss](logits, one_hot))
    weights = [layer.weights for layer in layers_of(tf.get_default_graph())]
    weights = [w for w in weights if w.shape.ndims > 1]  # not batch normalisation's scales
    if settings.l1:
        loss += settings.l1 * tf.add_n([tf.reduce_sum(tf.abs(w)) for w in weights])
    if settings.l2:
        loss += settings.l2 * tf.add_n([tf.nn.l2_loss(w) for w in weights])
    return loss


def constant(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Return `peak` in every step."""
    return tf.constant(peak)


def exponential(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Multiply the rate by `--decay-rate` every `--decay-steps` steps, a little in each step."""
    return tf.train.exponential_decay(peak, step, settings.decay_steps, settings.decay_rate)


def staircase(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Multiply the rate by `--decay-rate` every `--decay-steps` steps, at once."""
    return tf.train.exponential_decay(
        peak, step, settings.decay_steps, settings.decay_rate, staircase=True
    )


def cosine(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Fall along half a cosine from `peak` to 0 at the end of the run.

    Source: Loshchilov and Hutter, "SGDR", 2016 (arXiv 1608.03983), without restarts.
    """
    return tf.train.cosine_decay(peak, step, num_steps)


def one_cycle(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Rise in a straight line for the first quarter of the steps, then fall along a cosine to 0.

    The slow start keeps the first, wild gradients from throwing the weights far away; the large
    middle moves fast and regularises; the long fall lets the weights settle.

    Source: Smith and Topin, "Super-convergence", 2018 (arXiv 1708.07120).
    """
    progress = tf.cast(step, tf.float32) / num_steps
    rise = progress / 0.25 * 0.96 + 0.04
    fall = 0.5 * (1 + tf.cos(math.pi * (progress - 0.25) / 0.75))
    return peak * tf.where(progress < 0.25, rise, fall)


# Each takes the peak rate, the steps done so far (int64 scalar), the steps of the whole run and the
# settings, and returns the rate of the next step (float32 scalar).
SCHEDULES = {
    "one-cycle": one_cycle,
    "constant": constant,
    "exponential": exponential,
    "staircase": staircase,
    "cosine": cosine,
}


class Optimizer(NamedTuple):
    """A way to turn gradients into steps, with the learning rate and schedule that suit it."""

    new: Callable[[tf.Tensor], tf.train.Optimizer]
    learning_rate: float
    # Two of them compute the weights anew in each step, as the rate times a sum over all gradients
    # so far: a schedule that takes their rate to zero takes the weights there, too.
    decay: str = "one-cycle"


OPTIMIZERS = {
    "sgd": Optimizer(tf.train.GradientDescentOptimizer, 0.5),
    "momentum": Optimizer(lambda rate: tf.train.MomentumOptimizer(rate, momentum=0.9), 0.1),
    "adam": Optimizer(tf.train.AdamOptimizer, 0.002),
    # A short memory: for runs of a few epochs, in which the gradients' sizes change fast.
    "adam-short": Optimizer(
        lambda rate: tf.train.AdamOptimizer(rate, beta1=0.7, beta2=0.9), learning_rate=0.005
    ),
    "rmsprop": Optimizer(tf.train.RMSPropOptimizer, 0.002),
    "adagrad": Optimizer(tf.train.AdagradOptimizer, 0.05),
    "adagrad-da": Optimizer(
        lambda rate: tf.train.AdagradDAOptimizer(rate, tf.train.get_or_create_global_step()),
        *(0.2, "constant"),
    ),
    "adadelta": Optimizer(tf.train.AdadeltaOptimizer, 1.0),
    "ftrl": Optimizer(tf.train.FtrlOptimizer, 0.2, "constant"),
    "proximal-sgd": Optimizer(tf.train.ProximalGradientDescentOptimizer, 0.5),
    "proximal-adagrad": Optimizer(tf.train.ProximalAdagradOptimizer, 0.05),
}


def new_train_step(loss: tf.Tensor, settings: Namespace, num_steps: int) -> tf.Operation:
    """Add the operation that changes every weight a little so that `loss` falls.

    Running it also counts the global step, on which the learning rate depends, and brings up to
    date what follows the training: batch normalisation's statistics, moving averages.

    Args:
        loss: float32 scalar, the mean over the mini-batch.
        settings: `optimizer`, `learning_rate`, `decay`, `clip_norm`, `moving_average`,
            `batch_size`.
        num_steps: steps in the whole run.
    """
    graph = tf.get_default_graph()
    step = tf.train.get_or_create_global_step()
    with tf.name_scope("train"):
        schedule = SCHEDULES[settings.decay]
        learning_rate = schedule(settings.learning_rate, step, num_steps, settings)
        learning_rate = tf.identity(learning_rate, name="learning_rate")
        optimizer = OPTIMIZERS[settings.optimizer].new(learning_rate)
        loss = in_halves(loss, settings)
        # What a layer hands back need not wait for the gradient of its own weights.
        pairs = optimizer.compute_gradients(loss, gate_gradients=optimizer.GATE_NONE)
        largest_first(pairs)
        gradients, variables = zip(*pairs, strict=True)
        loss, gradients = mean_over_machines(loss, gradients, variables)
        if settings.clip_norm:
            # All gradients shrink together, so that the direction of the step stays what it was.
            gradients, _ = tf.clip_by_global_norm(gradients, settings.clip_norm)
        # A step whose loss is NaN or beyond all bounds fails before it changes anything.
        finite = tf.check_numerics(tf.where(loss < LOSS_LIMIT, loss, math.nan), DIVERGED)
        updates = graph.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies([finite, *updates]):
            train_step = optimizer.apply_gradients(
                zip(gradients, variables, strict=True), global_step=step
            )
        if settings.moving_average:
            train_step = _follow_with_averages(train_step, step, settings.moving_average)
        return train_step


def _follow_with_averages(train_step: tf.Operation, step: tf.Tensor, decay: float) -> tf.Operation:
    """Add moving averages of all trained variables, and return the step that updates both.

    The average forgets faster in the first steps, when there is nothing yet worth remembering.
    """
    averages = tf.train.ExponentialMovingAverage(decay, num_updates=step)
    with tf.control_dependencies([train_step]):
        train_step = averages.apply(tf.trainable_variables())
    for variable in tf.trainable_variables():
        tf.add_to_collection(AVERAGES, (variable, averages.average(variable)))
    return train_step
