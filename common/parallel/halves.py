"""One training step in two halves of the mini-batch, side by side on two cores.

TensorFlow spreads each operation over all cores, so that the cores wait for each other after every
operation. Most operations of these nets gain little from a second core. Two copies of the net with
half of the images each wait only once, for the sum of their gradients, and once for each batch
normalisation, whose mean and variance are those of the whole mini-batch.

The mean of the halves' losses, weighted by their sizes, is the loss, and its gradients are the
gradients. The step that the script has built stays in the graph as it is; this is a second one.

A step that is too short for two halves can be recomputed in one part, with products of tall weights
in a form that TensorFlow computes faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from common.layers import BatchMoments, Layer, layers_of
from common.objective import TrainingStep
from common.parallel.copies import (
    Moments,
    copy_operations,
    copy_parts,
    draw_again,
    rows_of_part,
)
from common.parallel.rows import SAME, NotDivisibleError, Plan, examine
from common.parallel.walking import ancestors
from common.process.machine import num_cores

import tensorflow.compat.v1 as tf

NUM_HALVES = 2
# The cores have to wait for each other at the end, which must not take longer than what they gain:
# a step of so many multiplications takes about a millisecond.
WORTH_DIVIDING = 10_000_000
TALL = 50  # times as many rows as columns
UPDATES = {
    "AssignAddVariableOp": tf.raw_ops.AssignAddVariableOp,
    "AssignSubVariableOp": tf.raw_ops.AssignSubVariableOp,
    "AssignVariableOp": tf.raw_ops.AssignVariableOp,
}


class FasterStep(NamedTuple):
    """A training step that takes the place of another one, which it equals."""

    original: TrainingStep
    operation: tf.Operation
    loss: tf.Tensor
    placeholders: list[tf.Tensor]  # those with rows; each must be fed as many
    num_parts: int


def require_gain(step: TrainingStep, batch_size: int) -> None:
    """Find out whether two halves are faster.

    Raises:
        NotDivisibleError: they are not, or it was never measured.
    """
    cores = num_cores()
    if cores != NUM_HALVES:
        raise NotDivisibleError(f"this process has {cores} core{'s' * (cores != 1)}, not two")
    if tf.config.list_physical_devices("GPU"):
        raise NotDivisibleError("a GPU divides the work by itself")
    trained = {variable.ref() for variable in step.variables}
    layers = [one for one in layers_of(step.loss.graph) if one.weights.ref() in trained]
    if not layers:
        raise NotDivisibleError("its layers are not of common.layers, so its length is not known")
    if sum(layer.multiply_adds for layer in layers) * batch_size < WORTH_DIVIDING:
        if trained - {one for layer in layers for one in _variables_of(layer)}:
            raise NotDivisibleError(
                "as far as is known (not all of its layers are of common.layers) it is too short "
                "to gain from being split over two cores"
            )
        raise NotDivisibleError("it is too short to gain from being split over two cores")


def _variables_of(layer: Layer) -> set[Any]:
    return {one.ref() for one in (layer.weights, layer.biases) if one is not None}


def examine_step(step: TrainingStep) -> tuple[list[tf.Operation], Plan]:
    """Return the graph's UPDATE_OPS, and how loss and updates are computed in parts.

    Raises:
        NotDivisibleError: it is not certain that the parts together would do what `step` does.
    """
    if step.obstacle:
        raise NotDivisibleError(step.obstacle)
    updates = list(dict.fromkeys(getattr(update, "op", update) for update in step.updates))
    for op in updates:
        if op.type not in UPDATES or op.control_inputs:
            raise NotDivisibleError(f"{op.type} ({op.name}) in UPDATE_OPS is not known")
    plan = examine(step.loss, [op.inputs[1] for op in updates])
    if not plan.placeholders:
        raise NotDivisibleError("the loss depends on no placeholder with a row for each example")
    return updates, plan


def recompute(step: TrainingStep, num_parts: int) -> FasterStep:
    """Add a training step in one or two parts of the mini-batch to the graph of `step`.

    Args:
        step: what `minimize` has noted.
        num_parts: 2 for halves; 1 only where there is a faster form of a product.

    Raises:
        NotDivisibleError: it is not certain that it would do the same, or it would not be faster.
    """
    updates, plan = examine_step(step)
    if num_parts == 1 and not any(map(_is_tall_product, plan.operations)):
        raise NotDivisibleError("nothing in it has a faster form")
    with step.loss.graph.as_default(), tf.name_scope("train"), _no_new_variables():
        parts, fractions = _copies(plan, num_parts)
        losses = [part[step.loss.name] for part in parts]
        loss = _weighted_sum(losses, fractions)
        gradients = tf.gradients(loss, step.variables)
        if num_parts > 1:
            _largest_first(gradients, step.variables)
        new_updates = [_new_update(op, plan, parts[0]) for op in updates]
        operation = step.apply(loss, gradients, new_updates)
    return FasterStep(step, operation, loss, plan.placeholders, num_parts)


@contextmanager
def _no_new_variables() -> Iterator[None]:
    """Undo the note of variables that an optimizer makes for each step that it is asked for.

    Raises:
        NotDivisibleError: the optimizer has made any: the second step would not share them.
    """
    graph = tf.get_default_graph()
    before = {key: graph.get_collection(key) for key in graph.collections}
    yield
    new = len(tf.global_variables()) > len(before.get(tf.GraphKeys.GLOBAL_VARIABLES, ()))
    for key in (tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.TRAINABLE_VARIABLES):
        graph.get_collection_ref(key)[:] = before.get(key, [])
    if new:
        raise NotDivisibleError("its optimizer makes new variables for each step that is built")


def _copies(plan: Plan, num_parts: int) -> tuple[list[dict[str, tf.Tensor]], list[tf.Tensor]]:
    """Copy what the plan lists, once for each part.

    Returns:
        for each part its own tensors by the names of the originals, and its fraction of the rows.
    """
    num_rows = tf.shape(plan.placeholders[0])[0]
    noise = {op.outputs[0].name: draw_again(op, num_rows, op.inputs[1:]) for op in plan.noise}
    rows = {tensor.name: tensor for tensor in plan.placeholders} | noise
    parts, fractions = [rows], [tf.constant(1.0)]
    if num_parts > 1:
        which, fractions = zip(
            *(rows_of_part(num_rows, number, num_parts) for number in range(num_parts)), strict=True
        )
        parts = [{name: tensor[one] for name, tensor in rows.items()} for one in which]

    def copy(number: int, operations: Sequence[tf.Operation]) -> None:
        part = parts[number]
        same = {t.name: t for op in operations for t in op.inputs if plan.kinds[t.name] is SAME}
        pending: list[tf.Operation] = []
        for op in operations:
            if op not in plan.unchanging and not _is_tall_product(op):
                pending.append(op)
                continue
            part |= copy_operations(pending, same | part, f"half{number + 1}")
            pending = []
            first, second = ((same | part)[tensor.name] for tensor in op.inputs)
            # An einsum is the same sum, but TensorFlow computes it in another order, and its
            # gradient with rows and columns exchanged. Tall and narrow weights, such as the
            # 784 × 10 of softmax regression, would leave most of a vector register empty.
            unchanging = op in plan.unchanging
            result = first if unchanging else tf.einsum("ni,io->no", first, second)
            part[op.outputs[0].name] = result
        part |= copy_operations(pending, same | part, f"half{number + 1}")

    def combine(moments: BatchMoments, own: list[Moments]) -> list[Moments]:
        if len(own) == 1:
            return own
        mean = _weighted_sum([mean for mean, _ in own], fractions)
        # The variance is that within the halves plus that between them.
        spreads = [variance + tf.square(m - mean) for m, variance in own]
        return [(mean, _weighted_sum(spreads, fractions))] * len(own)

    copy_parts(plan, parts, copy, combine)
    return parts, list(fractions)


def _weighted_sum(tensors: Sequence[tf.Tensor], fractions: Sequence[tf.Tensor]) -> tf.Tensor:
    if len(tensors) == 1:
        return tensors[0]
    pairs = zip(fractions, tensors, strict=True)
    return tf.add_n([tf.cast(fraction, tensor.dtype) * tensor for fraction, tensor in pairs])


def _is_tall_product(op: tf.Operation) -> bool:
    """Say whether an operation multiplies by weights with far more rows than columns."""
    if op.type != "MatMul" or op.get_attr("transpose_a") or op.get_attr("transpose_b"):
        return False
    rows, columns = op.inputs[1].shape.as_list() if op.inputs[1].shape.ndims else (None, None)
    return None not in (rows, columns) and rows > TALL * columns


def _new_update(op: tf.Operation, plan: Plan, part: dict[str, tf.Tensor]) -> tf.Operation:
    """Return an update with the synchronised moments; where it uses none, the update itself."""
    handle, value = op.inputs
    if plan.kinds[value.name] is SAME:
        return op
    return UPDATES[op.type](resource=handle, value=part[value.name])


def _largest_first(gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
    """Compute the largest gradient before those of the layers behind it. No number changes.

    Adding up the halves of a gradient and applying it is work for one core. Gradients become known
    from the last layer to the first. If the first layer is the largest, the other core would have
    nothing left to do meanwhile, so the other weights' gradients are left for that time.
    """
    sizes = [variable.shape.num_elements() or 0 for variable in variables]
    place = sizes.index(max(sizes))
    largest = _halves_of(gradients[place])
    needed = ancestors(gradients[place]) if largest else set()
    for gradient, variable in zip(gradients[place + 1 :], variables[place + 1 :], strict=True):
        halves = _halves_of(gradient)
        if not needed.isdisjoint(halves):  # as where weights are the sum of two variables
            continue
        if (variable.shape.ndims or 0) > 1 and len(largest) == len(halves) == NUM_HALVES:
            # If both waited for their own half only, they would come before the sum.
            _run_after(halves[0], largest[0])
            _run_after(halves[1], gradients[place].op)


def _halves_of(gradient: tf.Tensor) -> list[tf.Operation]:
    """Return the operations that compute the halves of a gradient, as far as they can be told."""
    inputs = gradient.op.inputs if isinstance(gradient, tf.Tensor) else ()
    found = (
        next((t.op for t in inputs if f"/half{number + 1}/" in t.name), None)
        for number in range(NUM_HALVES)
    )
    return [op for op in found if op is not None]


def _run_after(later: tf.Operation, earlier: tf.Operation) -> None:
    # There is no public way to order operations that exist. Without it the step only takes longer.
    add_control_input = getattr(later, "_add_control_input", None)
    if add_control_input:
        add_control_input(earlier)
