"""Walking through a graph against the direction in which it is computed."""

from __future__ import annotations

import tensorflow.compat.v1 as tf


def ancestors(*nodes: tf.Operation | tf.Tensor) -> set[tf.Operation]:
    """Return the operations of these nodes and all operations that they depend on."""
    found: set[tf.Operation] = set()
    todo = [getattr(node, "op", node) for node in nodes]
    while todo:
        op = todo.pop()
        if op not in found:
            found.add(op)
            todo += [tensor.op for tensor in op.inputs]
            todo += op.control_inputs
    return found
