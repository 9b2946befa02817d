"""Fetches and feeds of every kind, for test_fast_session.py."""

import collections
from types import SimpleNamespace

import numpy as np
import tensorflow.compat.v1 as tf

Pair = collections.namedtuple("Pair", "first second")
IMAGES = np.arange(6, dtype=np.uint8).reshape(2, 3)
COLUMNS = IMAGES.repeat(2, axis=1)[:, ::2]  # not contiguous


def new_net():
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.uint8, [None, 3], name="x")
        labels = tf.placeholder(tf.int32, [None], name="labels")
        scale = tf.placeholder_with_default(2.0, [], name="scale")
        flag = tf.placeholder_with_default(False, [], name="flag")
        words = tf.placeholder(tf.string, [None], name="words")
        variable = tf.Variable([1.0, 2.0, 3.0], name="variable")
        reference = tf.Variable(4.0, use_resource=False, name="reference")
        rows = tf.cast(x, tf.float32)
        doubled = tf.multiply(rows, scale, name="doubled")
        total = tf.reduce_sum(doubled * variable, name="total")
        net = SimpleNamespace(graph=graph, **{k: v for k, v in locals().items() if k != "graph"})
        net.row = tf.gather(variable, labels)
        net.opposite = tf.logical_not(flag)
        net.twice = tf.strings.join([words, words])
        net.word = tf.constant("word")
        net.empty = doubled[:0]
        net.pixels = x + np.uint8(1)
        net.complex = tf.complex(total, total)
        net.half = tf.cast(doubled, tf.bfloat16)
        net.checked = tf.check_numerics(total / 0.0, "infinite")
        net.reshaped = tf.reshape(doubled, [-1, 4])
        net.uninitialised = tf.Variable(0.0) + 1.0
        net.add = tf.assign_add(variable, tf.ones([3]))
        net.next = tf.data.make_one_shot_iterator(tf.data.Dataset.range(2)).get_next()
        net.sparse = tf.SparseTensor([[0, 1]], [5.0], [2, 2])
        net.not_fed = rows + 1
        net.after = net.not_fed * 2
        graph.prevent_feeding(net.not_fed)
        net.not_fetched = rows + 2
        graph.prevent_fetching(net.not_fetched.op)
        net.initialize = tf.variables_initializer([variable, reference])
    with tf.Graph().as_default():
        net.foreign = tf.placeholder_with_default(1.0, [])
    return net


