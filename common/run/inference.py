"""The graph that was trained → the graph of its use: images in, probabilities out.

What only the training needs goes: the switch `is_training`, dropout, augmentation, the moments of
the mini-batch, every placeholder but that of the images. Most of this is done by Grappler,
TensorFlow's optimizer of graphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from common.run.folding import constants_of, fold_scales, make_identity, node_of

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import device_properties_pb2, rewriter_config_pb2

if TYPE_CHECKING:
    from common.networks import Net

# Grappler removes what is never reached, puts functions in the place of their calls, computes what
# depends on constants alone, and removes what changes nothing, such as a multiplication by 1.
PASSES = ("pruning", "loop", "function", "constfold", "dependency")
# Asks Grappler to take a condition or a loop apart, which other programs do not understand.
TAKE_APART = "_lower_using_switch_merge"
CONDITIONS = ("If", "StatelessIf", "Case", "StatelessCase")
PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
RANDOM = re.compile("Random|TruncatedNormal|Multinomial|Stateful(Uniform|Standard)|Rng")
FLOATS = (tf.float16, tf.float32, tf.float64)
# Operations that draw numbers u, 0 ≤ u < 1.
UNIFORM = ("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
# Operations that rise or fall all the way with each of their inputs.
MONOTONE = {
    **{"Identity": np.asarray, "Cast": np.asarray, "Floor": np.floor, "Mul": np.multiply},
    **{"AddV2": np.add, "Add": np.add, "Sub": np.subtract, "LogicalNot": np.logical_not},
    **{"GreaterEqual": np.greater_equal, "Greater": np.greater},
    **{"LessEqual": np.less_equal, "Less": np.less},
}
# What changes nothing: a selection where the condition is true, a factor of 1, a summand of 0.
NEUTRAL = {"SelectV2": True, "Select": True, "Mul": 1, "AddV2": 0, "Add": 0}


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
        ValueError: this net cannot be used like that; the message says why, with "it" for the net.
        tf.errors.OpError: TensorFlow cannot do it.
    """
    last = net.y_pred.op.name
    graph = tf.graph_util.extract_sub_graph(session.graph.as_graph_def(), [last])
    images, graph = _with_own_placeholder(graph, net)
    graph = tf.graph_util.extract_sub_graph(graph, [last])
    for node in graph.node:
        node.device = ""  # in a cluster: the machine that keeps the variable
        if node.op == "PlaceholderWithDefault":
            make_identity(node, node.input[0], node.attr["dtype"].type)
    placeholders = {node.name for node in graph.node if node.op == "Placeholder"}
    if images not in placeholders:
        raise ValueError(f"its probabilities do not depend on {net.x.name}")
    if others := sorted(placeholders - {images}):
        raise ValueError(f"its probabilities depend on {', '.join(others)}, too")

    ends = (f"{images}:0", net.y_pred.name)
    graph = _optimized(graph, *ends)
    while _decide_conditions(graph) or _decide_masks(graph):  # a branch may hold more of them
        graph = _optimized(graph, *ends)
    graph = _with_constants(session, graph, last)
    graph = _optimized(graph, *ends)
    if fold_scales(graph, last):
        graph = _optimized(graph, *ends)
    graph = tf.graph_util.extract_sub_graph(graph, [last])
    if python := [node.name for node in _all_nodes(graph) if node.op in PYTHON]:
        raise ValueError(f"it calls Python functions, which no other program has ({python[0]})")
    random = [node.name for node in _all_nodes(graph) if RANDOM.search(node.op)]
    return InferenceGraph(graph, *ends, random)


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


def _with_constants(session: tf.Session, graph: tf.GraphDef, last: str) -> tf.GraphDef:
    """Put constants in the places of the variables, under the names of these."""
    variables = {node.name for node in graph.node if "Var" in node.op}
    graph = tf.graph_util.convert_variables_to_constants(session, graph, [last])
    # What was reading a variable is an Identity.
    reads = {n.name: n.input[0] for n in graph.node if n.op == "Identity"}
    reads = {name: read for name, read in reads.items() if read in variables}
    for node in graph.node:
        node.input[:] = [reads.get(tensor, tensor) for tensor in node.input]
    return graph


