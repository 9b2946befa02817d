"""Operations of the graph → a copy of them that works on other rows of the mini-batch.

Halves (halves.py) and clusters (cluster/) divide a mini-batch by copying what `examine` has listed.
Not copied, but passed to each copy, are the rows of the placeholders, the rows of the random
numbers, and everything that is the same for all rows, such as the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from common.layers import BatchMoments
from common.parallel.rows import Plan

import tensorflow.compat.v1 as tf

Moments = tuple[tf.Tensor, tf.Tensor]  # mean and variance

DRAW = {
    "StatelessRandomNormalV2": tf.raw_ops.StatelessRandomNormalV2,
    "StatelessRandomUniformV2": tf.raw_ops.StatelessRandomUniformV2,
    "StatelessTruncatedNormalV2": tf.raw_ops.StatelessTruncatedNormalV2,
}


def draw_again(op: tf.Operation, num_rows: tf.Tensor, seed: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return what an operation that draws random numbers returns, for `num_rows` rows.

    The operation itself gets its shape from a layer, so that the whole net would be computed for
    it. The numbers must be drawn for the whole mini-batch: a part draws others.

    Args:
        op: one of `Plan.noise`.
        num_rows: int32 scalar.
        seed: key, counter and algorithm, the last three inputs of the operation.
    """
    key, counter, algorithm = seed
    shape = tf.stack([num_rows, *op.outputs[0].shape.as_list()[1:]])
    dtype = op.outputs[0].dtype
    return DRAW[op.type](shape=shape, key=key, counter=counter, alg=algorithm, dtype=dtype)


def copy_parts(
    plan: Plan,
    parts: Sequence[dict[str, tf.Tensor]],
    copy: Callable[[int, Sequence[tf.Operation]], None],
    combine: Callable[[BatchMoments, list[Moments]], list[Moments]],
) -> None:
    """Copy what the plan lists, once for each part of the mini-batch.

    Args:
        plan: what to copy.
        parts: for each part its tensors by the names of the originals, to begin with the rows of
            placeholders and random numbers; the copies are added.
        copy: adds copies of some operations to the part of this number.
        combine: (moments, those of each part by itself) → the moments that each part uses.
    """
    waiting = list(plan.moments)
    pending: list[tf.Operation] = []

    def flush() -> None:
        for number in range(len(parts)):
            copy(number, pending)
        pending.clear()

    for op in plan.operations:
        for moments in [one for one in waiting if _uses(op, one)]:
            flush()
            waiting.remove(moments)
            own = [tf.nn.moments(part[moments.layer.name], moments.axes) for part in parts]
            for part, (mean, variance) in zip(parts, combine(moments, own), strict=True):
                part[moments.mean.name], part[moments.variance.name] = mean, variance
        pending.append(op)
    flush()


def _uses(op: tf.Operation, moments: BatchMoments) -> bool:
    return any(tensor.name in (moments.mean.name, moments.variance.name) for tensor in op.inputs)


def copy_operations(
    operations: Sequence[tf.Operation], given: Mapping[str, tf.Tensor], name: str
) -> dict[str, tf.Tensor]:
    """Copy operations into the default graph.

    Args:
        operations: operations of one graph, which may be the default graph.
        given: what takes the place of tensors that none of the operations computes, by their names.
        name: a prefix for the names of the copies.

    Returns:
        the copies of all results, by the names of the originals.
    """
    if not operations:
        return {}
    graph = operations[0].graph
    results = [tensor.name for op in operations for tensor in op.outputs]
    used = {tensor.name for op in operations for tensor in op.inputs}.difference(results)
    copies = tf.import_graph_def(
        tf.GraphDef(
            node=[_portable(op) for op in operations],
            library=graph.as_graph_def().library,
            versions=graph.graph_def_versions,
        ),
        input_map={tensor: given[tensor] for tensor in used},
        return_elements=results,
        name=name,
    )
    return dict(zip(results, copies, strict=True))


def _portable(op: tf.Operation) -> tf.NodeDef:
    """Return a description of the operation without its place: device and control inputs."""
    node = tf.NodeDef.FromString(op.node_def.SerializeToString())
    node.device = ""
    node.attr.pop("_class", None)  # "on the device of this other operation"
    inputs = [one for one in node.input if not one.startswith("^")]
    node.ClearField("input")
    node.input.extend(inputs)
    return node


def rows_of_part(num_rows: tf.Tensor, number: int, count: int) -> tuple[slice, tf.Tensor]:
    """Return part `number` of `count` nearly equal parts: its rows, and its fraction of the whole.

    Where there are fewer rows than parts, a part would be empty. It then gets one row all the same,
    since no rows have no mean, and the fraction 0.
    """
    start, end = num_rows * number // count, num_rows * (number + 1) // count
    fraction = tf.cast(end - start, tf.float32) / tf.cast(num_rows, tf.float32)
    start = tf.minimum(start, num_rows - 1)
    return slice(start, tf.maximum(end, start + 1)), fraction
