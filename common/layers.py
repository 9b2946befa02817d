"""Arrays → tensors: the layers that the three scripts are built from.

Each helper adds its operations to the default graph, and notes the new layer in a collection that
`layers_of` reads. The helpers and their signatures follow Hvass, TensorFlow Tutorial #02.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf

# Collections of a graph: see Layer, new_seed and BatchMoments.
LAYERS, SEEDS, MOMENTS = "layers", "seeds", "moments"
# The first number of a step's pair of seeds. Seeds of runs are below 2³¹.
STEP_SEEDS, MAX_RANDOM_OPERATIONS = 2**52, 2**20

Activation = Callable[[tf.Tensor], tf.Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "elu": tf.nn.elu,
    "softplus": tf.nn.softplus,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "none": tf.identity,
}


def _pool(function: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    # An odd last row or column is pooled by itself (SAME).
    return lambda layer: function(layer, ksize=2, strides=2, padding="SAME")


# Ways to halve height and width. With "stride" the convolution leaves out every second position.
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
    biases: tf.Variable | None
    multiply_adds: int  # multiplications by a weight, each with an addition, for one image

    @property
    def num_parameters(self) -> int:
        """Trained numbers in this layer."""
        variables = [self.weights] if self.biases is None else [self.weights, self.biases]
        return sum(variable.shape.num_elements() for variable in variables)


class BatchMoments(NamedTuple):
    """Mean and variance of a layer over a mini-batch, as batch normalisation computes them."""

    layer: tf.Tensor
    axes: list[int]
    mean: tf.Tensor
    variance: tf.Tensor


def layers_of(graph: tf.Graph) -> list[Layer]:
    """Return the layers of `graph` in the order in which they were built."""
    return graph.get_collection(LAYERS)


def find_global_step() -> tf.Variable:
    """Return the count of steps of the default graph: the script's own one, or a new variable."""
    steps = tf.get_default_graph().get_collection_ref(tf.GraphKeys.GLOBAL_STEP)
    if not steps:
        steps += [v for v in tf.global_variables() if v.op.name == "global_step"][:1]
    return tf.train.get_or_create_global_step()


def new_seed() -> list[int]:
    """Return a new pair of seeds for the default graph's next random operation.

    The first number is the graph's seed (`tf.set_random_seed`), or random without one; the second
    counts the pairs returned so far. A random operation of the `stateless` kind turns a pair into
    the same numbers every time, on every machine.
    """
    graph = tf.get_default_graph()
    seed = graph.seed if graph.seed is not None else secrets.randbits(31)
    count = len(graph.get_collection(SEEDS))
    graph.add_to_collection(SEEDS, count)
    return [seed, count]


def seed_of_step(seed: list[int]) -> tf.Tensor:
    """Return a pair of seeds, int64 [2], that is a different one in each step of the training.

    No two of (seed, operation, step) have the same pair, and none has a pair of `new_seed`.
    """
    graph_seed, count = seed
    first = STEP_SEEDS + graph_seed * MAX_RANDOM_OPERATIONS + count
    return tf.stack([tf.constant(first, tf.int64), tf.cast(find_global_step(), tf.int64)])


def new_weights(shape: list[int]) -> tf.Variable:
    """Return a float32 variable of `shape`, drawn from a normal distribution cut at 2 σ = 0.1.

    Random, because neurons with equal weights stay equal; small, as large logits saturate softmax.
    """
    initial = tf.random.stateless_truncated_normal(shape, seed=new_seed(), stddev=0.05)
    return tf.Variable(initial, name="weights")


def new_biases(length: int) -> tf.Variable:
    """Return a float32 variable [length], all 0.05: each ReLU has a gradient at the start."""
    return tf.Variable(tf.constant(0.05, shape=[length]), name="biases")


