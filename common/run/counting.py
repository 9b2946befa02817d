"""Counting the steps of a script whose training step does not count them."""

from __future__ import annotations

from common.layers import find_global_step

import tensorflow.compat.v1 as tf


def counts_steps(graph: tf.Graph, operations: set[tf.Operation]) -> bool:
    """Say whether one of these operations of a training step certainly counts the global step.

    Schedule, dropout and checkpoints depend on it, and that of `new_optimizer` does.
    `tf.train.AdamOptimizer(0.001).minimize(loss)` does not count; inside a `tf.cond`, or beside the
    step, counting cannot be seen here.
    """
    with graph.as_default():
        handle = getattr(find_global_step(), "handle", None)  # older variables have none
    consumers = handle.consumers() if handle is not None else ()
    return any(op in operations for op in consumers if op.type.startswith("Assign"))


class StepCounter:
    """Counts each step that the caller's loop has not counted by itself."""

    def __init__(self, session: tf.Session) -> None:
        self._session = session
        with session.graph.as_default():
            step = find_global_step()
            self._value, self._add = tf.identity(step), tf.assign_add(step, 1).op
        self._last = -1

    def start(self) -> None:
        """Note what is counted before the first step."""
        self._last = self._session.run(self._value)

    def count(self) -> None:
        """Count a step if nothing has counted since."""
        if self._session.run(self._value) == self._last:
            self._session.run(self._add)
        self.start()
