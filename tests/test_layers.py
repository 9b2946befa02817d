"""common/layers.py against NumPy: forward, gradients, parameter counts, dropout."""

from common import layers
from common.run.progress import layer_table

import numpy as np
import pytest
import reference
import tensorflow.compat.v1 as tf


@pytest.fixture(autouse=True)
def graph():
    """A graph of its own for each test, with a seed."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(3)
        yield graph


def run(fetches, feed_dict=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def check_against_numpy(x, layer, variables, values, numpy_layer):
    """Compare a layer's output and its gradients for input and variables with NumPy's, to 1e-5."""
    factors = tf.placeholder(tf.float32)  # makes one number of the output, each entry with a weight
    gradients = tf.gradients(tf.reduce_sum(layer * factors), [x, *variables])
    numbers = np.random.default_rng(5)
    # Biases other than those that new_biases gives, so that a forgotten bias would show.
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in variables:
            shift = numbers.normal(0, 0.1, variable.shape.as_list())
            session.run(tf.assign_add(variable, tf.constant(shift, tf.float32)))
        arrays = [values, *session.run(variables)]
        output = session.run(layer, {x: values})
        weights = numbers.uniform(-1, 1, output.shape)
        results = session.run(gradients, {x: values, factors: weights})
    arrays = [array.astype(np.float64) for array in arrays]
    np.testing.assert_allclose(output, numpy_layer(*arrays), atol=1e-5)
    for array, result in zip(arrays, results, strict=True):
        expected = reference.gradient(lambda: (numpy_layer(*arrays) * weights).sum(), array)
        assert np.abs(expected).max() > 0.01  # or the comparison would prove nothing
        np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("use_relu", [True, False])
@pytest.mark.parametrize(("num_inputs", "num_outputs"), [(6, 5), (120, 2)])
def test_fc_layer_equals_numpy(graph, num_inputs, num_outputs, use_relu):
    values = np.random.default_rng(1).normal(size=(4, num_inputs)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, num_inputs])
    layer = layers.new_fc_layer(x, num_inputs, num_outputs, use_relu=use_relu)
    (row,) = layers.layers_of(graph)

    def numpy_layer(x, weights, biases):
        result = x @ weights + biases
        return reference.relu(result) if use_relu else result

    check_against_numpy(x, layer, [row.weights, row.biases], values, numpy_layer)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, reference.relu),
        ({"use_relu": True}, reference.relu),
        ({"use_relu": False}, lambda values: values),
        ({"activation": None}, lambda values: values),
        ({"activation": tf.tanh}, np.tanh),
        ({"activation": lambda layer: layer * 2}, lambda values: values * 2),
        ({"use_relu": False, "activation": tf.tanh}, lambda values: values),
    ],
)
def test_fc_layer_ends_with_its_activation(graph, options, expected):
    layer = layers.new_fc_layer(tf.constant([[1.0, -2, 3]]), 3, 50, **options)
    (row,) = layers.layers_of(graph)
    result, weights, biases = run([layer, row.weights, row.biases])
    np.testing.assert_allclose(result, expected([[1.0, -2, 3]] @ weights + biases), atol=1e-6)
    assert row.output is layer


def test_the_helpers_take_their_arguments_by_position_as_the_tutorial_does(graph):
    """Hvass, TensorFlow Tutorial #02: `use_pooling` and `use_relu` are the last ones."""
    images = tf.placeholder(tf.float32, [None, 28, 28, 1])
    conv1, weights_conv1 = layers.new_conv_layer(images, 1, 5, 16, True)
    conv2, weights_conv2 = layers.new_conv_layer(conv1, 16, 5, 36, False)
    flat, num_features = layers.flatten_layer(conv2)
    fc1 = layers.new_fc_layer(flat, num_features, 128, True)
    fc2 = layers.new_fc_layer(fc1, 128, 10, False)
    shapes = [layer.shape.as_list()[1:] for layer in (conv1, conv2, flat, fc1, fc2)]
    assert shapes == [[14, 14, 16], [14, 14, 36], [num_features], [128], [10]]
    assert num_features == 14 * 14 * 36
    assert weights_conv1.shape.as_list() == [5, 5, 1, 16]
    assert weights_conv2.shape.as_list() == [5, 5, 16, 36]
    assert [layer.op.type for layer in (fc1, fc2)] == ["Relu", "BiasAdd"]
    assert [row.name for row in layers.layers_of(graph)] == ["conv1", "conv2", "fc1", "fc2"]
    assert layers.new_weights([3, 4]).shape.as_list() == [3, 4]
    assert layers.new_biases(7).shape.as_list() == [7]


