"""Other convolutional networks, each in a few lines of the same helpers: read them side by side.

Each function takes the images and the settings and returns the last hidden layer, from which the
script goes on to the logits.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from common.layers import (
    activate,
    average_layer,
    dropout,
    flatten_layer,
    new_conv_layer,
    new_fc_layer,
)

import tensorflow.compat.v1 as tf


def conv_activation(
    settings: Namespace, is_training: tf.Tensor
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return what the settings ask for behind each convolution: `new_conv_layer`'s `activation`."""
    return lambda layer: activate(layer, settings, is_training)


def new_hidden_layers(
    layer: tf.Tensor,
    num_inputs: int,
    sizes: tuple[int, ...],
    settings: Namespace,
    is_training: tf.Tensor,
) -> tuple[tf.Tensor, int]:
    """Stack hidden fully-connected layers; return the last of them and its number of neurons."""
    for num_outputs in sizes:
        layer = new_fc_layer(layer, num_inputs, num_outputs, use_relu=False)
        layer = activate(layer, settings, is_training)
        layer = dropout(layer, settings.dropout, is_training)
        num_inputs = num_outputs
    return layer, num_inputs


def lenet5(
    x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor
) -> tuple[tf.Tensor, int]:
    """LeCun's LeNet-5 on images of 32 × 32, with ReLU and full connections: 61,706 parameters.

    Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """
    activation = conv_activation(settings, is_training)
    # Two pixels of border on each side, 28 + 4 = 32, so that a stroke's end may lie in the middle
    # of a filter; then no padding any more: VALID.
    layer = tf.pad(x_image, [[0, 0], [2, 2], [2, 2], [0, 0]])  # [n, 32, 32, 1]
    layer, _ = new_conv_layer(layer, 1, 5, 6, activation=activation, padding="VALID")  # 14 × 14
    layer, _ = new_conv_layer(layer, 6, 5, 16, activation=activation, padding="VALID")  # 5 × 5
    layer, num_features = flatten_layer(layer)  # [n, 400]
    return new_hidden_layers(layer, num_features, (120, 84), settings, is_training)


def vgg(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """A small VGGNet: two filters of 3 × 3 in a row see 5 × 5 pixels, with fewer weights.

    Source: Simonyan and Zisserman, "Very deep convolutional networks", 2014 (arXiv 1409.1556).
    """
    activation = conv_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 3, 16, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 16, 3, 16, activation=activation)  # [n, 14, 14, 16]
    layer, _ = new_conv_layer(layer, 16, 3, 32, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 32, 3, 32, activation=activation)  # [n, 7, 7, 32]
    layer, num_features = flatten_layer(layer)  # [n, 1568]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


def inception(
    x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor
) -> tuple[tf.Tensor, int]:
    """Filters of three sizes side by side: each pattern finds the size that fits it.

    Source: Szegedy et al., "Going deeper with convolutions", 2014 (arXiv 1409.4842).
    """
    activation = conv_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 16, activation=activation)  # [n, 14, 14, 16]
    branches = [
        new_conv_layer(layer, 16, filter_size, num_filters, activation=activation)[0]
        for filter_size, num_filters in ((1, 8), (3, 16), (5, 8))
    ]
    layer = tf.concat(branches, axis=3)  # [n, 7, 7, 8 + 16 + 8]
    layer, num_features = flatten_layer(layer)  # [n, 1568]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


def fast(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """A net for haste: no padding, so that each layer has fewer places to look at.

    Source: after tuomaso/train_mnist_fast, with filter counts in multiples of 16, which fill a
    processor's vectors.
    """
    activation = conv_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 16, activation=activation, padding="VALID")  # 12 × 12
    layer, _ = new_conv_layer(layer, 16, 3, 48, activation=activation, padding="VALID")  # 5 × 5
    layer, num_features = flatten_layer(layer)  # [n, 1200]
    return new_hidden_layers(layer, num_features, (128,), settings, is_training)


def best(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """One layer more than fast, and wider: what many epochs with --augment can still fill.

    The smaller the maps, the more of them: what a layer has to say grows as its places grow fewer.
    """
    activation = conv_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 5, 32, activation=activation, padding="VALID")  # 12 × 12
    layer, _ = new_conv_layer(layer, 32, 3, 64, activation=activation)  # [n, 6, 6, 64]
    layer, _ = new_conv_layer(
        layer, 64, 3, 128, use_pooling=False, activation=activation, padding="VALID"
    )  # [n, 4, 4, 128]
    layer, num_features = flatten_layer(layer)  # [n, 2048]
    return new_hidden_layers(layer, num_features, (256,), settings, is_training)


def tiny(x_image: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tuple[tf.Tensor, int]:
    """As few weights as will do: narrow layers, and an average in place of a large last layer.

    Source: Lin et al., "Network in network", 2013 (arXiv 1312.4400), for the average.
    """
    activation = conv_activation(settings, is_training)
    layer, _ = new_conv_layer(x_image, 1, 3, 8, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 8, 3, 12, activation=activation)  # [n, 14, 14, 12]
    layer, _ = new_conv_layer(layer, 12, 3, 16, use_pooling=False, activation=activation)
    layer, _ = new_conv_layer(layer, 16, 3, 12, activation=activation)  # [n, 7, 7, 12]
    layer, _ = new_conv_layer(
        layer, 12, 3, 16, use_pooling=False, activation=activation, padding="VALID"
    )  # [n, 5, 5, 16]
    return average_layer(layer)  # [n, 16]


OTHER_NETWORKS = {
    "lenet5": lenet5,
    "vgg": vgg,
    "inception": inception,
    "fast": fast,
    "best": best,
    "tiny": tiny,
}

# What the recipe of a network changes in the script's.
RECIPES = {
    "fast": {
        "epochs": 4,
        "batch_size": 256,
        "optimizer": "adam-short",
        "learning_rate": 0.01,
        "batch_norm": True,
    },
    "best": {"epochs": 24, "learning_rate": 0.004, "batch_norm": True, "dropout": 0.4},
    "tiny": {"epochs": 40, "learning_rate": 0.01, "batch_norm": True, "dropout": 0.0},
}
