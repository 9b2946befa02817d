"""Arrays → tensors: the layers that the three scripts are built from.

Each helper adds its operations to the default graph and notes the new layer in that graph's
collection, so that whoever gets the graph can list its layers (`layers_of`) without being told.

The helpers and their signatures follow Hvass, TensorFlow Tutorial #02.
"""

from __future__ import annotations

import math
import secrets
from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf

LAYERS = "layers"
SEEDS = "seeds"
TALL = 50  # times as many rows as columns

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "softplus": tf.nn.softplus,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "none": tf.identity,
}


def _pool(function: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    # An odd last row or column is pooled by itself (SAME).
    return lambda layer: function(layer, ksize=2, strides=2, padding="SAME")


# Ways to halve height and width. With "stride" the convolution itself leaves out every second row
# and column.
POOLINGS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "max": _pool(tf.nn.max_pool2d),
    "average": _pool(tf.nn.avg_pool2d),
    "stride": tf.identity,
    "none": tf.identity,
}


class Layer(NamedTuple):
    """One row of the network's description."""

    name: str
    output: tf.Tensor
    weights: tf.Variable  # of batch normalisation: the scales
    biases: tf.Variable
    multiply_adds: int  # multiplications by a weight, each with an addition, for one image

    @property
    def num_parameters(self) -> int:
        """Trained numbers in this layer."""
        return sum(math.prod(variable.shape.as_list()) for variable in (self.weights, self.biases))


def layers_of(graph: tf.Graph) -> list[Layer]:
    """Return the layers of `graph` in the order in which they were built."""
    return graph.get_collection(LAYERS)


def new_seed() -> list[int]:
    """Return a new pair of seeds for the default graph's next random operation.

    The first number is the graph's own seed (`tf.set_random_seed`), the second counts the pairs
    handed out so far. Random operations of the `stateless` kind turn the pair into the same
    numbers every time, on every machine: where two runs differ, it is not by chance. Without
    `tf.set_random_seed` the first number is drawn afresh.
    """
    graph = tf.get_default_graph()
    seed = graph.seed if graph.seed is not None else secrets.randbits(31)
    count = len(graph.get_collection(SEEDS))
    graph.add_to_collection(SEEDS, count)
    return [seed, count]


def seed_of_step(seed: list[int]) -> tf.Tensor:
    """Return a pair of seeds, int64 [2], which is another one in each step of the training."""
    graph_seed, count = seed
    step = tf.train.get_or_create_global_step()
    # Two numbers must name three things. Nets are far from 1,000 random operations deep.
    return tf.stack([tf.constant(graph_seed * 1000 + count, tf.int64), step])


def new_weights(shape: list[int]) -> tf.Variable:
    """Return a float32 variable of `shape`, drawn from a normal distribution cut at 2 σ = 0.1.

    Random, because neurons that start equal stay equal; small, because large inputs saturate the
    softmax.
    """
    return tf.Variable(
        tf.random.stateless_truncated_normal(shape, seed=new_seed(), stddev=0.05), name="weights"
    )


def new_biases(length: int) -> tf.Variable:
    """Return a float32 variable of shape [length], all 0.05.

    Slightly above zero, so that every ReLU starts on its live side.
    """
    return tf.Variable(tf.constant(0.05, shape=[length]), name="biases")


def new_conv_layer(
    input: tf.Tensor,
    num_input_channels: int,
    filter_size: int,
    num_filters: int,
    use_pooling: bool = True,
    *,
    pooling: str = "max",
    activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
    activate_first: bool = False,
    padding: str = "SAME",
) -> tuple[tf.Tensor, tf.Variable]:
    """Add a convolution with ReLU and, unless told otherwise, 2×2 max-pooling.

    Args:
        input: float32 [n, height, width, num_input_channels].
        num_input_channels: channels of `input`.
        filter_size: height and width of each filter, in pixels.
        num_filters: number of filters, which is the number of output channels.
        use_pooling: halve height and width.
        pooling: how, a key of POOLINGS: by default, keep the largest of each 2×2 square.
        activation: what comes after the bias.
        activate_first: activate before pooling, not after it.
        padding: SAME puts zeros around the image, which keeps its height and width; VALID does not,
            and filter_size − 1 rows and columns are lost.

    Returns:
        the layer, float32 [n, ⌈height/2⌉, ⌈width/2⌉, num_filters] (the full size without pooling),
        and its weights [filter_size, filter_size, num_input_channels, num_filters].
    """
    pooling = pooling if use_pooling else "none"
    with tf.name_scope(_next_name("conv")) as scope:
        weights = new_weights([filter_size, filter_size, num_input_channels, num_filters])
        biases = new_biases(num_filters)
        stride = 2 if pooling == "stride" else 1
        layer = tf.nn.conv2d(input, weights, strides=stride, padding=padding)
        positions = math.prod(layer.shape.as_list()[1:3])
        if activate_first:
            layer = POOLINGS[pooling](activation(tf.nn.bias_add(layer, biases)))
        else:
            # Pool first: the largest of four stays the largest when the same bias is added to all
            # four and when ReLU cuts them at zero, so both can wait until three quarters of the
            # numbers are gone.
            layer = activation(tf.nn.bias_add(POOLINGS[pooling](layer), biases))
        _note_layer(scope, layer, weights, biases, positions)
    return layer, weights


