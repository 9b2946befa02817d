"""The graph that was trained → the graph of its use: images in, probabilities out.

What only the training needs goes: the switch `is_training`, dropout, augmentation, the moments of
the mini-batch, every placeholder but that of the images. Most of this is done by Grappler,
TensorFlow's optimizer of graphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from common.networks import Net
from common.run.folding import constants_of, fold_scales, make_identity, node_of

import numpy as np
import tensorflow.compat.v1 as tf

# Grappler removes what is never reached, puts functions in the place of their calls, computes what
# depends on constants alone, and removes what changes nothing, such as a multiplication by 1.
PASSES = ("pruning", "function", "constfold", "arithmetic", "dependency")
# Asks Grappler to take a condition or a loop apart, which other programs do not understand.
TAKE_APART = "_lower_using_switch_merge"
RANDOM = re.compile("Random|TruncatedNormal|Multinomial|Stateful(Uniform|Standard)|Rng")
# Operations that draw numbers u, 0 ≤ u < 1.
UNIFORM = ("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
# Operations that rise or fall all the way with each of their inputs.
MONOTONE = {
    **{"Identity": np.asarray, "Cast": np.asarray, "Floor": np.floor, "Mul": np.multiply},
    **{"AddV2": np.add, "Add": np.add, "Sub": np.subtract, "LogicalNot": np.logical_not},
    **{"GreaterEqual": np.greater_equal, "Greater": np.greater},
    **{"LessEqual": np.less_equal, "Less": np.less},
}


class InferenceGraph(NamedTuple):
    """A graph without variables, and the names of its two ends."""

    graph: tf.GraphDef
    images: str
    probabilities: str
    random: list[str]
    """Operations that draw random numbers even in use."""


def inference_graph(session: tf.Session, net: Net) -> InferenceGraph:
    """Return the graph that computes what `evaluate` evaluates, with the weights as constants.

    Every placeholder but that of the images has its default. Where Grappler is missing, which has
    no public name, operations stay that change nothing in use.

    Args:
        session: a session in which the net has its weights.
        net: `x`, `y_pred` and `is_training` of the session's graph.

    Raises:
        ValueError: the probabilities do not depend on `net.x`, or on another placeholder, too.
    """
    last = net.y_pred.op.name
    graph = tf.graph_util.convert_variables_to_constants(
        session, session.graph.as_graph_def(), [last]
    )
    images, graph = _with_own_placeholder(graph, net)
    graph = tf.graph_util.extract_sub_graph(graph, [last])
    for node in graph.node:
        node.device = ""  # in a cluster: the machine that kept the variable
        if node.op == "PlaceholderWithDefault":
            make_identity(node, node.input[0], node.attr["dtype"].type)
    placeholders = {node.name for node in graph.node if node.op == "Placeholder"}
    if images not in placeholders:
        raise ValueError(f"the probabilities do not depend on {net.x.name}")
    if others := sorted(placeholders - {images}):
        raise ValueError(f"the probabilities depend on {', '.join(others)}, too")

    ends = (f"{images}:0", net.y_pred.name)
    graph = _optimized(graph, *ends)
    while _decide_conditions(graph) or _decide_masks(graph):  # a branch may hold more of them
        graph = _optimized(graph, *ends)
    if fold_scales(graph, last):
        graph = _optimized(graph, *ends)
    graph = tf.graph_util.extract_sub_graph(graph, [last])
    return InferenceGraph(graph, *ends, [n.name for n in _all_nodes(graph) if RANDOM.match(n.op)])


def _with_own_placeholder(graph: tf.GraphDef, net: Net) -> tuple[str, tf.GraphDef]:
    """Put a placeholder `images` in the place of the net's `x`, which may be an iterator's output.

    Return its name, which is another one if there is an `images` already, and the new graph.
    """
    name, names = "images", {node.name for node in graph.node}
    while name in names:
        name += "_"
    with tf.Graph().as_default() as new:
        replaced = {net.x: tf.placeholder(net.x.dtype, net.x.shape, name)}
        switch = net.is_training
        if isinstance(switch, tf.Tensor) and switch.op.type == "Placeholder":  # without a default
            replaced[switch] = tf.constant(False)
        by_name = {old.name: new for old, new in replaced.items() if old.op.name in names}
        tf.import_graph_def(graph, by_name, name="")
        return name, new.as_graph_def()


def _all_nodes(graph: tf.GraphDef) -> Iterator[tf.NodeDef]:
    """Yield the nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _optimized(graph: tf.GraphDef, images: str, probabilities: str) -> tf.GraphDef:
    """Return the graph after Grappler's passes."""
    try:
        from tensorflow.python.grappler.tf_optimizer import OptimizeGraph
    except ImportError:
        return graph
    for node in _all_nodes(graph):
        if TAKE_APART in node.attr:
            node.attr[TAKE_APART].b = False
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(graph, name="")
        meta = tf.train.export_meta_graph(graph=whole)
        ends = meta.signature_def["serving_default"]
        for side, name in ((ends.inputs, images), (ends.outputs, probabilities)):
            tensor = whole.get_tensor_by_name(name)
            side[name].CopyFrom(tf.saved_model.build_tensor_info(tensor))
    config = tf.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1  # small graphs, too
    options.optimizers.extend(PASSES)
    optimized = OptimizeGraph(config, meta, verbose=False)
    for node in optimized.node:
        if node.op == "Const":
            del node.input[:]  # what had to come before the operation that it replaces
    return optimized


