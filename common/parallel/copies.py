"""A part of the graph → a copy of it that works on other rows of the mini-batch.

The script describes its computation once. Who wants to divide a mini-batch copies the description:
over machines (replicas.py), or over the cores of one (halves.py). Three things are not copied but
given to each copy: what is fed, the weights, and the random numbers that belong to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow.compat.v1 as tf

# What dropout and --augment draw.
NOISE = {
    "StatelessRandomUniformV2": tf.raw_ops.StatelessRandomUniformV2,
    "StatelessRandomNormalV2": tf.raw_ops.StatelessRandomNormalV2,
}


def has_rows(tensor: tf.Tensor) -> bool:
    """Say whether a tensor has a row for each example: its first dimension is unknown."""
    return bool(tensor.shape.ndims) and tensor.shape[0] is None


def is_noise(op: tf.Operation) -> bool:
    """Say whether an operation draws random numbers for each row of the mini-batch."""
    return op.type in NOISE and has_rows(op.outputs[0])


def is_weights(op: tf.Operation) -> bool:
    """Say whether an operation reads a variable."""
    return op.type == "ReadVariableOp"


def draw_again(op: tf.Operation, num_rows: tf.Tensor, seed: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return what an operation that draws random numbers returns, for `num_rows` rows.

    The operation itself asks a layer how many rows it has, and so has the whole net computed.

    Args:
        op: see `is_noise`.
        num_rows: int32 scalar.
        seed: key, counter and algorithm, the last three inputs of the operation.
    """
    key, counter, algorithm = seed
    shape = tf.stack([num_rows, *op.outputs[0].shape.as_list()[1:]])
    return NOISE[op.type](shape=shape, key=key, counter=counter, alg=algorithm)


def nodes_between(fed: Sequence[tf.Tensor], wanted: Sequence[tf.Tensor]) -> list[tf.Operation]:
    """Return the operations that compute `wanted` from `fed` and from the variables."""
    given = {tensor.ref() for tensor in fed}
    found: dict[tf.Operation, None] = {}
    todo = [tensor.op for tensor in wanted]
    while todo:
        op = todo.pop()
        if op in found:
            continue
        found[op] = None
        if not is_weights(op):
            todo += [tensor.op for tensor in op.inputs if tensor.ref() not in given]
            todo += op.control_inputs
    return list(found)


def copy_nodes(
    nodes: Sequence[tf.Operation],
    inputs: dict[str, tf.Tensor],
    wanted: Sequence[tf.Tensor],
    name: str,
) -> list[tf.Tensor]:
    """Copy operations into the default graph and return the copies of `wanted`.

    Args:
        nodes: operations of the script's graph.
        inputs: what takes the place of tensors of that graph, by their names.
        wanted: tensors of that graph.
        name: a prefix for the names of the copies.
    """
    copied = [op for op in nodes if not (is_weights(op) or is_noise(op))]
    used = {tensor.name for op in copied for tensor in op.inputs}
    graph = wanted[0].graph
    return tf.import_graph_def(
        tf.GraphDef(
            node=[_portable(op) for op in copied],
            library=graph.as_graph_def().library,
            versions=graph.graph_def_versions,
        ),
        {tensor: value for tensor, value in inputs.items() if tensor in used},
        [tensor.name for tensor in wanted],
        name,
    )


def _portable(op: tf.Operation) -> tf.NodeDef:
    """Return a description of the operation that says nothing about where it is."""
    node = tf.NodeDef.FromString(op.node_def.SerializeToString())
    node.device = ""
    node.attr.pop("_class", None)  # "beside this other operation"
    return node


def rows_of_part(num_rows: tf.Tensor, number: int, count: int) -> tuple[slice, tf.Tensor]:
    """Return part `number` of `count` nearly equal parts: its rows, and its share of the whole.

    Where there are fewer rows than parts a part may be empty. It then gets one row all the same,
    since no rows have no mean, and the share 0.
    """
    start, end = num_rows * number // count, num_rows * (number + 1) // count
    share = tf.cast(end - start, tf.float32) / tf.cast(num_rows, tf.float32)
    start = tf.minimum(start, num_rows - 1)
    return slice(start, tf.maximum(end, start + 1)), share
