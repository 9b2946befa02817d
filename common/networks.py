"""The record that `build_graph` returns, and other convolutional networks to compare.

Each network is a function of a few lines: it takes the images and the settings and returns the last
hidden layer, from which the script computes the logits.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from common.layers import (
    ACTIVATIONS,
    Activation,
    average_layer,
    batch_norm,
    dropout,
    flatten_layer,
    new_conv_layer,
    new_depthwise_layer,
    new_fc_layer,
)
from common.run.own import without_padding

import tensorflow.compat.v1 as tf


@dataclass
class Net:
    """A graph, and those of its nodes that are fed or fetched by name.

    A script may add others afterwards: `net.accuracy = accuracy`.
    """

    graph: tf.Graph
    x: tf.Tensor  # uint8 [n, pixels]: images, to be fed
    y_true: tf.Tensor  # int32 [n]: their classes, to be fed
    loss: tf.Tensor  # float32 scalar
    train_step: tf.Operation
    y_pred: tf.Tensor  # float32 [n, classes]: probabilities
    y_pred_cls: tf.Tensor  # int64 [n]: the class with the largest probability
    is_training: tf.Tensor | None = None  # bool scalar, where something depends on it


def hidden_activation(settings: Namespace, is_training: tf.Tensor) -> Activation:
    """Return the activation of hidden layers, a key of ACTIVATIONS: `settings.activation`.

    With `settings.batch_norm` it follows a batch normalisation.
    """
    activation = ACTIVATIONS[settings.activation]
    if settings.batch_norm:
        return lambda layer: activation(batch_norm(layer, is_training))
    return activation


def conv_options(settings: Namespace, is_training: tf.Tensor) -> dict[str, Any]:
    """Return the options of `new_conv_layer` that the settings ask for.

    By default these are ReLU and 2 × 2 max-pooling. The exercises change them: `--activation`,
    `--batch-norm`, `--pooling` and `--activate-first`.
    """
    return {
        "pooling": settings.pooling,
        "activation": hidden_activation(settings, is_training),
        "activate_first": settings.activate_first,
    }


def new_hidden_layers(
    layer: tf.Tensor,
    num_inputs: int,
    sizes: tuple[int, ...],
    settings: Namespace,
    is_training: tf.Tensor,
) -> tuple[tf.Tensor, int]:
    """Add hidden fully-connected layers; return the last of them and its number of neurons."""
    activation = hidden_activation(settings, is_training)
    for num_outputs in sizes:
        layer = new_fc_layer(layer, num_inputs, num_outputs, activation=activation)
        layer = dropout(layer, settings.dropout, is_training)
        num_inputs = num_outputs
    return layer, num_inputs


@without_padding
def lenet5(
    x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor
) -> tuple[tf.Tensor, int]:
    """LeCun's LeNet-5 on images of 32 × 32, with ReLU and full connections: 61,706 parameters.

    Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """
    activation = hidden_activation(settings, is_training)
    # Two pixels of border on each side, 28 + 4 = 32, so that the end of a stroke can lie in the
    # middle of a filter. The layers themselves add no padding: VALID.
    layer = tf.pad(x_image, [[0, 0], [2, 2], [2, 2], [0, 0]])  # [n, 32, 32, 1]
    layer, _ = new_conv_layer(layer, 1, 5, 6, activation=activation, padding="VALID")  # 14 × 14
    layer, _ = new_conv_layer(layer, 6, 5, 16, activation=activation, padding="VALID")  # 5 × 5
    layer, num_features = flatten_layer(layer)  # [n, 400]
    return new_hidden_layers(layer, num_features, (120, 84), settings, is_training)


def vgg(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """A small VGGNet: two filters of 3 × 3 in a row see 5 × 5 pixels, with fewer weights.

    Source: Simonyan and Zisserman, "Very deep convolutional networks", 2014 (arXiv 1409.1556).
    """
    activation = hidden_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 3, 16, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 16, 3, 16, activation=activation)  # [n, 14, 14, 16]
    layer, _ = new_conv_layer(layer, 16, 3, 32, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 32, 3, 32, activation=activation)  # [n, 7, 7, 32]
    layer, num_features = flatten_layer(layer)  # [n, 1568]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


def inception(
    x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor
) -> tuple[tf.Tensor, int]:
    """Filters of three sizes side by side, for patterns of different sizes.

    Source: Szegedy et al., "Going deeper with convolutions", 2014 (arXiv 1409.4842).
    """
    activation = hidden_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 16, activation=activation)  # [n, 14, 14, 16]
    branches = [
        new_conv_layer(layer, 16, filter_size, num_filters, activation=activation)[0]
        for filter_size, num_filters in ((1, 8), (3, 16), (5, 8))
    ]
    layer = tf.concat(branches, axis=3)  # [n, 7, 7, 8 + 16 + 8]
    layer, num_features = flatten_layer(layer)  # [n, 1568]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


@without_padding
def fast(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """A net that trains fast: without padding, so that each layer has fewer positions.

    Source: after tuomaso/train_mnist_fast, with filter counts in multiples of 16, which fill a
    processor's vectors.
    """
    activation = hidden_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 16, activation=activation, padding="VALID")  # 12 × 12
    layer, _ = new_conv_layer(layer, 16, 3, 48, activation=activation, padding="VALID")  # 5 × 5
    layer, num_features = flatten_layer(layer)  # [n, 1200]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


@without_padding
def best(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """Like fast, with five convolutions in place of two, and wider: for training with --augment.

    The smaller the feature maps, the more of them there are.
    """
    activation = hidden_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 32, activation=activation, padding="VALID")  # 12 × 12
    layer, _ = new_conv_layer(layer, 32, 3, 64, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 64, 3, 64, activation=activation)  # [n, 6, 6, 64]
    layer, _ = new_conv_layer(layer, 64, 3, 128, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(
        layer, 128, 3, 128, use_pooling=False, activation=activation, padding="VALID"
    )  # [n, 4, 4, 128]
    layer, num_features = flatten_layer(layer)  # [n, 2048]
    return new_hidden_layers(layer, num_features, (256,), settings, is_training)


@without_padding
def tiny(
    x_image: tf.Tensor,
    settings: Namespace,
    is_training: tf.Tensor,
    widths: tuple[int, ...] = (16, 28, 38, 44),
    use_biases: bool = True,
) -> tuple[tf.Tensor, int]:
    """Few weights: separable convolutions, and an average in place of a large hidden layer.

    Sources: Chollet, "Xception", 2016 (arXiv 1610.02357), for the convolutions; Lin et al.,
    "Network in network", 2013 (arXiv 1312.4400), for the average.
    """
    options = {"activation": hidden_activation(settings, is_training), "use_biases": use_biases}
    layer, _ = new_conv_layer(x_image, 1, 3, widths[0], padding="VALID", **options)
    for num_channels, num_filters in pairwise(widths):  # 13 × 13, then 11 × 11, 9 × 9, …
        layer = new_depthwise_layer(layer, num_channels, 3)
        layer, _ = new_conv_layer(layer, num_channels, 1, num_filters, use_pooling=False, **options)
    return average_layer(layer)  # [n, 44]


def micro(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """The network tiny with one layer more, and narrower: fewer than 1,000 parameters."""
    use_biases = not settings.batch_norm  # before a normalisation they have no effect
    return tiny(x_image, settings, is_training, (8, 10, 10, 10, 9), use_biases)  # [n, 9]


OTHER_NETWORKS = {
    "lenet5": lenet5,
    "vgg": vgg,
    "inception": inception,
    "fast": fast,
    "best": best,
    "tiny": tiny,
    "micro": micro,
}

# What a network's own recipe changes in the script's recipe.
RECIPES = {
    "fast": {
        "epochs": 4,
        "batch_size": 256,
        "optimizer": "adam-short",
        "learning_rate": 0.01,
        "batch_norm": True,
    },
    "best": {
        "epochs": 8,
        "learning_rate": 0.004,
        "batch_norm": True,
        "dropout": 0.4,
        "label_smoothing": 0.1,
    },
    "tiny": {"epochs": 30, "learning_rate": 0.01, "batch_norm": True, "dropout": 0.0},
    "micro": {
        "epochs": 50,
        "learning_rate": 0.08,
        "batch_norm": True,
        "dropout": 0.0,
        "activation": "elu",
    },
}
