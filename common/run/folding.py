"""Scales after a layer → into the layer's weights: what is left of batch normalisation in use.

Where means and variances are constants, batch normalisation is one scale and one offset for each
channel. Where a convolution or a matrix product comes before it, the weights can be scaled once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

# Operations with weights → which axes of the weights are the channels of the output.
CHANNEL_AXES = {"MatMul": (1,), "Conv2D": (3,), "Conv3D": (4,), "DepthwiseConv2dNative": (2, 3)}
# f(s · x) = s · f(x), for some functions only for s ≥ 0.
ONLY_POSITIVE = ("MaxPool", "Relu", "LeakyRelu")
PASSING = (*ONLY_POSITIVE, "AvgPool", "Squeeze")
ADDITIONS = ("BiasAdd", "AddV2", "Add")
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
Numbers = np.ndarray | float


class Step(NamedTuple):
    """What happens to a layer's output x: x · scale + offset, or a function of PASSING."""

    node: tf.NodeDef
    scale: Numbers = 1.0
    offset: Numbers = 0.0
    rank: int = 0  # of the constants; x has at least as many axes


def node_of(tensor: str) -> str:
    """Return the name of the node that computes a tensor, or that an input `^node` waits for."""
    return tensor.lstrip("^").partition(":")[0]


def constants_of(graph: tf.GraphDef) -> dict[str, np.ndarray]:
    """Return the values of the constants by name."""
    nodes = (node for node in graph.node if node.op == "Const")
    return {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in nodes}


def set_constant(graph: tf.GraphDef, node: tf.NodeDef, at: int, value: np.ndarray) -> None:
    """Make `value` the input number `at` of a node, as a new constant of the graph."""
    name = f"{node_of(node.input[at]) or node.name}/folded"  # such as conv1/weights/folded
    while name in {other.name for other in graph.node}:
        name += "_"
    new = graph.node.add(name=name, op="Const")
    new.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    new.attr["dtype"].type = new.attr["value"].tensor.dtype
    node.input[at] = name


def make_identity(node: tf.NodeDef, tensor: str, dtype: int) -> None:
    """Let a node return `tensor`, whatever it has computed before."""
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype
    node.input[:] = [tensor]


@np.errstate(all="ignore")
def fold_scales(graph: tf.GraphDef, last: str) -> bool:
    """Put scales into the weights before them, wherever that is exact.

    In between may be offsets, which are scaled, too; average pooling; and, where no scale is
    negative, max-pooling and ReLU: the largest of four numbers stays the largest.

    Args:
        graph: with constants as weights; it is changed. What does nothing any more is an Identity.
        last: name of the node whose value is wanted.

    Returns:
        whether there was such a scale.
    """
    constants = constants_of(graph)
    consumers = defaultdict(list)
    for node in graph.node:
        for tensor in node.input:
            consumers[node_of(tensor)].append(node)
    found = False
    for layer in list(graph.node):
        weights = constants.get(node_of(layer.input[1])) if layer.op in CHANNEL_AXES else None
        if weights is None or not _channels_last(layer):
            continue
        axes = (0,) if _flag(layer, "transpose_b") else CHANNEL_AXES[layer.op]
        shape = [size if axis in axes else 1 for axis, size in enumerate(weights.shape)]
        channels = math.prod(shape)
        steps, node, rank = [], layer, weights.ndim
        while node.name != last and len(consumers[node.name]) == 1:
            step = _step(consumers[node.name][0], node, constants, channels)
            if step is None or step.rank > rank:
                break
            steps.append(step)
            node, rank = step.node, rank - (step.node.op == "Squeeze")
        total, steps = _moved(steps)
        if not (np.all(total == 1) or not np.all(np.isfinite(total))):
            scaled = weights * np.broadcast_to(total, channels).reshape(shape)
            set_constant(graph, layer, 1, scaled.astype(weights.dtype))
            _rewrite(graph, layer, steps, channels, weights.dtype)
            found = True
    return found