def test_a_dense_layer_is_a_matmul_and_a_bias_add(graph):
    layers.new_fc_layer(tf.placeholder(tf.float32, [None, 3]), 3, 2)
    types = [op.type for op in graph.get_operations()]
    assert (types.count("MatMul"), types.count("BiasAdd"), types.count("Relu")) == (1, 1, 1)


def test_output_sizes_of_convolutions():
    """SAME: ⌈in / stride⌉. VALID: ⌈(in − filter + 1) / stride⌉. Pooling halves, rounded up."""
    for size in range(3, 12):
        for filter_size in range(1, min(size, 5) + 1):
            sizes = {"SAME": size, "VALID": size - filter_size + 1}
            for padding, rows in sizes.items():
                for pooling, expected in (("none", rows), ("stride", -(-rows // 2))):
                    layer, _ = layers.new_conv_layer(
                        *(tf.zeros([1, size, size, 1]), 1, filter_size, 2),
                        pooling=pooling,
                        padding=padding,
                    )
                    assert layer.shape.as_list() == [1, expected, expected, 2]


@pytest.mark.parametrize("use_pooling", [True, False])
@pytest.mark.parametrize(("height", "width", "filter_size"), [(6, 6, 5), (5, 4, 3), (4, 5, 2)])
def test_conv_layer_equals_numpy(graph, use_pooling, height, width, filter_size):
    values = np.random.default_rng(2).normal(size=(2, height, width, 3)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, height, width, 3])
    layer, weights = layers.new_conv_layer(x, 3, filter_size, 4, use_pooling=use_pooling)
    (row,) = layers.layers_of(graph)
    assert weights is row.weights

    def numpy_layer(x, weights, biases):
        # In the textbook's order: bias and ReLU before pooling. The layer pools first.
        result = reference.relu(reference.convolution(x, weights) + biases)
        return reference.max_pool(result) if use_pooling else result

    check_against_numpy(x, layer, [row.weights, row.biases], values, numpy_layer)


@pytest.mark.parametrize("filter_size", [3, 2])
def test_a_depthwise_layer_is_a_convolution_that_mixes_no_channels(graph, filter_size):
    values = np.random.default_rng(2).normal(size=(2, 5, 4, 3)).astype(np.float32)
    x = tf.placeholder(tf.float32, [None, 5, 4, 3])
    layer = layers.new_depthwise_layer(x, 3, filter_size)
    (row,) = layers.layers_of(graph)
    assert (row.name, row.biases, row.num_parameters) == ("depthwise1", None, 3 * filter_size**2)
    assert row.multiply_adds == (6 - filter_size) * (5 - filter_size) * 3 * filter_size**2

    def numpy_layer(x, weights):
        filters = np.zeros((filter_size, filter_size, 3, 3))
        filters[:, :, range(3), range(3)] = weights[..., 0]
        before = (filter_size - 1) // 2  # of the zeros, which are cut off again
        padded = reference.convolution(x, filters)
        return padded[:, before : before + 6 - filter_size, before : before + 5 - filter_size]

    check_against_numpy(x, layer, [row.weights], values, numpy_layer)


def test_flatten_keeps_each_image_in_its_row():
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    flat, num_features = layers.flatten_layer(tf.constant(values))
    assert num_features == 60
    np.testing.assert_array_equal(run(flat), values.reshape(2, 60))


def test_new_weights_are_cut_at_two_sigma_and_biases_are_constant():
    weights, biases = run([layers.new_weights([200, 100]), layers.new_biases(7)])
    assert weights.dtype == biases.dtype == np.float32
    assert np.abs(weights).max() <= 0.1
    # A normal distribution of sigma 0.05 cut at 2 sigma has a standard deviation of 0.88 sigma.
    assert weights.std() == pytest.approx(0.88 * 0.05, rel=0.02)
    assert abs(weights.mean()) < 0.002
    np.testing.assert_array_equal(biases, np.full(7, 0.05, np.float32))


def new_values(seed):
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        return run([layers.new_weights([50]), layers.new_weights([50])])


def test_weights_are_a_function_of_the_seed():
    first, second = new_values(seed=1)
    again, _ = new_values(seed=1)
    other, _ = new_values(seed=2)
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert (first != other).any()


def test_without_a_seed_the_weights_differ():
    assert (new_values(seed=None)[0] != new_values(seed=None)[0]).any()


def dropped(step, is_training=True, seed=3, rate=0.3, size=100_000):
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        counter = tf.train.get_or_create_global_step()
        layer = layers.dropout(tf.ones([size]), rate, tf.constant(is_training))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(tf.assign(counter, step))
            return session.run(layer)


def test_dropout_drops_the_fraction_and_scales_the_rest():
    values = dropped(step=0)
    assert set(np.unique(values)) == {0, np.float32(1 / 0.7)}
    # The standard error of the fraction is 0.0015.
    assert (values == 0).mean() == pytest.approx(0.3, abs=0.006)


def test_dropout_does_nothing_when_the_net_is_used():
    np.testing.assert_array_equal(dropped(step=0, is_training=False), np.ones(100_000))


def test_dropout_is_a_function_of_seed_and_step():
    np.testing.assert_array_equal(dropped(step=5), dropped(step=5))
    others = [dropped(step=6), dropped(step=5, seed=4)]
    for other in others:
        # Independent draws agree in 0.3 · 0.3 + 0.7 · 0.7 = 58 % of the places.
        assert (dropped(step=5) == other).mean() == pytest.approx(0.58, abs=0.01)


def test_two_dropout_layers_drop_different_neurons():
    ones = tf.ones([10_000])
    training = tf.constant(True)
    first, second = run([layers.dropout(ones, 0.5, training) for _ in range(2)])
    assert (first == second).mean() == pytest.approx(0.5, abs=0.03)


def test_dropout_of_nothing_adds_nothing_to_the_graph():
    ones = tf.ones([3])
    assert layers.dropout(ones, 0, tf.constant(True)) is ones


def test_the_table_of_layers_lists_every_layer_with_its_parameters(graph):
    x = tf.zeros([1, 28, 28, 1])
    layer, _ = layers.new_conv_layer(x, 1, 5, 16)
    layer, num_features = layers.flatten_layer(layer)
    layers.new_fc_layer(layer, num_features, 10, use_relu=False)
    assert [line.split() for line in layer_table(graph).splitlines()] == [
        ["conv1", "14", "×", "14", "×", "16", "416"],  # 5 · 5 · 1 · 16 + 16
        ["fc1", "10", "31,370"],  # 14 · 14 · 16 · 10 + 10
        ["total", "31,786"],
    ]


def test_multiply_adds_are_counted_before_pooling(graph):
    layers.new_conv_layer(tf.zeros([1, 28, 28, 3]), 3, 5, 16)
    layers.new_fc_layer(tf.zeros([1, 20]), 20, 10)
    assert [row.multiply_adds for row in layers.layers_of(graph)] == [
        28 * 28 * 5 * 5 * 3 * 16,
        20 * 10,
    ]


def test_layers_belong_to_their_graph(graph):
    layers.new_fc_layer(tf.zeros([1, 2]), 2, 3)
    with tf.Graph().as_default() as other:
        layers.new_fc_layer(tf.zeros([1, 2]), 2, 3)
    assert [len(layers.layers_of(g)) for g in (graph, other)] == [1, 1]
    assert layers.layers_of(other)[0].name == "fc1"
