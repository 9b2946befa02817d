"""One training step in two halves of the mini-batch, side by side on two cores.

TensorFlow spreads each operation over all cores, so that the cores wait for each other after every
operation. Most operations of these nets gain little from a second core. Two copies of the net with
half of the images each wait only once, for the sum of their gradients, and once for each batch
normalisation, whose mean and variance are those of the whole mini-batch.

The mean of the halves' losses, weighted by their sizes, is the loss, and its gradients are the
gradients. The step that the script has built stays in the graph as it is; this is a second one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.layers import BatchMoments, layers_of
from common.objective import TrainingStep
from common.parallel.copies import copy_operations, draw_again, rows_of_part
from common.parallel.rows import SAME, NotDivisibleError, Plan, examine
from common.process.machine import num_cores

import tensorflow.compat.v1 as tf

NUM_PARTS = 2
# The cores have to wait for each other at the end, which must not take longer than what they gain:
# a step of so many multiplications takes about a millisecond.
WORTH_DIVIDING = 10_000_000
UPDATES = {
    "AssignAddVariableOp": tf.raw_ops.AssignAddVariableOp,
    "AssignSubVariableOp": tf.raw_ops.AssignSubVariableOp,
    "AssignVariableOp": tf.raw_ops.AssignVariableOp,
}


class DividedStep(NamedTuple):
    """A training step in halves, which takes the place of another one."""

    original: TrainingStep
    operation: tf.Operation
    loss: tf.Tensor
    placeholders: list[tf.Tensor]  # those that are divided; each must be fed as many rows
    copied: set[str]  # names of the tensors of which each half has its own; they cannot be fed


def require_gain(step: TrainingStep, batch_size: int) -> None:
    """Find out whether two halves are faster.

    Raises:
        NotDivisibleError: they are not, or it was never measured.
    """
    cores = num_cores()
    if cores != NUM_PARTS:
        plural = "" if cores == 1 else "s"
        raise NotDivisibleError(f"this process has {cores} core{plural}, not two")
    if tf.config.list_physical_devices("GPU"):
        raise NotDivisibleError("a GPU divides the work by itself")
    trained = {variable.ref() for variable in step.variables}
    layers = [one for one in layers_of(step.loss.graph) if one.weights.ref() in trained]
    if sum(layer.multiply_adds for layer in layers) * batch_size < WORTH_DIVIDING:
        raise NotDivisibleError("it is too short to gain from a division")


def divide(step: TrainingStep) -> DividedStep:
    """Add a training step in halves to the graph of `step`, which must not run both.

    Raises:
        NotDivisibleError: it is not certain that it would do the same.
    """
    if set(step.options) - {"gate_gradients"}:
        raise NotDivisibleError(f"minimize() got the option {min(step.options)}")
    updates = [getattr(update, "op", update) for update in step.updates]
    for op in updates:
        if op.type not in UPDATES or op.control_inputs:
            raise NotDivisibleError(f"{op.type} ({op.name}) in UPDATE_OPS is not known")
    plan = examine(step.loss, [op.inputs[1] for op in updates])
    if not plan.placeholders:
        raise NotDivisibleError("the loss depends on no placeholder with a row for each example")
    with step.loss.graph.as_default(), tf.name_scope("train"):
        halves, fractions = _copies(plan)
        parts = [
            tf.cast(fraction, step.loss.dtype) * half[step.loss.name]
            for fraction, half in zip(fractions, halves, strict=True)
        ]
        loss = tf.add_n(parts)
        gradients = tf.gradients(loss, step.variables)
        _largest_first(gradients, step.variables)
        new_updates = [_new_update(op, plan, halves[0]) for op in updates]
        operation = step.apply(loss, gradients, new_updates)
    return DividedStep(step, operation, loss, plan.placeholders, set(halves[0]))


def _copies(plan: Plan) -> tuple[list[dict[str, tf.Tensor]], list[tf.Tensor]]:
    """Copy what the plan lists, once for each half.

    Returns:
        for each half its own tensors by the names of the originals, and its fraction of the rows.
    """
    num_rows = tf.shape(plan.placeholders[0])[0]
    noise = {op.outputs[0].name: draw_again(op, num_rows, op.inputs[1:]) for op in plan.noise}
    rows = {tensor.name: tensor for tensor in plan.placeholders} | noise
    halves, fractions = [], []
    for number in range(NUM_PARTS):
        which, fraction = rows_of_part(num_rows, number, NUM_PARTS)
        halves.append({name: tensor[which] for name, tensor in rows.items()})
        fractions.append(fraction)
    # Up to a batch normalisation each half by itself, then its moments over both, and so on.
    waiting = list(plan.moments)
    pending: list[tf.Operation] = []
    for op in plan.operations:
        while any(_uses(op, moments, halves[0]) for moments in waiting):
            _copy(pending, plan, halves)
            _synchronise(waiting.pop(0), halves, fractions)
            pending = []
        pending.append(op)
    _copy(pending, plan, halves)
    return halves, fractions


def _uses(op: tf.Operation, moments: BatchMoments, half: dict[str, tf.Tensor]) -> bool:
    names = {moments.mean.name, moments.variance.name}
    return any(tensor.name in names for tensor in op.inputs) and moments.mean.name not in half


def _copy(operations: list[tf.Operation], plan: Plan, halves: list[dict[str, tf.Tensor]]) -> None:
    for number, half in enumerate(halves):
        same = {t.name: t for op in operations for t in op.inputs if plan.kinds[t.name] is SAME}
        half |= copy_operations(operations, same | half, f"half{number + 1}")


def _synchronise(
    moments: BatchMoments, halves: list[dict[str, tf.Tensor]], fractions: list[tf.Tensor]
) -> None:
    """Compute mean and variance of a layer over all halves, and pass them to each half."""
    own = [tf.nn.moments(half[moments.layer.name], moments.axes) for half in halves]
    mean = tf.add_n([f * mean for f, (mean, _) in zip(fractions, own, strict=True)])
    # The variance is that within the halves plus that between them.
    variance = tf.add_n(
        [f * (v + tf.square(m - mean)) for f, (m, v) in zip(fractions, own, strict=True)]
    )
    for half in halves:
        half[moments.mean.name], half[moments.variance.name] = mean, variance


def _new_update(op: tf.Operation, plan: Plan, half: dict[str, tf.Tensor]) -> tf.Operation:
    """Return an update with the synchronised moments; where it uses none, the update itself."""
    handle, value = op.inputs
    if plan.kinds[value.name] is SAME:
        return op
    return UPDATES[op.type](resource=handle, value=half[value.name])


def _largest_first(gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
    """Compute the largest gradient before those of the layers behind it. No number changes.

    Adding up the halves of a gradient and applying it is work for one core. Gradients become known
    from the last layer to the first. If the first layer is the largest, the other core would have
    nothing left to do meanwhile, so the other weights' gradients are left for that time.
    """
    sizes = [variable.shape.num_elements() for variable in variables]
    place = sizes.index(max(sizes))
    largest = _parts(gradients[place])
    for gradient, variable in zip(gradients[place + 1 :], variables[place + 1 :], strict=True):
        parts = _parts(gradient)
        if variable.shape.ndims > 1 and len(largest) == len(parts) == NUM_PARTS:
            # If both waited for their own half only, they would come before the sum.
            _run_after(parts[0], largest[0])
            _run_after(parts[1], gradients[place].op)


def _parts(gradient: tf.Tensor) -> list[tf.Operation]:
    """Return the operations that compute the halves of a gradient, as far as they can be told."""
    found = (
        next((t.op for t in gradient.op.inputs if f"/half{number + 1}/" in t.name), None)
        for number in range(NUM_PARTS)
    )
    return [op for op in found if op is not None]


def _run_after(later: tf.Operation, earlier: tf.Operation) -> None:
    # There is no public way to order operations that exist. Without it the step only takes longer.
    add_control_input = getattr(later, "_add_control_input", None)
    if add_control_input:
        add_control_input(earlier)