def new_conv_layer(
    input: tf.Tensor,
    num_input_channels: int,
    filter_size: int,
    num_filters: int,
    use_pooling: bool = True,
    *,
    pooling: str = "max",
    activation: Activation | None = tf.nn.relu,
    activate_first: bool = False,
    padding: str = "SAME",
    use_biases: bool = True,
) -> tuple[tf.Tensor, tf.Variable]:
    """Add a convolution with 2 × 2 max-pooling and ReLU.

    Args:
        input: float32 [n, height, width, num_input_channels].
        num_input_channels: channels of `input`.
        filter_size: height and width of each filter, in pixels.
        num_filters: number of filters, which is the number of output channels.
        use_pooling: halve height and width.
        pooling: how, a key of POOLINGS. The default keeps the largest of each 2 × 2 square.
        activation: what is applied after the bias; None for nothing.
        activate_first: activate before pooling, not after it.
        padding: SAME puts zeros around the image, which keeps its height and width; VALID does not,
            and filter_size − 1 rows and columns are lost.
        use_biases: a bias before a batch normalisation has no effect, and may be left out.

    Returns:
        the layer, float32 [n, ⌈height/2⌉, ⌈width/2⌉, num_filters] (the full size without pooling),
        and its weights [filter_size, filter_size, num_input_channels, num_filters].
    """
    pooling = pooling if use_pooling else "none"
    activation = activation or tf.identity
    with tf.name_scope(_next_name("conv")) as scope:
        weights = new_weights([filter_size, filter_size, num_input_channels, num_filters])
        biases = new_biases(num_filters) if use_biases else None
        offset = biases if use_biases else tf.zeros([num_filters])
        stride = 2 if pooling == "stride" else 1
        layer = tf.nn.conv2d(input, weights, strides=stride, padding=padding)
        positions = math.prod(layer.shape.as_list()[1:3])
        if activate_first:
            layer = POOLINGS[pooling](activation(tf.nn.bias_add(layer, offset)))
        else:
            # Pool first: the largest of four stays the largest when the same bias is added to all
            # four and when ReLU cuts them at zero. So bias and ReLU are needed for a quarter of
            # the numbers only.
            layer = activation(tf.nn.bias_add(POOLINGS[pooling](layer), offset))
        _note_layer(scope, layer, weights, biases, positions)
    return layer, weights


def new_depthwise_layer(input: tf.Tensor, num_channels: int, filter_size: int) -> tf.Tensor:
    """Add one filter for each channel, without biases; `new_conv_layer` may mix the channels then.

    With filters of 1 × 1 there, the two are a separable convolution (Chollet, "Xception", 2016,
    arXiv 1610.02357): far fewer weights than in filters that see all channels. Returns, for `input`
    float32 [n, height, width, num_channels], the same without filter_size − 1 rows and columns.
    """
    with tf.name_scope(_next_name("depthwise")) as scope:
        weights = new_weights([filter_size, filter_size, num_channels, 1])
        layer = tf.nn.depthwise_conv2d(input, weights, strides=[1, 1, 1, 1], padding="VALID")
        _note_layer(scope, layer, weights, None, math.prod(layer.shape.as_list()[1:3]))
    return layer


