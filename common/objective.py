"""Tensors → one step: optimizers and learning-rate schedules."""

from __future__ import annotations

import math
from argparse import Namespace

import tensorflow.compat.v1 as tf

OPTIMIZERS = {
    "sgd": tf.train.GradientDescentOptimizer,
    "momentum": lambda learning_rate: tf.train.MomentumOptimizer(learning_rate, momentum=0.9),
    "adam": tf.train.AdamOptimizer,
}


def constant(peak: float, step: tf.Tensor, num_steps: int) -> tf.Tensor:
    """Return `peak` in every step."""
    return tf.constant(peak)


def one_cycle(peak: float, step: tf.Tensor, num_steps: int) -> tf.Tensor:
    """Rise in a straight line for the first quarter of the steps, then fall along a cosine to 0.

    The slow start keeps the first, wild gradients from throwing the weights far away; the large
    middle moves fast and regularises; the long fall lets the weights settle.

    Args:
        peak: the largest learning rate.
        step: int64 scalar, steps done so far.
        num_steps: steps in the whole run.

    Returns:
        float32 scalar.

    Source: Smith and Topin, "Super-convergence", 2018 (arXiv 1708.07120).
    """
    progress = tf.cast(step, tf.float32) / num_steps
    rise = progress / 0.25 * 0.96 + 0.04
    fall = 0.5 * (1 + tf.cos(math.pi * (progress - 0.25) / 0.75))
    return peak * tf.where(progress < 0.25, rise, fall)


SCHEDULES = {"one-cycle": one_cycle, "constant": constant}


def new_train_step(loss: tf.Tensor, settings: Namespace, num_steps: int) -> tf.Operation:
    """Add the operation that changes every weight a little so that `loss` falls.

    Running it also counts the global step, on which the learning rate depends.

    Args:
        loss: float32 scalar, the mean over the mini-batch.
        settings: `optimizer`, `learning_rate` and `decay` choose how.
        num_steps: steps in the whole run.
    """
    step = tf.train.get_or_create_global_step()
    with tf.name_scope("train"):
        learning_rate = SCHEDULES[settings.decay](settings.learning_rate, step, num_steps)
        optimizer = OPTIMIZERS[settings.optimizer](learning_rate)
        return optimizer.minimize(loss, global_step=step)
