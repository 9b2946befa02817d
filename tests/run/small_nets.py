"""Small nets: how they are exported, and whether the graph of use answers as they do."""

from common.networks import Net
from common.run.inference import inference_graph

import numpy as np
import tensorflow.compat.v1 as tf

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 36), np.uint8)


def numbers(*shape, low=-1.0):
    """Trained numbers, some of them negative."""
    return tf.Variable(np.random.default_rng(1).uniform(low, 1, shape), dtype=tf.float32)


def dense(layer, size=5):
    width = layer.shape[1]
    return tf.nn.bias_add(tf.matmul(layer, numbers(width, size)), numbers(size))


def graph_of(build, x_from=None):
    """The net of such a function, in a new graph."""
    with tf.Graph().as_default() as graph:
        x = x_from() if x_from else tf.placeholder(tf.uint8, [None, 36], name="x")
        training = tf.placeholder_with_default(False, [], name="is_training")
        y_pred = tf.nn.softmax(build(tf.cast(x, tf.float32) / 255, training), name="y_pred")
    return Net(graph, x, None, None, None, y_pred, None, training)


def answers(graph_def, images, probabilities):
    """What a graph makes of the images."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        return session.run(probabilities, {images: IMAGES})


def export(build, x_from=None):
    """The graph of use, what it answers, and what the net answers."""
    net = graph_of(build, x_from)
    with tf.Session(graph=net.graph) as session:
        with net.graph.as_default():
            session.run(tf.global_variables_initializer())
        found = inference_graph(session, net)
        expected = session.run(net.y_pred, {net.x: IMAGES})
    return found, answers(*found[:3]), expected


def check(build, x_from=None):
    """Compare the answers; return the operations of the graph of use, without its first and last.

    It has one placeholder, no function, and nothing random.
    """
    found, new, old = export(build, x_from)
    np.testing.assert_allclose(new, old, rtol=0, atol=2e-6)
    assert not found.random
    assert not found.graph.library.function
    operations = [node.op for node in found.graph.node if node.op not in ("Const", "Reshape")]
    assert operations.count("Placeholder") == 1
    for usual in ("Placeholder", "Cast", "Softmax"):
        operations.remove(usual)
    assert operations[0] == "Mul"  # by 1/255
    return operations[1:]
