"""States of a training step that no checkpoint holds: random numbers, the place of an iterator."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tensorflow.compat.v1 as tf

# Types of operations with a state that is no variable.
FORGETTING = re.compile("^(Random|TruncatedNormal|Multinomial)|IteratorGetNext|Dequeue|PyFunc")
CALLING = re.compile("(If|While|Case|PartitionedCall)$")  # types of those that call functions
MOST_NAMED = 8  # operations in a line


def forgotten(operations: Iterable[tf.Operation]) -> str:
    """Return a line on those operations whose state is in no checkpoint; "" if there is none.

    Such states are the random numbers of `tf.nn.dropout` and the place of a `tf.data` iterator.
    """
    operations = list(operations)
    names = [op.name for op in operations if op.op_def.is_stateful and FORGETTING.search(op.type)]
    names += _inside(operations)
    if not names:
        return ""
    return (
        "The result will not be that of an uninterrupted run: no checkpoint holds the state of "
        f"{', '.join(sorted(names)[:MOST_NAMED])}."
    )


def _inside(operations: list[tf.Operation]) -> list[str]:
    """Return the same of the branches of `tf.cond`, the bodies of `tf.map_fn`, and so on."""

    def called(node: Any) -> set[str]:
        values = node.attr.values()
        return {f.name for v in values for f in (v.func, *v.list.func) if f.name}

    callers = {op.name: called(op.node_def) for op in operations if CALLING.search(op.type)}
    if not callers:
        return []
    library = operations[0].graph.as_graph_def().library.function
    nodes = {function.signature.name: function.node_def for function in library}
    found = []
    for name, functions in callers.items():
        seen, waiting = set(functions), list(functions)
        while waiting:
            for node in nodes.get(waiting.pop(), ()):
                if FORGETTING.search(node.op):
                    found.append(f"{name}/{node.name}")
                waiting += called(node) - seen
                seen |= called(node)
    return found
