"""The first phase of a step: a graph in which every machine computes its part of the gradients.

A copy of the script's own computation, up to the loss, is placed on each machine, and its gradients
are added there. Four things differ between the copies: what is fed, the random numbers, the
variables, which are read where they are held, and the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.parallel.cluster.config import Cluster
from common.parallel.cluster.division import DividedStep, refusal
from common.parallel.copies import copy_operations, copy_parts, draw_again, rows_of_part

import tensorflow.compat.v1 as tf

Tensors = dict[str, tf.Tensor]  # by the names of their originals in the script's graph


class FirstPhase(NamedTuple):
    """The graph in which every machine computes its part."""

    graph: tf.Graph
    feeds: Tensors  # what takes the place of the script's placeholders
    with_rows: list[str]  # the names of those with a row for each example
    stores: list[tf.Operation]  # number s computes the means and stores them in slot s


def new_first_phase(
    cluster: Cluster, step: DividedStep, stored: Sequence[tf.Variable]
) -> FirstPhase:
    """Build the graph of the first phase.

    Synchronously, each machine gets its rows of the mini-batch, and slot 0 the means of what they
    compute, weighted by the numbers of rows. Asynchronously there is a slot for each machine, which
    gets all rows.

    Args:
        cluster: the machines.
        step: the training step.
        stored: `SecondPhase.stored`.

    Raises:
        UserError: a gradient is sparse.
    """
    replicas = cluster.replicas
    with_rows = [tensor.name for tensor in step.plan.placeholders]
    with tf.Graph().as_default() as graph, tf.device(cluster.chief.device):
        variables = _read_variables(step)
        feeds = _new_placeholders(step, variables)
        num_rows = tf.shape(feeds[with_rows[0]])[0]
        outputs = []  # for each machine a list like `stored`
        for number, task in enumerate(replicas):
            rows, fraction = slice(0, num_rows), tf.constant(1.0)
            if not cluster.asynchronous:
                rows, fraction = rows_of_part(num_rows, number, len(replicas))
            # Slices are made on the chief, so that no other rows are sent.
            part = variables | feeds
            part |= {name: feeds[name][rows] for name in with_rows}
            with tf.device(task.device):
                name = f"{task.job}{task.index}"
                values = _compute(step, part, num_rows, rows, name)
                outputs.append([tf.cast(fraction, value.dtype) * value for value in values])
        if not cluster.asynchronous:
            outputs = [_sums(outputs, stored)]
        stores = [_store(stored, slot, values) for slot, values in enumerate(outputs)]
    return FirstPhase(graph, feeds, with_rows, stores)


def _read_variables(step: DividedStep) -> Tensors:
    """Read every variable once, on the task that holds it.

    Returns:
        the values by the names of the script's own reads, and of the variables' handles.
    """
    values: Tensors = {}
    for op in step.reads:
        handle = op.inputs[0]
        if handle.name not in values:
            with tf.device(handle.device):
                values[handle.name] = tf.raw_ops.ReadVariableOp(
                    resource=_same_variable(handle.op), dtype=op.get_attr("dtype")
                )
        values[op.outputs[0].name] = values[handle.name]
    return values


def _same_variable(op: tf.Operation) -> tf.Tensor:
    """Return a handle, in the default graph, of the variable that a VarHandleOp stands for.

    A variable belongs to the task that holds it, not to a graph or session.
    """
    with tf.device(op.device):
        return tf.raw_ops.VarHandleOp(
            dtype=op.get_attr("dtype"),
            shape=op.get_attr("shape"),
            container=op.get_attr("container").decode(),
            shared_name=op.get_attr("shared_name").decode() or op.name,
        )


def _new_placeholders(step: DividedStep, variables: Tensors) -> Tensors:
    """Add the placeholders that the loss depends on, with their names, so that errors have them."""
    with_default = [op for op in step.placeholders if op.type == "PlaceholderWithDefault"]
    placeholders = {
        op.outputs[0].name: tf.placeholder(op.outputs[0].dtype, op.outputs[0].shape, op.name)
        for op in step.placeholders
        if op not in with_default
    }
    if with_default:
        given = variables | placeholders
        copies = copy_operations([*step.plan.shared, *with_default], given, name="")
        placeholders |= {op.outputs[0].name: copies[op.outputs[0].name] for op in with_default}
    return placeholders


def _compute(
    step: DividedStep, part: Tensors, num_rows: tf.Tensor, rows: slice, name: str
) -> list[tf.Tensor]:
    """Compute one machine's part: the loss, what UPDATE_OPS assign, and the gradients.

    Args:
        step: the training step.
        part: this machine's variables and placeholders; the copies are added.
        num_rows: of the whole mini-batch, int32 scalar.
        rows: which of them are this machine's.
        name: of the machine, for the names of the copies.

    Raises:
        UserError: a gradient is sparse.
    """
    original, plan = step.original, step.plan
    part |= copy_operations(plan.shared, part, name)
    for op in plan.noise:  # for the whole mini-batch, so that each example gets its own numbers
        seed = [part[tensor.name] for tensor in op.inputs[1:]]
        part[op.outputs[0].name] = draw_again(op, num_rows, seed)[rows]

    def copy(_: int, operations: Sequence[tf.Operation]) -> None:
        part.update(copy_operations(operations, part, name))

    # Batch normalisation uses the moments of the machine's own rows.
    copy_parts(plan, [part], copy, lambda moments, own: own)
    loss = part[original.loss.name]
    values = [part[variable.handle.name] for variable in original.variables]
    gradients = tf.gradients(loss, values)
    for variable, gradient in zip(original.variables, gradients, strict=True):
        if isinstance(gradient, tf.IndexedSlices):
            # Many optimizers treat the rows without a gradient differently from a gradient of 0.
            raise refusal(f"the gradient of {variable.op.name} is sparse")
    return [loss, *(part[value.name] for value in step.changes), *gradients]


def _sums(outputs: list[list[tf.Tensor]], stored: Sequence[tf.Variable]) -> list[tf.Tensor]:
    """Add what the machines have computed, each value where it will be stored."""
    sums = []
    for slots, *parts in zip(stored, *outputs, strict=True):
        with tf.device(slots.device):
            sums.append(tf.add_n(parts))
    return sums


def _store(stored: Sequence[tf.Variable], slot: int, values: list[tf.Tensor]) -> tf.Operation:
    """Return the operation that writes values into one slot."""
    writes = []
    for slots, value in zip(stored, values, strict=True):
        with tf.device(slots.device):
            writes.append(
                tf.raw_ops.ResourceScatterUpdate(
                    resource=_same_variable(slots.op), indices=[slot], updates=value[tf.newaxis]
                )
            )
    return tf.group(*writes)