def _decide_conditions(graph: tf.GraphDef) -> bool:
    """Replace each `tf.cond` on a constant by a call of its branch; say whether there was one."""
    constants, decided = constants_of(graph), False
    for node in graph.node:
        if node.op in ("If", "StatelessIf") and node_of(node.input[0]) in constants:
            branch = "then_branch" if constants[node_of(node.input[0])] else "else_branch"
            node.op = "PartitionedCall" if node.op == "StatelessIf" else "StatefulPartitionedCall"
            del node.input[0]
            node.attr["f"].CopyFrom(node.attr[branch])
            for name in set(node.attr) - {"f", "Tin", "Tout"}:
                del node.attr[name]
            decided = True
    return decided


def _decide_masks(graph: tf.GraphDef) -> bool:
    """Replace each mask that keeps everything by a constant; say whether there was one.

    Dropout keeps a number where u ≥ rate, or multiplies it by ⌊u + 1 − rate⌋: with a rate of 0 the
    result is the same for every u. What rises or falls with u is the same for every u if it is the
    same for the smallest and for the largest.
    """
    constants = constants_of(graph)
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(graph, name="")
    nodes = {node.name: node for node in graph.node}
    reach: dict[str, tuple] = {}  # name of a tensor → its values for the smallest and largest u
    decided = False
    for op in whole.get_operations():  # inputs come before what uses them
        drawn = [tensor.name in reach for tensor in op.inputs]
        if op.type not in UNIFORM and drawn.count(True) != 1:
            continue
        number = op.outputs[0].dtype.as_numpy_dtype
        if op.type in UNIFORM:
            reach[op.outputs[0].name] = number(0), np.nextafter(number(1), number(0))
            continue
        at = drawn.index(True)
        others = [constants.get(t.op.name) for t in op.inputs if t.name not in reach]
        if op.type in MONOTONE and all(c is not None and c.ndim == 0 for c in others):
            values = [[*others[:at], u, *others[at:]] for u in reach[op.inputs[at].name]]
            reach[op.outputs[0].name] = tuple(number(MONOTONE[op.type](*v)) for v in values)
        elif op.type in ("SelectV2", "Mul"):
            kept = op.inputs[1 if op.type == "SelectV2" else 1 - at]
            low, high = reach[op.inputs[at].name]
            if low == high == 1 and _fits(op.inputs[at].shape, kept.shape):
                make_identity(nodes[op.name], kept.name, kept.dtype.as_datatype_enum)
                decided = True
    return decided


def _fits(small: tf.TensorShape, large: tf.TensorShape) -> bool:
    """Say whether a tensor that is multiplied by a smaller one keeps its shape.

    Sizes that are unknown are those of the mini-batch.
    """
    if small.rank is None or large.rank is None or small.rank > large.rank:
        return False
    sizes = zip(reversed(small.as_list()), reversed(large.as_list()), strict=False)
    return all(one in (1, other) for one, other in sizes)