def _all_nodes(graph: tf.GraphDef) -> Iterator[tf.NodeDef]:
    """Yield the nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _optimized(graph: tf.GraphDef, images: str, probabilities: str) -> tf.GraphDef:
    """Return the graph after Grappler's passes."""
    try:
        from tensorflow.python.grappler.cluster import Cluster
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
    options.loop_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    options.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    # For one processor, so that Grappler opens no session to look for others.
    processor = device_properties_pb2.NamedDevice(name="/CPU:0")
    processor.properties.type = "CPU"
    optimized = OptimizeGraph(config, meta, verbose=False, cluster=Cluster(devices=[processor]))
    # What was computed before, but is not used: by a constant, or random numbers.
    random = {f"^{node.name}" for node in optimized.node if RANDOM.search(node.op)}
    for node in optimized.node:
        unused = set(node.input) if node.op == "Const" else random
        node.input[:] = [tensor for tensor in node.input if tensor not in unused]
    return optimized


def _decide_conditions(graph: tf.GraphDef) -> bool:
    """Replace each condition on a constant by a call of its branch; say whether there was one."""
    constants, decided = constants_of(graph), False
    for node in graph.node:
        if node.op not in CONDITIONS or node_of(node.input[0]) not in constants:
            continue
        value = constants[node_of(node.input[0])]
        if "branches" in node.attr:  # tf.switch_case takes the last branch for a wrong number
            branches = node.attr["branches"].list.func
            branch = branches[value if 0 <= value < len(branches) else -1]
        else:
            branch = node.attr["then_branch" if value else "else_branch"].func
        node.attr["f"].func.CopyFrom(branch)
        for name in set(node.attr) - {"f", "Tin", "Tout"}:
            del node.attr[name]
        node.op = (
            "PartitionedCall" if node.op.startswith("Stateless") else "StatefulPartitionedCall"
        )
        del node.input[0]
        decided = True
    return decided


@np.errstate(all="ignore")
def _decide_masks(graph: tf.GraphDef) -> bool:
    """Take away each random number on which nothing depends; say whether there was one.

    Dropout keeps a number where u ≥ rate, or multiplies it by ⌊u + 1 − rate⌋; noise is multiplied
    by 0. With a rate of 0 the result is the same for every u. What rises or falls with u is the
    same for every u if it is the same for the smallest and for the largest.
    """
    constants = constants_of(graph)
    with tf.Graph().as_default() as whole:
        tf.import_graph_def(graph, name="")
    nodes = {node.name: node for node in graph.node}
    reach: dict[str, tuple] = {}  # name of a tensor → its values for the smallest and largest u
    decided = False
    for op in whole.get_operations():  # inputs come before what uses them
        if RANDOM.search(op.type) and op.outputs and op.outputs[0].dtype in FLOATS:
            number = np.finfo(op.outputs[0].dtype.as_numpy_dtype)
            far = np.sqrt(number.max)  # farther than a normal distribution reaches
            ends = (0, 1 - number.eps) if op.type in UNIFORM else (-far, far)
            reach[op.outputs[0].name] = tuple(map(number.dtype.type, ends))
            continue
        drawn = [tensor.name in reach for tensor in op.inputs]
        if drawn.count(True) != 1:
            continue
        at = drawn.index(True)
        low, high = reach[op.inputs[at].name]
        others = [constants.get(t.op.name) for t in op.inputs if t.name not in reach]
        simple = op.outputs and op.outputs[0].dtype in (*FLOATS, tf.bool)
        if op.type in MONOTONE and simple and all(c is not None and c.ndim == 0 for c in others):
            number = op.outputs[0].dtype.as_numpy_dtype
            values = ([*others[:at], u, *others[at:]] for u in (low, high))
            reach[op.outputs[0].name] = tuple(number(MONOTONE[op.type](*v)) for v in values)
        elif low == high == NEUTRAL.get(op.type):
            kept = op.inputs[1 if "Select" in op.type else 1 - at]
            if _fits(op.inputs[at].shape, kept.shape):
                make_identity(nodes[op.name], kept.name, kept.dtype.as_datatype_enum)
                decided = True
    return decided


def _fits(small: tf.TensorShape, large: tf.TensorShape) -> bool:
    """Say whether a tensor keeps its shape when it is combined with a smaller one.

    Sizes that are unknown are those of the mini-batch.
    """
    if small.rank is None or large.rank is None or small.rank > large.rank:
        return False
    sizes = zip(reversed(small.as_list()), reversed(large.as_list()), strict=False)
    return all(one in (1, other) for one, other in sizes)
