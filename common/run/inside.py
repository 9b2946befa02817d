"""A loaded net → what each of its layers makes of an image."""

from __future__ import annotations

import re
from typing import NamedTuple

from common.run.model import Model

import numpy as np
import tensorflow.compat.v1 as tf

# The layers of common/layers.py have names such as conv1/Relu and fc2/BiasAdd.
LAYER = re.compile(r"(?:^|/)((?:conv|fc)\d+)/")


class Stage(NamedTuple):
    """What one layer makes of an image."""

    caption: str
    maps: np.ndarray
    """float32 [number, height, width]; a neuron is a map of one pixel."""
    by_class: bool = False
    """Whether there is a map for each class."""


def look_inside(model: Model, image: np.ndarray) -> list[Stage]:
    """Return what the layers before the last one make of an image, in their order.

    A net with a single layer is shown by what each pixel adds to the score of each class: its value
    times its weight.

    Args:
        model: a net of these scripts; of another one with other names nothing is known.
        image: uint8 [height, width].

    Returns:
        no stages for a net whose layers have other names.
    """
    layers: dict[str, tf.Tensor] = {}
    products: dict[str, tf.Operation] = {}
    for op in model.session.graph.get_operations():
        layer = LAYER.search(op.name)
        if layer and op.outputs and _is_of_images(op.outputs[0]):
            layers[layer[1]] = op.outputs[0]  # operations come in the order of the computation
            if op.type == "MatMul":
                products[layer[1]] = op
    feed_dict = {model.images: image.reshape(1, -1)}
    *hidden, last = layers or [None]
    if hidden:
        values = model.session.run([layers[name] for name in hidden], feed_dict)
        return [_stage(name, value[0]) for name, value in zip(hidden, values, strict=True)]
    if last in products and products[last].inputs[0].shape[1] == image.size:
        pixels, weights = model.session.run([*products[last].inputs], feed_dict)
        maps = (pixels.T * weights).T.reshape(-1, *image.shape)
        return [Stage("weight × pixel, for each class: red adds, blue takes away", maps, True)]
    return []


def _is_of_images(tensor: tf.Tensor) -> bool:
    """Say whether a tensor has numbers for each image of a batch, in maps or in neurons."""
    shape = tensor.shape
    return tensor.dtype == tf.float32 and shape.rank in (2, 4) and shape.as_list()[0] is None


def _stage(name: str, value: np.ndarray) -> Stage:
    if value.ndim == 1:
        return Stage(f"{name}: {len(value)} neurons", value.reshape(-1, 1, 1))
    height, width, number = value.shape
    return Stage(f"{name}: {number} maps, {height} × {width}", value.transpose(2, 0, 1))