FETCHES = {
    "a tensor": lambda net: net.doubled,
    "a scalar": lambda net: net.total,
    "a list": lambda net: [net.doubled, net.total],
    "a tuple": lambda net: (net.doubled,),
    "a named tuple": lambda net: Pair(net.doubled, [net.total]),
    "a dict": lambda net: {"a": net.doubled, "b": [net.total, {"c": net.scale}]},
    "an ordered dict": lambda net: collections.OrderedDict(b=net.total, a=net.doubled),
    "nested lists": lambda net: [[net.doubled], (net.total, [net.scale])],
    "a tensor's name": lambda net: "doubled:0",
    "an operation's name": lambda net: ["doubled"],
    "an operation": lambda net: net.doubled.op,
    "operations and tensors": lambda net: [net.total.op, net.doubled, net.doubled.op],
    "the same twice": lambda net: [net.doubled, net.total, net.doubled, net.total.op, net.total.op],
    "a variable": lambda net: net.variable,
    "variables": lambda net: [net.variable, net.reference, net.reference],
    "nothing": lambda net: [],
    "no dict": lambda net: {},
    "what is fed": lambda net: [net.x, net.doubled],
    "what has a default": lambda net: [net.scale, net.flag],
    "bytes": lambda net: net.word,
    "no rows": lambda net: [net.empty],
    "complex numbers": lambda net: net.complex,
    "short floats": lambda net: net.half,
    "a sparse tensor": lambda net: [net.sparse, net.total],
    "by name from the graph": lambda net: net.graph.get_tensor_by_name("x:0"),
    # Errors.
    "None": lambda net: None,
    "a list with None": lambda net: [net.doubled, None],
    "a number": lambda net: 3,
    "an unknown name": lambda net: "unknown:0",
    "of another graph": lambda net: net.foreign,
    "with one of another graph": lambda net: [net.doubled, net.foreign],
    # Errors that come up while the graph runs name the node, and the line of the script.
    "infinite": lambda net: [net.checked],
    "six numbers in rows of four": lambda net: net.reshaped,
    "not initialised": lambda net: net.uninitialised,
    "what may not be fetched": lambda net: net.not_fetched,
}
FEEDS = {
    "an array": lambda net: {net.x: IMAGES},
    "a list": lambda net: {net.x: [[1, 2, 3]]},
    "other integers": lambda net: {net.x: IMAGES.astype(np.int64)},
    "floats": lambda net: {net.x: IMAGES + 0.5},
    "too large a number": lambda net: {net.x: np.array([[300, 2, 3]])},
    "too large a number in a list": lambda net: {net.x: [[300, 2, 3]]},
    "negative numbers": lambda net: {net.x: -IMAGES.astype(np.int32)},
    "Fortran's order": lambda net: {net.x: np.asfortranarray(IMAGES)},
    "every second column": lambda net: {net.x: COLUMNS},
    "read-only": lambda net: {net.x: np.broadcast_to(np.uint8([1, 2, 3]), (2, 3))},
    "big-endian": lambda net: {net.x: IMAGES, net.scale: np.array(3, ">f4")},
    "objects": lambda net: {net.x: np.array([[1, 2, 3]], object)},
    "a masked array": lambda net: {net.x: np.ma.array(IMAGES)},
    "no rows": lambda net: {net.x: IMAGES[:0]},
    "a Python number": lambda net: {net.x: IMAGES, net.scale: 3},
    "NumPy's number": lambda net: {net.scale: np.float64(0.5), net.x: IMAGES},
    "an ordered dict": lambda net: collections.OrderedDict({net.x: IMAGES}),
    "by name": lambda net: {"x:0": IMAGES},
    "in the middle": lambda net: {net.doubled: IMAGES},
    "in the middle, with what is before": lambda net: {net.x: IMAGES, net.rows: IMAGES * 3},
    "a result": lambda net: {net.x: IMAGES, net.total: 5.0},
    # Errors.
    "rows of four": lambda net: {net.x: np.zeros([1, 4], np.uint8)},
    "a list of four": lambda net: {net.x: [[1, 2, 3, 4]]},
    "one axis more": lambda net: {net.x: np.zeros([1, 1, 3], np.uint8)},
    "one axis less": lambda net: {net.x: np.zeros([3], np.uint8)},
    "None": lambda net: {net.x: None},
    "a word": lambda net: {net.x: np.array([["a", "b", "c"]])},
    "a tensor": lambda net: {net.x: net.doubled},
    "an operation's name": lambda net: {"x": IMAGES},
    "a number as the key": lambda net: {3: IMAGES},
    "a list of pairs": lambda net: [(net.x, IMAGES)],
    "of another graph": lambda net: {net.x: IMAGES, net.foreign: 1.0},
    "nothing": lambda net: {},
    "no dict": lambda net: None,
    "what may not be fed": lambda net: {net.x: IMAGES, net.not_fed: IMAGES},
}
# Fetches and feeds of other nodes.
OTHERS = {
    **{
        f"flag {value!r}": lambda net, value=value: (net.opposite, {net.flag: value})
        for value in (True, False, 1, 0.0, np.True_, np.array(True), np.array([True]), "a", None)
    },
    "words": lambda net: (net.twice, {net.words: np.array(["a", "bc"])}),
    "objects": lambda net: (net.twice, {net.words: np.array([b"a\0", "ä"], object)}),
    "a list of words": lambda net: ([net.twice], {net.words: ["a", "b"]}),
    "labels": lambda net: (net.row, {net.labels: np.array([0, 2])}),
    "no such label": lambda net: (net.row, {net.labels: np.array([0, 5])}),
    "pixels": lambda net: ([net.pixels], {net.x: IMAGES.astype(np.float64)}),
    "an iterator and its end": lambda net: (net.next, None),
    "an assignment": lambda net: ([net.add, net.add.op], None),
}
CASES = {
    **{f"fetch {k}": lambda net, v=v: (v(net), {net.x: IMAGES}) for k, v in FETCHES.items()},
    **{f"feed {k}": lambda net, v=v: ([net.doubled, net.total], v(net)) for k, v in FEEDS.items()},
    **OTHERS,
}