def flatten_layer(layer: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Lay each image's numbers in one row, as a fully-connected layer wants them.

    Args:
        layer: [n, height, width, channels].

    Returns:
        the same numbers as [n, num_features], and num_features = height · width · channels.
    """
    num_features = math.prod(layer.shape.as_list()[1:])
    return tf.reshape(layer, [-1, num_features]), num_features


def average_layer(layer: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Reduce each feature map to its mean: how much of the pattern there is, wherever it is.

    Args:
        layer: [n, height, width, channels].

    Returns:
        [n, channels], and channels.
    """
    return tf.reduce_mean(layer, axis=[1, 2]), layer.shape.as_list()[-1]


def new_fc_layer(
    input: tf.Tensor,
    num_inputs: int,
    num_outputs: int,
    use_relu: bool = True,
) -> tf.Tensor:
    """Add a fully-connected layer: input · weights + biases, then ReLU unless told otherwise.

    Args:
        input: float32 [n, num_inputs].
        num_inputs: numbers in each row of `input`.
        num_outputs: neurons, which is the numbers in each row of the result.
        use_relu: cut the result at zero. Without it, stacked layers are no more than one.

    Returns:
        float32 [n, num_outputs].
    """
    with tf.name_scope(_next_name("fc")) as scope:
        weights = new_weights([num_inputs, num_outputs])
        biases = new_biases(num_outputs)
        layer = tf.nn.bias_add(_product(input, weights), biases)
        if use_relu:
            layer = tf.nn.relu(layer)
        _note_layer(scope, layer, weights, biases)
    return layer


def _product(input: tf.Tensor, weights: tf.Variable) -> tf.Tensor:
    """Return input · weights."""
    num_inputs, num_outputs = weights.shape.as_list()
    # Tall and narrow weights, such as the 784 × 10 of softmax regression, leave most of a vector
    # register empty in a matrix product. An einsum is the same sum over i, but TensorFlow computes
    # it in another order, and its gradient with the roles of rows and columns exchanged.
    if num_inputs > TALL * num_outputs:
        return tf.einsum("ni,io->no", input, weights)
    return tf.matmul(input, weights)


def batch_norm(layer: tf.Tensor, is_training: tf.Tensor) -> tf.Tensor:
    """Shift and scale each channel to mean 0 and variance 1, then as the net learns to.

    While training, mean and variance are the mini-batch's, or of each part of it where it is
    divided (halves.py, replicas.py); otherwise they are moving averages of those, which the train
    step keeps up to date (the graph's UPDATE_OPS).

    Args:
        layer: float32, channels last.
        is_training: bool, a scalar.

    Source: Ioffe and Szegedy, "Batch normalization", 2015 (arXiv 1502.03167).
    """
    channels = layer.shape.as_list()[-1]
    with tf.name_scope(_next_name("norm")) as scope:
        scale = tf.Variable(tf.ones([channels]), name="scale")
        offset = tf.Variable(tf.zeros([channels]), name="offset")
        usual_mean = tf.Variable(tf.zeros([channels]), trainable=False, name="mean")
        usual_variance = tf.Variable(tf.ones([channels]), trainable=False, name="variance")
        mean, variance = tf.nn.moments(layer, axes=list(range(layer.shape.ndims - 1)))
        for usual, current in ((usual_mean, mean), (usual_variance, variance)):
            update = tf.assign_sub(usual, 0.1 * (usual - current))
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        mean = tf.where(is_training, mean, usual_mean)
        variance = tf.where(is_training, variance, usual_variance)
        layer = tf.nn.batch_normalization(layer, mean, variance, offset, scale, 1e-3)
        # In use it is one more scale and offset, which the layer before it can absorb.
        _note_layer(scope, layer, scale, offset, positions=0)
    return layer


def activate(layer: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tf.Tensor:
    """Finish a hidden layer: batch normalisation where it is asked for, then the activation.

    Args:
        layer: float32 [n, neurons] or [n, height, width, channels], without activation.
        settings: `batch_norm` and `activation`.
        is_training: bool, a scalar.
    """
    if settings.batch_norm:
        layer = batch_norm(layer, is_training)
    return ACTIVATIONS[settings.activation](layer)


def dropout(layer: tf.Tensor, rate: float, is_training: tf.Tensor) -> tf.Tensor:
    """Set a random share of the numbers to 0 while training; change nothing otherwise.

    The rest is divided by (1 − rate), so that the sum stays about the same. Which ones fall in
    step k depends on the graph's seed and on k alone, so a resumed run drops what the run that
    was interrupted would have dropped.

    Args:
        layer: float32, any shape.
        rate: the share to drop, 0 ≤ rate < 1.
        is_training: bool, a scalar.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.
    """
    if rate == 0:
        return layer
    return tf.nn.experimental.stateless_dropout(
        layer, rate=rate * tf.cast(is_training, tf.float32), seed=seed_of_step(new_seed())
    )


def describe(graph: tf.Graph) -> str:
    """Return a table of the graph's layers: name, output shape, parameters, and their total."""
    layers = layers_of(graph)
    rows = [
        (layer.name, " × ".join(map(str, layer.output.shape.as_list()[1:])), layer.num_parameters)
        for layer in layers
    ]
    rows.append(("total", "", sum(layer.num_parameters for layer in layers)))
    return "\n".join(f"  {name:<8}{shape:>14}{count:>12,}" for name, shape, count in rows)


def _next_name(kind: str) -> str:
    """Return conv1, conv2, … or fc1, fc2, …: the next free name of this kind in the graph."""
    names = [layer.name.rpartition("/")[2] for layer in layers_of(tf.get_default_graph())]
    taken = sum(name.rstrip("0123456789") == kind for name in names)
    return f"{kind}{taken + 1}"


def _note_layer(
    scope: str, output: tf.Tensor, weights: tf.Variable, biases: tf.Variable, positions: int = 1
) -> None:
    """Note a layer whose weights are used once at each of so many positions."""
    multiply_adds = positions * math.prod(weights.shape.as_list())
    tf.add_to_collection(LAYERS, Layer(scope.rstrip("/"), output, weights, biases, multiply_adds))
