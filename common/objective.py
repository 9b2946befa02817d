"""Tensors → one training step: penalties, learning-rate schedules, optimizers, averages.

Each choice is a dictionary from the value of a flag to a function; a new choice is a new entry.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from common.layers import find_global_step
from common.run.teacher import with_teacher

import tensorflow.compat.v1 as tf

# Collections of a graph: TrainingSteps, pairs of variable and average, learning rates, and whether
# an operation counts the global step.
STEPS, AVERAGES, RATES, COUNTED = "training_steps", "averages", "learning_rates", "counted"
# An untrained net has a loss of about 2.3. Beyond a million nothing is learned any more.
LOSS_LIMIT = 1e6
DIVERGED = "The loss has diverged"
Pairs = Sequence[tuple[tf.Tensor | None, tf.Variable]]  # gradients, each with its variable


def weight_penalty(settings: Namespace) -> tf.Tensor | float:
    """Return λ · R(w), to be added to the loss, a float32 scalar; 0 without `--l1` and `--l2`.

    R(w) is the sum of |w| (λ is `settings.l1`) or of w²/2 (`settings.l2`) over all weights that are
    trained so far, whoever wrote their layers. Variables of one dimension are left out: the biases
    and the scales of batch normalisation.
    """
    weights = [w for w in tf.trainable_variables() if w.shape.ndims > 1]
    penalty = 0.0
    if settings.l1:
        penalty += settings.l1 * tf.add_n([tf.reduce_sum(tf.abs(w)) for w in weights])
    if settings.l2:
        penalty += settings.l2 * tf.add_n([tf.nn.l2_loss(w) for w in weights])
    return penalty


def soft_labels(one_hot: tf.Tensor, images: tf.Tensor, settings: Namespace) -> tf.Tensor:
    """Mix labels with what `--teacher` says, or with all classes alike (`--label-smoothing`).

    Takes and returns float32 [n, classes]; `images` are float32 [n, pixels]. Without these flags
    nothing changes. Sources: `with_teacher`; Szegedy et al., 2015 (arXiv 1512.00567).
    """
    if teacher := getattr(settings, "teacher", None):
        one_hot = with_teacher(one_hot, images, teacher)
    if smoothing := settings.label_smoothing:
        one_hot = (1 - smoothing) * one_hot + smoothing / one_hot.shape.as_list()[1]
    return one_hot


def constant(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Return `peak` in every step."""
    return tf.constant(peak)


def exponential(
    peak: float, step: tf.Tensor, num_steps: int, settings: Namespace, at_once: bool = False
) -> tf.Tensor:
    """Multiply the rate by `--decay-rate` every `--decay-steps` steps, gradually or `at_once`."""
    every, factor = settings.decay_steps, settings.decay_rate
    return tf.train.exponential_decay(peak, step, every, factor, staircase=at_once)


