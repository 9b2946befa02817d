"""Variables → the tasks that hold them."""

from __future__ import annotations

from collections.abc import Sequence

from common.parallel.cluster.config import Task

import tensorflow.compat.v1 as tf


def place_variables(variables: Sequence[tf.Variable], tasks: Sequence[Task]) -> bool:
    """Place each variable on the task that holds the fewest numbers so far, the largest first.

    Variables that TensorFlow keeps together, such as a weight matrix and the optimizer's averages
    for it, stay together.

    Args:
        variables: variables of one graph, on which no session has been opened.
        tasks: one or more.

    Returns:
        False where this TensorFlow cannot place an existing variable; then nothing has changed, and
        the variables are held by the process that opens the session.
    """
    # There is no public way: `tf.device` would have to surround the lines of the script.
    if not all(hasattr(variable.op, "_set_device") for variable in variables):
        return False
    groups: dict[bytes, list[tf.Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.op.colocation_groups()[0], []).append(variable)
    sizes = {
        name: sum(variable.shape.num_elements() or 0 for variable in group)
        for name, group in groups.items()
    }
    load = dict.fromkeys((task.device for task in tasks), 0)
    for name in sorted(groups, key=sizes.get, reverse=True):
        device = min(load, key=load.get)
        load[device] += sizes[name]
        for variable in groups[name]:
            variable.op._set_device(device)
    return True
