"""common/run/patches.py: receptive fields, by changing single pixels, and patches by hand."""

from argparse import Namespace

import mnist_cnn
from common.data import DataSets, Split
from common.datasets.arrays import MNIST_CONVENTIONS
from common.layers import layers_of, new_conv_layer
from common.run.patches import Field, exciting_patches, has_receptive_field, receptive_field

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

NETWORKS = ["two-conv", "two-conv --pooling stride --batch-norm", "lenet5", "inception", "tiny"]


@pytest.mark.parametrize(
    ("change", "known"),
    [
        (tf.nn.relu, True),
        (lambda images: images[:, 8:, 8:], False),
        (lambda images: tf.image.resize_images(images, [14, 14]), False),
    ],
    ids=["ReLU", "cut", "resized"],
)
def test_a_receptive_field_is_not_known_behind_other_operations(change, known):
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 28, 28, 1])
        outputs, _ = new_conv_layer(change(images), 1, 5, 4)
        assert has_receptive_field(outputs) == known


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


CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def patches_of(images, filters, conventions=MNIST_CONVENTIONS, **options):
    """The patches of a layer with these filters [filters, 3, 3], for images [n, 9, 9]."""
    split = Split(images.reshape(-1, 81), np.zeros(len(images), np.int32))
    data = DataSets(split, split, split, (9, 9), ("a", "b"), conventions)
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        x = tf.placeholder(tf.uint8, [None, 81])
        pixels = tf.reshape(tf.cast(x, tf.float32), [-1, 9, 9, 1])
        _, weights = new_conv_layer(pixels, 1, 3, len(filters), use_pooling=False, **options)
        (layer,) = layers_of(graph)
        session.run(tf.global_variables_initializer())
        session.run(tf.assign(weights, np.stack(filters, axis=-1)[:, :, None]))
        session.run(tf.assign(layer.biases, np.zeros(len(filters))))
        session.state = Namespace(net=Namespace(x=x))
        return exciting_patches(session, layer, data)


def test_the_patches_are_those_with_the_largest_outputs():
    images = np.zeros((6, 9, 9), np.uint8)
    places = {4: (0, 0, 200), 1: (5, 2, 250), 3: (6, 6, 100), 2: (3, 3, 50), 0: (1, 4, 20)}
    for k, (top, left, ink) in places.items():
        images[k, top : top + 3, left : left + 3] = ink * CROSS
    patches = patches_of(images, [CROSS - 0.5, np.full((3, 3), -1.0)])
    assert patches.shape == (2, 4, 3, 3)
    for patch, k in zip(patches[0], (1, 4, 3, 2), strict=True):
        np.testing.assert_array_equal(patch, images[k].max() * CROSS)
    assert np.isnan(patches[1]).all()  # a filter that answers nowhere


@pytest.mark.parametrize("activation", [None, tf.nn.relu, tf.nn.leaky_relu, tf.nn.elu])
def test_a_filter_has_patches_unless_its_outputs_are_constant(activation):
    """Also of a single image, with a weak filter beside a strong one."""
    images = np.zeros((1, 9, 9), np.uint8)
    images[0, 3:6, 3:6] = 100 * CROSS
    patches = patches_of(images, [CROSS, CROSS / 99, 0 * CROSS], activation=activation)
    for k in range(2):
        np.testing.assert_array_equal(patches[k, 0], 100 * CROSS)
        assert np.isnan(patches[k, 1:]).all()
    assert np.isnan(patches[2]).all()


def test_outside_dark_on_light_images_is_light():
    """This filter is excited most where two of its pixels are outside, in the first corner."""
    images = np.full((1, 9, 9), 255, np.uint8)
    dark = MNIST_CONVENTIONS._replace(polarity="dark on light")
    for conventions, outside in (dark, 255), (MNIST_CONVENTIONS, 0):
        patch = patches_of(images, [-1.0 * CROSS], conventions, activation=None)[0, 0]
        expected = np.full((3, 3), 255)
        expected[0] = expected[:, 0] = outside
        np.testing.assert_array_equal(patch, expected)
