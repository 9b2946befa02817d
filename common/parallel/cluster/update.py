"""The second phase of a step: the stored means change the variables, in the script's own graph."""

from __future__ import annotations

from typing import NamedTuple

from common.objective import TrainingStep
from common.parallel.cluster.division import DividedStep, refusal
from common.parallel.halves import UPDATES
from common.parallel.rows import READS
from common.parallel.walking import ancestors

import tensorflow.compat.v1 as tf


class SecondPhase(NamedTuple):
    """A training step whose loss and gradients are read from where the first phase stored them."""

    original: TrainingStep
    operation: tf.Operation  # does what the operation of `original` does
    loss: tf.Tensor  # float32 scalar
    slot: tf.Tensor  # int32 scalar: which slot of `stored` to read
    # [slots, *shape of one value], for each value that the machines compute: the loss, what
    # UPDATE_OPS assign, and the gradients, in this order.
    stored: list[tf.Variable]
    # Operations of the original step whose results cannot be fed: it would be lost on this one.
    replaced: set[tf.Operation]
    # Operations of the original step that change a state, which must not happen twice.
    changing: set[tf.Operation]


def add_update(step: DividedStep, num_slots: int, device: str) -> SecondPhase:
    """Add the second phase to the graph of a training step.

    Args:
        step: the training step.
        num_slots: how many mini-batches may be computed at the same time.
        device: where to store the loss, and what belongs to a variable without a device.

    Raises:
        UserError: the second step would not share the variables of the optimizer.
    """
    original = step.original
    num_variables = len(original.loss.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES))
    with original.loss.graph.as_default(), tf.name_scope("cluster"):
        slot = tf.placeholder_with_default(0, [], name="slot")
        stored: list[tf.Variable] = []

        def read(like: tf.Tensor | tf.Variable, place: str) -> tf.Tensor:
            """Store a value of this shape and dtype at a device; return what is in the slot."""
            with tf.device(place or device):
                stored.append(_new_slots(like, num_slots))
                return tf.gather(stored[-1], slot)

        loss = read(original.loss, device)
        # A changed value is assigned to a variable, and is stored beside it.
        places = {op.inputs[1].name: op.inputs[0].device for op in step.updates}
        changes = {value.name: read(value, places[value.name]) for value in step.changes}
        gradients = [read(variable, variable.device) for variable in original.variables]
        updates = [_update(op, changes) for op in step.updates]
        operation = original.apply(loss, gradients, updates)
    if len(operation.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)) > num_variables:
        raise refusal("its optimizer makes new variables for each step that is built")
    kept, ops = ancestors(operation), ancestors(original.operation)
    replaced = {
        op
        for op in ops
        if not op.type.startswith("Placeholder")
        and (op not in kept or any(tensor.name in step.plan.kinds for tensor in op.outputs))
    }
    changing = {op for op in ops if op.op_def.is_stateful and op.type not in READS}
    return SecondPhase(original, operation, loss, slot, stored, replaced, changing)


def _new_slots(like: tf.Tensor | tf.Variable, num_slots: int) -> tf.Variable:
    """Return a variable with `num_slots` values of the shape and dtype of `like`, all 0."""
    return tf.Variable(
        tf.zeros([num_slots, *like.shape.as_list()], like.dtype.base_dtype),
        trainable=False,
        # Not part of the state of a run: a checkpoint does not contain it, so that the run can be
        # resumed on another number of machines.
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        name="slots",
        use_resource=True,
    )


def _update(op: tf.Operation, changes: dict[str, tf.Tensor]) -> tf.Operation:
    """Return an operation of UPDATE_OPS with its stored value, or itself where there is none."""
    handle, value = op.inputs
    if value.name not in changes:
        return op
    return UPDATES[op.type](resource=handle, value=changes[value.name])
