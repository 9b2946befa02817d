"""A trained net → the chain of its layers, for a program that has no TensorFlow."""

from __future__ import annotations

import math

from common import UserError
from common.page.layers import Layer, simplified
from common.page.operations import UnknownLayerError, read_operation
from common.process.text import visible
from common.run.model import Model

import numpy as np
import tensorflow.compat.v1 as tf

# What depends on the shape of the images only, not on their pixels.
OF_SHAPES = ("Shape", "ShapeN", "Size", "Rank")
DRAWN = (
    "the page draws networks in which one layer follows the other: convolution, pooling, batch "
    "normalisation, average, fully-connected layers and common activations, with a softmax at the "
    "end"
)


def read_chain(model: Model) -> list[Layer]:
    """Return the layers of a net, from the pixels to the scores; a softmax follows.

    The first one has the kind `pixels`: it makes numbers of the pixels 0 to 255, and an image of
    the row. What changes nothing is left out; an offset after a layer becomes a part of its bias.

    Raises:
        UserError: the net is no chain, or has a layer of an unknown kind; the sentence names it.
    """
    session, images, tensor = model.session, model.images, model.output
    reached = _reached(images)
    found: list[Layer] = []
    has_softmax = False
    while tensor.name != images.name:
        op = tensor.op
        inputs = [number for number, one in enumerate(op.inputs) if one.op in reached]
        try:
            if op not in reached or not inputs:
                raise UnknownLayerError("does not depend on the images")
            if len(inputs) > 1:
                raise UnknownLayerError(f"joins {len(inputs)} branches ({op.type})")
            before = op.inputs[inputs[0]]
            if op.type == "Softmax" and not has_softmax:
                has_softmax = True
            elif layers := read_operation(op, inputs[0], session):
                if not has_softmax:
                    raise UnknownLayerError(f"is the last one and no softmax ({op.type})")
                found += reversed(layers)
        except UnknownLayerError as problem:
            raise UserError(
                f"{model.path} cannot be drawn, because its layer {visible(op.name)} {problem}; "
                f"{DRAWN}. Leave this model out, or change the layer and train again."
            ) from None
        tensor = before
    one = np.ones(1, np.float32)
    first = Layer("pixels", (math.prod(model.image_shape),), "", {"factor": one, "offset": 0 * one})
    return simplified([first, *reversed(found)])


def _reached(images: tf.Tensor) -> set[tf.Operation]:
    """Return the operations that depend on the images."""
    reached, todo = {images.op}, [images.op]
    while todo:
        for output in todo.pop().outputs:
            for consumer in output.consumers():
                if consumer not in reached and consumer.type not in OF_SHAPES:
                    reached.add(consumer)
                    todo.append(consumer)
    return reached
