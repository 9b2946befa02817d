"""One training step in two halves of the mini-batch, side by side on the processor's cores.

TensorFlow spreads each operation over all cores, so after each of them the cores wait for one
another, and what one has computed the other must fetch. Most operations of these nets gain little
from a second core. Two copies of the net with half the images each wait only once, for the sum of
their gradients.

The mean of the halves' losses, weighted by their sizes, is the loss, and its gradients are the
gradients. Only batch normalisation sees a difference: each half is normalised by itself.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from common.layers import layers_of
from common.parallel.cluster.config import read_cluster
from common.parallel.copies import (
    copy_nodes,
    draw_again,
    has_rows,
    is_noise,
    is_weights,
    nodes_between,
    rows_of_part,
)
from common.process.machine import num_cores

import tensorflow.compat.v1 as tf

NUM_PARTS = 2
# The cores have to meet at the end, which must not take longer than what they share out: a step of
# so many multiplications takes about a millisecond.
WORTH_SHARING = 10_000_000
HALVES = "halves"

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_halves(loss: tf.Tensor, settings: Namespace) -> tf.Tensor:
    """Return the loss computed in two halves, where that is faster; otherwise as it is.

    It is the same number but for batch normalisation, which looks at each half by itself. Whether a
    step is divided depends on the net and on the size of the mini-batch, not on the number of
    cores: on any processor the same command trains the same net. What the graph's UPDATE_OPS
    assign is divided, too: by it batch normalisation's averages follow the mini-batches.

    Args:
        loss: float32 scalar, the mean over the mini-batch. The placeholders that it depends on have
            a row for each example, or are the same for all.
        settings: `batch_size`.

    Returns:
        float32 scalar, to be differentiated in place of `loss`.
    """
    graph = tf.get_default_graph()
    if not _worth_it(graph, settings.batch_size):
        return loss
    updates = graph.get_collection_ref(tf.GraphKeys.UPDATE_OPS)
    wanted = [loss, *(update.op.inputs[1] for update in updates)]  # of AssignSubVariableOps
    placeholders = [
        op.outputs[0] for op in nodes_between([], wanted) if op.type.startswith("Placeholder")
    ]
    nodes = nodes_between(placeholders, wanted)
    num_rows = next(tf.shape(one)[0] for one in placeholders if has_rows(one))
    given = {one.name: one for one in placeholders}
    for op in nodes:
        if is_weights(op):
            given[op.outputs[0].name] = op.outputs[0]
        elif is_noise(op):
            given[op.outputs[0].name] = draw_again(op, num_rows, op.inputs[1:])
    parts = []
    for number in range(NUM_PARTS):
        rows, share = rows_of_part(num_rows, number, NUM_PARTS)
        inputs = {name: one[rows] if has_rows(one) else one for name, one in given.items()}
        copies = copy_nodes(nodes, inputs, wanted, name=f"half{number + 1}")
        parts.append([share * copy for copy in copies])
    loss, *changes = [tf.add_n(of_all_parts) for of_all_parts in zip(*parts, strict=True)]
    for place, (update, change) in enumerate(zip(updates, changes, strict=True)):
        handle = update.op.inputs[0]
        updates[place] = tf.raw_ops.AssignSubVariableOp(resource=handle, value=change)
    graph.add_to_collection(HALVES, loss)
    return loss


def largest_first(pairs: Sequence[tuple[tf.Tensor, tf.Variable]]) -> None:
    """Where a step has halves, compute the largest gradient before those of the layers behind it.

    Adding up the halves of a gradient and applying it is work for one core. Gradients become known
    from the last layer to the first; if the first is the largest, the other core has nothing left
    to do meanwhile. So it keeps the other weights' gradients for that time. No number changes.

    Args:
        pairs: gradients and their variables, in the order of the layers.
    """
    if not is_in_halves(tf.get_default_graph()):
        return
    sizes = [variable.shape.num_elements() for _, variable in pairs]
    place = sizes.index(max(sizes))
    largest = pairs[place][0].op  # the sum of its halves
    for gradient, variable in pairs[place + 1 :]:
        if variable.shape.ndims > 1:
            one, other = gradient.op.inputs[:NUM_PARTS]
            # If both waited for their own half only, they would come before the sum.
            one.op._add_control_input(largest.inputs[0].op)
            other.op._add_control_input(largest)


def _worth_it(graph: tf.Graph, batch_size: int) -> bool:
    layers = layers_of(graph)
    trained = {variable.ref() for variable in tf.trainable_variables()}
    return (
        sum(layer.multiply_adds for layer in layers) * batch_size >= WORTH_SHARING
        # A net whose first layers stay as they are is fed in its middle: see transfer.py.
        and all(layer.weights.ref() in trained for layer in layers)
        # A cluster divides the mini-batch by itself, and a GPU has its own way to share out work.
        and read_cluster() is None
        and not tf.config.list_physical_devices("GPU")
    )


def is_in_halves(graph: tf.Graph) -> bool:
    """Say whether a training step of this graph has two halves."""
    return bool(graph.get_collection(HALVES))


def pool_size() -> int:
    """Return the number of threads for TensorFlow's pool, in which operations are spread.

    All sessions of a process share one pool, and so do both halves, each of which has a thread of
    its own besides. On two cores each half then computes by itself, which is the fastest there; on
    more cores this has not been measured.
    """
    return max(1, num_cores() - 1)


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the function's results in the order of the items, computing two at a time."""
    with ThreadPoolExecutor(NUM_PARTS) as threads:  # TensorFlow computes without Python's lock
        yield from threads.map(function, items)
