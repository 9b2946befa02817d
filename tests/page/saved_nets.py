"""Small nets of a learner's own, exported as the scripts export theirs."""

import json

from common.networks import Net
from common.run.inference import inference_graph

import numpy as np
import tensorflow.compat.v1 as tf

SHAPE = (9, 8)
NAMES = ("a", "b", "c")
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 72), np.uint8)


def numbers(*shape, low=-1.0):
    """Trained numbers: others for each shape."""
    shape = [int(size) for size in shape]
    random = np.random.default_rng(shape)
    return tf.Variable(random.uniform(low, 1, shape) / max(shape), dtype=tf.float32)


def conv(h, size, filters, strides=1, padding="SAME", **more):
    return tf.nn.conv2d(h, numbers(*size, h.shape[3], filters), strides, padding, **more)


def dense(h, neurons=3):
    h = tf.reshape(h, [-1, int(np.prod(h.shape.as_list()[1:]))])
    return tf.nn.bias_add(tf.matmul(h, numbers(h.shape[1], neurons)), numbers(neurons))


def save(folder, build, shape=SHAPE, names=NAMES, last=tf.nn.softmax, **note):
    """Save a net: build(float images [n, pixels], is_training) → scores."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.uint8, [None, shape[0] * shape[1]], name="x")
        training = tf.placeholder_with_default(False, [], name="is_training")
        y_pred = last(build(tf.cast(x, tf.float32) / 255, training))
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            net = Net(graph, x, None, None, None, y_pred, None, training)
            return write(folder, session, net, {"image_shape": shape, "class_names": names, **note})


def write(folder, session, net, note):
    """Write the net of a session as a run does; what `note` says stands beside it."""
    found = inference_graph(session, net)
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        ends = [found.images, found.probabilities]
        x, y_pred = tf.import_graph_def(found.graph, return_elements=ends, name="")
        ends = {"images": x}, {"probabilities": y_pred}
        tf.saved_model.simple_save(session, str(folder / "saved_model"), *ends)
    extra = folder / "saved_model" / "assets.extra"
    extra.mkdir()
    (extra / "classes.json").write_text(json.dumps(note))
    return folder