def _step(
    node: tf.NodeDef, before: tf.NodeDef, constants: Mapping[str, np.ndarray], channels: int
) -> Step | None:
    """Return what a node makes of each channel of the node before it; None for anything else."""
    inputs = [tensor.removesuffix(":0") for tensor in node.input]
    if inputs.count(before.name) != 1 or not _channels_last(node):
        return None
    if node.op in (*PASSING, "Identity"):
        return Step(node) if _keeps_channels(node) else None
    others = [constants.get(name) for name in inputs if name != before.name]
    if not others or any(c is None or c.size not in (1, channels) for c in others):
        return None
    if any(c.ndim and c.shape[-1] != c.size for c in others):
        return None
    rank = max(c.ndim for c in others)
    c, *more = [other.astype(np.float64).reshape(-1) for other in others]
    is_first = inputs[0] == before.name
    if node.op in ADDITIONS:
        return Step(node, 1.0, c, rank)
    if node.op == "Sub":
        return Step(node, 1.0, -c, rank) if is_first else Step(node, -1.0, c, rank)
    if node.op == "Mul":
        return Step(node, c, 0.0, rank)
    if node.op == "RealDiv" and is_first:
        return Step(node, 1 / c, 0.0, rank)
    if node.op in BATCH_NORMS and is_first and not _flag(node, "is_training"):
        offset, mean, variance = more
        scale = c / np.sqrt(variance + node.attr["epsilon"].f)
        return Step(node, scale, offset - mean * scale)
    return None


def _flag(node: tf.NodeDef, name: str) -> bool:
    return name in node.attr and node.attr[name].b  # to look up what is missing would add it


def _keeps_channels(node: tf.NodeDef) -> bool:
    """Tell pooling over positions from pooling over channels, for example."""
    if node.op == "Squeeze":  # of tf.nn.conv1d, which squeezes the last axis but two
        axes = node.attr["squeeze_dims"].list.i
        return len(axes) == 1 and axes[0] < -1
    return "ksize" not in node.attr or node.attr["ksize"].list.i[-1] == 1


def _channels_last(node: tf.NodeDef) -> bool:
    return "data_format" not in node.attr or node.attr["data_format"].s in (b"NHWC", b"NDHWC")


def _moved(steps: Sequence[Step]) -> tuple[Numbers, list[Step]]:
    """Move all scales to the front; return their product and the steps with scaled offsets.

    Steps from the first function on that a scale cannot pass are left out.
    """
    total: Numbers = 1.0
    moved: list[Step] = []
    for number, step in reversed(list(enumerate(steps))):
        if step.node.op in ONLY_POSITIVE and np.any(np.asarray(total) < 0):
            return _moved(steps[:number])
        moved.append(step._replace(scale=1.0, offset=total * step.offset))
        total = total * step.scale
    return total, moved[::-1]


def _rewrite(
    graph: tf.GraphDef, layer: tf.NodeDef, steps: Sequence[Step], channels: int, dtype: np.dtype
) -> None:
    """Let steps without scales take their place, with one BiasAdd for offsets in a row."""
    biases: list[tuple[tf.NodeDef, np.ndarray]] = []
    before, in_a_row = layer.name, False
    for step in steps:
        node, offset = step.node, np.broadcast_to(step.offset, channels)
        if node.op in PASSING:
            in_a_row = False
        elif in_a_row or not offset.any():
            make_identity(node, before, tf.as_dtype(dtype).as_datatype_enum)
            if in_a_row:
                biases[-1] = (biases[-1][0], biases[-1][1] + offset)
        else:
            old = node.input[1] if node.op in ADDITIONS else ""  # whose name the new one gets
            make_identity(node, before, tf.as_dtype(dtype).as_datatype_enum)
            node.op = "BiasAdd"
            node.input.append(old)
            biases.append((node, offset))
            in_a_row = True
        before = node.name
    for node, offset in biases:
        set_constant(graph, node, 1, offset.astype(dtype))
