"""The layers of a net, as the page has them and as TensorFlow computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

POOLS = ("max_pool", "average_pool", "average")


class Layer(NamedTuple):
    """One layer of one of the kinds that `network.js` lists."""

    kind: str
    shape: tuple[int, ...]
    """Of its output for one image: height, width, channels, or the number of neurons."""
    name: str = ""
    """The scope in the graph: `conv1`."""
    arrays: Mapping[str, np.ndarray] = {}
    """float32: kernel, weights, bias, factor, offset."""
    options: Mapping[str, Any] = {}
    """strides, padding and such, as JSON has them."""


def simplified(layers: Sequence[Layer]) -> list[Layer]:
    """Join what belongs together: scales in a row, an offset and the layer before it, shapes."""
    result: list[Layer] = []
    for layer in layers:
        before = result[-1] if result else None
        if before is None:
            result.append(layer)
        elif layer.kind == "reshape":
            if before.kind in ("pixels", "reshape"):
                result[-1] = before._replace(shape=layer.shape)
            elif layer.shape != before.shape:
                result.append(layer)
        elif layer.kind == "scale" and before.kind in ("pixels", "scale"):
            result[-1] = before._replace(arrays=_composed(before, layer))
        elif layer.kind != "scale" or not _absorbed(result, layer):
            result.append(layer)
    return [_named(layer) for layer in result]


def _named(layer: Layer) -> Layer:
    """Call a row of numbers flat, and an image by its three sizes."""
    if layer.kind == "pixels" and len(layer.shape) == 2:
        layer = layer._replace(shape=(*layer.shape, 1))
    if layer.kind == "reshape" and len(layer.shape) == 1:
        layer = layer._replace(kind="flatten")
    return layer


def _composed(first: Layer, second: Layer) -> dict[str, np.ndarray]:
    """Return factor and offset of two scales in a row."""
    factor, offset = (first.arrays[name].astype(np.float64) for name in ("factor", "offset"))
    arrays = {"factor": _product(factor, second.arrays["factor"])}
    scaled = _product(offset, second.arrays["factor"])
    size = max(len(scaled), len(second.arrays["offset"]))
    arrays["offset"] = np.resize(scaled, size) + np.resize(second.arrays["offset"], size)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Multiply two rows of factors, of which the shorter one is repeated."""
    size = max(len(one), len(other))
    return np.resize(one, size) * np.resize(other, size)


def _absorbed(layers: list[Layer], scale: Layer) -> bool:
    """Put a scale for each channel into the layer with weights before it, if that is exact.

    In between may be pooling: a mean passes a factor and an offset on, a maximum the offset. Say
    whether it was possible.
    """
    factor, offset = scale.arrays["factor"], scale.arrays["offset"]
    at = len(layers) - 1
    while at > 0 and layers[at].kind in POOLS:
        if layers[at].kind == "max_pool" and not np.all(factor == 1):
            return False
        at -= 1
    layer = layers[at]
    if layer.kind not in ("conv", "dense"):
        return False
    channels = layer.shape[-1]
    if any(len(array) not in (1, channels) for array in (factor, offset)):
        return False
    name = "kernel" if layer.kind == "conv" else "weights"
    weights, bias = layer.arrays[name], layer.arrays["bias"].astype(np.float64)
    arrays = {name: weights * factor, "bias": bias * factor + offset}
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    layers[at] = layer._replace(arrays=arrays)
    return True


def compute(layers: Sequence[Layer], images: tf.Tensor) -> tf.Tensor:
    """Add the layers to the default graph: the same computation as in network.js.

    Args:
        layers: of `read_chain`, perhaps with rounded weights.
        images: uint8 [n, pixels].

    Returns:
        the scores, float32 [n, classes].
    """
    values = tf.cast(images, tf.float32)
    for layer in layers:
        arrays, options = layer.arrays, dict(layer.options)
        if layer.kind == "conv":
            values = tf.nn.conv2d(values, arrays["kernel"], **options) + arrays["bias"]
        elif layer.kind == "dense":
            values = tf.matmul(values, arrays["weights"]) + arrays["bias"]
        elif layer.kind in ("pixels", "scale"):
            size = math.prod(layer.shape)
            factor, offset = (np.resize(arrays[name], size) for name in ("factor", "offset"))
            values = tf.reshape(values, [-1, size]) * factor + offset
        elif layer.kind == "max_pool":
            values = tf.nn.max_pool2d(values, options.pop("size"), **options)
        elif layer.kind == "average_pool":
            values = tf.nn.avg_pool2d(values, options.pop("size"), **options)
        elif layer.kind == "average":
            values = tf.reduce_mean(values, [1, 2])
        elif layer.kind == "pad":
            (top, left), (bottom, right) = options["before"], options["after"]
            values = tf.pad(values, [[0, 0], [top, bottom], [left, right], [0, 0]])
        elif layer.kind == "leaky_relu":
            values = tf.nn.leaky_relu(values, options["alpha"])
        elif layer.kind not in ("flatten", "reshape"):
            values = getattr(tf.nn, layer.kind)(values)
        values = tf.reshape(values, [-1, *layer.shape])
    return values