def flatten_layer(layer: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Put each image's numbers into one row, as a fully-connected layer needs them.

    Returns, for `layer` [n, height, width, channels], the same numbers as [n, num_features], and
    num_features = height · width · channels.
    """
    num_features = math.prod(layer.shape.as_list()[1:])
    return tf.reshape(layer, [-1, num_features]), num_features


def average_layer(layer: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Reduce each feature map to its mean: how much of the pattern there is, at any position.

    Returns, for `layer` [n, height, width, channels], the means [n, channels], and channels.
    """
    return tf.reduce_mean(layer, axis=[1, 2]), layer.shape.as_list()[-1]


def new_fc_layer(
    input: tf.Tensor,
    num_inputs: int,
    num_outputs: int,
    use_relu: bool = True,
    *,
    activation: Activation | None = tf.nn.relu,
) -> tf.Tensor:
    """Add a fully-connected layer: input · weights + biases, then the activation.

    Args:
        input: float32 [n, num_inputs].
        num_inputs: numbers in each row of `input`.
        num_outputs: number of neurons. The result is float32 [n, num_outputs].
        use_relu: False means the same as `activation=None`.
        activation: what is applied at the end; None for nothing. Without an activation between
            them, several layers can compute no more than one.
    """
    with tf.name_scope(_next_name("fc")) as scope:
        weights = new_weights([num_inputs, num_outputs])
        biases = new_biases(num_outputs)
        layer = tf.nn.bias_add(tf.matmul(input, weights), biases)
        if use_relu and activation is not None:
            layer = activation(layer)
        _note_layer(scope, layer, weights, biases)
    return layer


def batch_norm(layer: tf.Tensor, is_training: tf.Tensor) -> tf.Tensor:
    """Normalise each channel to mean 0 and variance 1, then scale and shift it by trained numbers.

    While training (`is_training`, a bool scalar) mean and variance are those of the mini-batch.
    Otherwise they are moving averages, which the train step updates (the graph's UPDATE_OPS).
    `layer` is float32, channels last.

    Source: Ioffe and Szegedy, "Batch normalization", 2015 (arXiv 1502.03167).
    """
    channels = layer.shape.as_list()[-1]
    with tf.name_scope(_next_name("norm")) as scope:
        scale = tf.Variable(tf.ones([channels]), name="scale")
        offset = tf.Variable(tf.zeros([channels]), name="offset")
        moving_mean = tf.Variable(tf.zeros([channels]), trainable=False, name="mean")
        moving_variance = tf.Variable(tf.ones([channels]), trainable=False, name="variance")
        axes = list(range(layer.shape.ndims - 1))
        batch_mean, batch_variance = tf.nn.moments(layer, axes)
        for average, current in ((moving_mean, batch_mean), (moving_variance, batch_variance)):
            update = tf.assign_sub(average, 0.1 * (average - current))
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        tf.add_to_collection(MOMENTS, BatchMoments(layer, axes, batch_mean, batch_variance))
        mean = tf.where(is_training, batch_mean, moving_mean)
        variance = tf.where(is_training, batch_variance, moving_variance)
        normal = tf.nn.batch_normalization(layer, mean, variance, offset, scale, 1e-3)
        # In use it is one more scale and offset, which the layer before it can absorb.
        _note_layer(scope, normal, scale, offset, positions=0)
    return normal


def dropout(layer: tf.Tensor, rate: float, is_training: tf.Tensor) -> tf.Tensor:
    """Set a random fraction of the numbers to 0 while training; change nothing otherwise.

    The rest is divided by (1 − rate), so that the expected sum stays the same. Which numbers are
    dropped in step k depends on the graph's seed and on k alone, so that a resumed run drops the
    same ones. `layer` is float32 of any shape, 0 ≤ `rate` < 1, `is_training` a bool scalar.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.
    """
    if rate == 0:
        return layer
    return tf.nn.experimental.stateless_dropout(
        layer, rate=rate * tf.cast(is_training, tf.float32), seed=seed_of_step(new_seed())
    )


def _next_name(kind: str) -> str:
    """Return conv1, conv2, … or fc1, fc2, …: the next free name of this kind in the graph."""
    names = [layer.name.rpartition("/")[2] for layer in layers_of(tf.get_default_graph())]
    taken = sum(name.rstrip("0123456789") == kind for name in names)
    return f"{kind}{taken + 1}"


def _note_layer(
    scope: str,
    output: tf.Tensor,
    weights: tf.Variable,
    biases: tf.Variable | None,
    positions: int = 1,
) -> None:
    """Note a layer whose weights are used once at each of so many positions."""
    multiply_adds = positions * math.prod(weights.shape.as_list())
    tf.add_to_collection(LAYERS, Layer(scope.rstrip("/"), output, weights, biases, multiply_adds))
