"""common/run/patches.py: receptive fields, by changing single pixels, and patches by hand."""

from argparse import Namespace

import mnist_cnn
from common.data import DataSets, Split
from common.layers import layers_of, new_conv_layer
from common.run.patches import Field, exciting_patches, receptive_field

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

NETWORKS = ["two-conv", "two-conv --pooling stride --batch-norm", "lenet5", "inception", "tiny"]


@pytest.mark.parametrize("flags", NETWORKS)
def test_a_receptive_field_is_where_a_pixel_changes_an_output(flags):
    settings = mnist_cnn.read_settings(["--network", *flags.split()])
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.set_random_seed(0)
        images = tf.placeholder(tf.float32, [None, 28, 28, 1])
        mnist_cnn.NETWORKS[settings.network](images, settings, tf.constant(False))
        session.run(tf.global_variables_initializer())
        layers = [layer for layer in layers_of(graph) if layer.weights.shape.rank == 4]
        # With weights above zero no change is lost in a ReLU or in another pixel's maximum.
        session.run([tf.assign(one.weights, tf.abs(one.weights)) for one in layers])
        lit = np.zeros((57, 28, 28, 1))  # nothing, each of the rows, each of the columns
        lit[range(1, 29), range(28)] = 100
        lit[range(29, 57), :, range(28)] = 100
        for layer in layers:
            outputs = session.run(layer.output, {images: lit})[..., 0]
            rows, columns = receptive_field(layer.output)
            changed = np.abs(outputs[1:] - outputs[0]) > 1e-6
            for k in range(outputs.shape[1]):
                start = rows.start + k * rows.step
                expected = set(range(start, start + rows.size)) & set(range(28))
                assert set(np.flatnonzero(changed[:28, k, 0])) == expected
                assert set(np.flatnonzero(changed[28:, 0, k])) == expected
            assert rows == columns


def test_the_receptive_field_of_the_cnn_by_hand():
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 28, 28, 1])
        settings = mnist_cnn.read_settings([])
        mnist_cnn.two_conv(images, settings, tf.constant(False))
        first, second, _ = layers_of(tf.get_default_graph())
    # 5 + 1 pixels, two pixels apart; then 4 · 2 more of the convolution and 2 of the pooling.
    assert receptive_field(first.output) == 2 * (Field(6, 2, -2),)
    assert receptive_field(second.output) == 2 * (Field(16, 4, -6),)


def test_gaps_between_weights_and_padding_by_numbers():
    with tf.Graph().as_default():
        images, weights = tf.placeholder(tf.float32, [None, 28, 28, 1]), tf.zeros([3, 3, 1, 1])
        first = tf.nn.conv2d(images, weights, padding="SAME", dilations=[1, 2, 3, 1])
        assert receptive_field(first) == (Field(5, 1, -2), Field(7, 1, -3))
        second = tf.nn.conv2d(first, weights, padding=[[0, 0], [2, 1], [0, 3], [0, 0]])
        assert receptive_field(second) == (Field(7, 1, -4), Field(9, 1, -3))


def test_the_patches_are_those_with_the_largest_outputs():
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    images = np.zeros((6, 9, 9), np.uint8)
    places = {4: (0, 0, 200), 1: (5, 2, 250), 3: (6, 6, 100), 2: (3, 3, 50), 0: (1, 4, 20)}
    for k, (top, left, ink) in places.items():
        images[k, top : top + 3, left : left + 3] = ink * cross
    split = Split(images.reshape(6, 81), np.zeros(6, np.int32))
    data = DataSets(split, split, split, (9, 9), ("a", "b"))
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        x = tf.placeholder(tf.uint8, [None, 81])
        pixels = tf.reshape(tf.cast(x, tf.float32), [-1, 9, 9, 1])
        _, weights = new_conv_layer(pixels, 1, 3, 2, use_pooling=False)
        (layer,) = layers_of(graph)
        session.run(tf.global_variables_initializer())
        filters = np.stack([cross - 0.5, np.full((3, 3), -1.0)], axis=-1)[:, :, None]
        session.run([tf.assign(weights, filters), tf.assign(layer.biases, [0.0, 0.0])])
        session.state = Namespace(net=Namespace(x=x))
        patches = exciting_patches(session, layer, data)
    assert patches.shape == (2, 4, 3, 3)
    for patch, k in zip(patches[0], (1, 4, 3, 2), strict=True):
        np.testing.assert_array_equal(patch, images[k].max() * cross)
    assert np.isnan(patches[1]).all()  # a filter that answers nowhere