def cosine(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Fall along half a cosine from `peak` to 0 at the end of the run.

    Source: Loshchilov and Hutter, "SGDR", 2016 (arXiv 1608.03983), without restarts.
    """
    return tf.train.cosine_decay(peak, step, num_steps)


def one_cycle(peak: float, step: tf.Tensor, num_steps: int, settings: Namespace) -> tf.Tensor:
    """Rise in a straight line for the first quarter of the steps, then fall along a cosine to 0.

    The slow start is for the large gradients of the first steps; the high rate in the middle learns
    fast and regularises; the long fall lets the weights converge.

    Source: Smith and Topin, "Super-convergence", 2018 (arXiv 1708.07120).
    """
    progress = tf.minimum(tf.cast(step, tf.float32) / num_steps, 1)
    rise = progress / 0.25 * 0.96 + 0.04
    fall = 0.5 * (1 + tf.cos(math.pi * (progress - 0.25) / 0.75))
    return peak * tf.where(progress < 0.25, rise, fall)


# Each takes the peak rate, the steps done so far (int64 scalar), the steps of the whole run and the
# settings, and returns the rate of the next step (float32 scalar).
SCHEDULES = {
    "one-cycle": one_cycle,
    "constant": constant,
    "exponential": exponential,
    "staircase": partial(exponential, at_once=True),
    "cosine": cosine,
}


class OptimizerChoice(NamedTuple):
    """An optimizer of TensorFlow's, with the learning rate and schedule that suit it."""

    new: Callable[[tf.Tensor], tf.train.Optimizer]
    learning_rate: float
    # Two of them compute weights as the rate times a sum: at a rate of 0 all weights would be 0.
    decay: str = "one-cycle"


OPTIMIZERS = {
    "sgd": OptimizerChoice(tf.train.GradientDescentOptimizer, 0.5),
    "momentum": OptimizerChoice(lambda rate: tf.train.MomentumOptimizer(rate, momentum=0.9), 0.1),
    "adam": OptimizerChoice(tf.train.AdamOptimizer, 0.002),
    # Shorter averages: for runs of a few epochs, in which the sizes of the gradients change fast.
    "adam-short": OptimizerChoice(
        lambda rate: tf.train.AdamOptimizer(rate, beta1=0.7, beta2=0.9), 0.005
    ),
    "rmsprop": OptimizerChoice(tf.train.RMSPropOptimizer, 0.002),
    "adagrad": OptimizerChoice(tf.train.AdagradOptimizer, 0.05),
    "adagrad-da": OptimizerChoice(
        lambda rate: tf.train.AdagradDAOptimizer(rate, find_global_step()),
        *(0.2, "constant"),
    ),
    "adadelta": OptimizerChoice(tf.train.AdadeltaOptimizer, 1.0),
    "ftrl": OptimizerChoice(tf.train.FtrlOptimizer, 0.2, "constant"),
    "proximal-sgd": OptimizerChoice(tf.train.ProximalGradientDescentOptimizer, 0.5),
    "proximal-adagrad": OptimizerChoice(tf.train.ProximalAdagradOptimizer, 0.05),
}


def new_optimizer(settings: Namespace, num_steps: int) -> Optimizer:
    """Return the settings' optimizer with its schedule, for a run of `num_steps` steps."""
    with tf.name_scope("train"):
        step = find_global_step()
        rate = SCHEDULES[settings.decay](settings.learning_rate, step, num_steps, settings)
        rate = tf.identity(rate, name="learning_rate")
        tf.add_to_collection(RATES, rate)
        optimizer = OPTIMIZERS[settings.optimizer].new(rate)
    return Optimizer(optimizer, settings.clip_norm, settings.moving_average)


class Optimizer(tf.train.Optimizer):
    """An optimizer of TensorFlow's, and what belongs to each step beside it.

    `minimize(loss)` is `tf.train.Optimizer.minimize(loss)`, and besides

    - counts the global step, on which the learning rate depends (the first call for a graph does);
    - runs the graph's UPDATE_OPS, by which batch normalisation's averages follow the training;
    - scales the gradients down together to the length `clip_norm`, if there is one;
    - updates moving averages of the variables with the decay `moving_average`, if there is one;
    - fails before it changes anything if the loss is NaN or above LOSS_LIMIT.

    `compute_gradients` and `apply_gradients` do the same, without the last point.
    """

    def __init__(
        self,
        optimizer: tf.train.Optimizer,
        clip_norm: float | None = None,
        moving_average: float | None = None,
    ) -> None:
        super().__init__(use_locking=False, name=type(optimizer).__name__)
        self._optimizer = optimizer
        self._clip_norm = clip_norm
        self._averages = None
        if moving_average:  # in the first steps, while the weights change fast, a shorter one
            step = find_global_step()
            self._averages = tf.train.ExponentialMovingAverage(moving_average, step)

    def minimize(
        self,
        loss: tf.Tensor,
        global_step: tf.Variable | None = None,
        var_list: Sequence[tf.Variable] | None = None,
        **options: Any,
    ) -> tf.Operation:
        """Add the operation that changes each variable a little so that `loss` falls.

        Args:
            loss: float32 scalar.
            global_step: the variable to count; by default the graph's global step, once per graph.
            var_list: the variables to change; by default all trainable ones.
            options: `name`, and those of `tf.train.Optimizer.compute_gradients`.

        Raises:
            ValueError: the loss depends on none of the variables.
        """
        graph, name = tf.get_default_graph(), options.pop("name", "train")
        with tf.name_scope(name):
            pairs = self.compute_gradients(loss, var_list, **options)
            gradients, variables = _without_none(pairs)
            step = self._step_to_count(global_step)

            def apply(
                loss: tf.Tensor, gradients: Sequence[tf.Tensor], updates: Sequence[tf.Operation]
            ) -> tf.Operation:
                # A step whose loss is NaN or too large fails before it changes anything.
                finite = tf.check_numerics(tf.where_v2(loss < LOSS_LIMIT, loss, math.nan), DIVERGED)
                with tf.control_dependencies([finite]):
                    return self._apply(gradients, variables, updates, step)

            updates = graph.get_collection(tf.GraphKeys.UPDATE_OPS)
            train_step = apply(loss, gradients, updates)
        noted = TrainingStep(train_step, loss, variables, updates, apply, self._obstacle(options))
        graph.add_to_collection(STEPS, noted)
        return train_step

    def compute_gradients(
        self, loss: tf.Tensor, var_list: Sequence[tf.Variable] | None = None, **options: Any
    ) -> list[tuple[tf.Tensor | None, tf.Variable]]:
        """Return what `tf.train.Optimizer.compute_gradients` returns."""
        # A layer's gradient for its input need not wait for that of its weights.
        options.setdefault("gate_gradients", self.GATE_NONE)
        return self._optimizer.compute_gradients(loss, var_list, **options)

    def apply_gradients(
        self,
        grads_and_vars: Pairs,
        global_step: tf.Variable | None = None,
        name: str | None = None,
    ) -> tf.Operation:
        """Add the operation that applies gradients; the arguments are those of `tf.train`."""
        gradients, variables = _without_none(grads_and_vars)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.name_scope(name or "train"):
            return self._apply(gradients, variables, updates, self._step_to_count(global_step))

    def get_slot(self, var: tf.Variable, name: str) -> tf.Variable | None:
        """Return one of the optimizer's own variables, as `tf.train.Optimizer.get_slot` does."""
        return self._optimizer.get_slot(var, name)

    def variables(self) -> list[tf.Variable]:
        """Return the optimizer's own variables."""
        return self._optimizer.variables()

    def _obstacle(self, options: dict[str, Any]) -> str | None:
        """Return what else than the loss decides the step, so that it cannot be computed again."""
        expected = {self: Optimizer, self._optimizer: tf.train.Optimizer}
        for one, kind in expected.items():
            if type(one).compute_gradients is not kind.compute_gradients:
                return f"{type(one).__name__} computes gradients in its own way"
        if tf.no_op().control_inputs:
            return "minimize() was called inside tf.control_dependencies"
        return f"minimize() got the option {min(options)}" if options else None

    def _step_to_count(self, global_step: tf.Variable | None) -> tf.Variable | None:
        """Return the variable to count: by default the graph's global step, but only once."""
        if global_step is None and not tf.get_collection(COUNTED):
            global_step = find_global_step()
        if global_step is find_global_step():
            tf.add_to_collection(COUNTED, True)
        return global_step

    def _apply(
        self,
        gradients: Sequence[tf.Tensor],
        variables: Sequence[tf.Variable],
        updates: Sequence[tf.Operation],
        step: tf.Variable | None,
    ) -> tf.Operation:
        if self._clip_norm:
            # All gradients shrink together, so that the direction of the step does not change.
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        with tf.control_dependencies(updates):
            pairs = zip(gradients, variables, strict=True)
            train_step = self._optimizer.apply_gradients(pairs, global_step=step)
        if not self._averages:
            return train_step
        averaged = {variable.ref() for variable, _ in tf.get_collection(AVERAGES)}
        with tf.control_dependencies([train_step]):
            train_step = self._averages.apply(variables)
        for variable in variables:
            if variable.ref() not in averaged:
                tf.add_to_collection(AVERAGES, (variable, self._averages.average(variable)))
        return train_step


def _without_none(pairs: Pairs) -> tuple[Sequence[tf.Tensor], Sequence[tf.Variable]]:
    """Split pairs of gradients and variables, without those that the loss does not depend on."""
    pairs = [pair for pair in pairs if pair[0] is not None]
    if not pairs:
        raise ValueError("there are no gradients: the loss depends on none of the variables")
    return tuple(zip(*pairs, strict=True))


class TrainingStep(NamedTuple):
    """What `minimize` has added to a graph, so that the same step can also be computed faster."""

    operation: tf.Operation
    loss: tf.Tensor
    variables: Sequence[tf.Variable]
    updates: Sequence[tf.Operation]
    # (loss, gradients, updates) → an operation that does with them what `operation` does.
    apply: Callable[[tf.Tensor, Sequence[tf.Tensor], Sequence[tf.Operation]], tf.Operation]
    obstacle: str | None  # why it cannot
