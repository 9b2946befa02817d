"""A convolutional layer → the parts of images that excite each of its filters most.

The weights of a second layer say little to the eye: they are about the outputs of the first. What
its filters look for is seen in the images, where their outputs are largest.
"""

from __future__ import annotations

from typing import NamedTuple

from common import UserError
from common.data import DataSets
from common.datasets.orientation import POLARITIES
from common.evaluation import BATCH_SIZE
from common.layers import Layer
from common.run.own import as_pixels, images_for

import numpy as np
import tensorflow.compat.v1 as tf

DARK_ON_LIGHT = POLARITIES[1]
NUM_IMAGES = 1_000  # that are searched
NUM_PATCHES = 4  # for each filter, each from another image

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


class Field(NamedTuple):
    """Which pixels an output of a layer depends on, along one axis.

    Output k depends on the pixels from `start` + k · `step` on, `size` of them.
    """

    size: int
    step: int
    start: int


def receptive_field(output: tf.Tensor) -> tuple[Field, Field]:
    """Return the receptive field of a layer, for rows and for columns.

    It is followed through convolutions, pooling and padding back to the images. Where ways join,
    as in an inception layer, the largest one counts.

    Args:
        output: float32 [n, height, width, channels].

    Raises:
        UserError: an operation on the way cuts or resizes images.

    Source: Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks",
    Distill 2019.
    """
    return _field(output, 1), _field(output, 2)


def has_receptive_field(output: tf.Tensor) -> bool:
    """Tell whether `receptive_field` can follow a layer's output back to the images."""
    try:
        receptive_field(output)
    except UserError:
        return False
    return True


def _field(tensor: tf.Tensor, axis: int) -> Field:
    op = tensor.op
    # Weights, biases and moments have no dimension for the images of a mini-batch.
    inputs = [one for one in op.inputs if one.shape.rank == 4 and one.shape.as_list()[0] is None]
    if not inputs or tensor.shape.rank != 4 or op.type == "Reshape":
        return Field(1, 1, 0)
    field = max(_field(one, axis) for one in inputs)
    if op.type == "Pad":
        before = int(tf.get_static_value(op.inputs[1])[axis][0])
        return field._replace(start=field.start - before * field.step)
    if op.type not in (*CONVOLUTIONS, "MaxPool", "AvgPool"):
        if {one.shape.as_list()[axis] for one in inputs} != {tensor.shape.as_list()[axis]}:
            raise UserError(f"which pixels an output depends on is not known behind {op.type}")
        return field  # one number for each number
    if op.type in CONVOLUTIONS:
        window = op.inputs[1].shape.as_list()[axis - 1]
        window = (window - 1) * op.get_attr("dilations")[axis] + 1
    else:
        window = op.get_attr("ksize")[axis]
    stride, before = op.get_attr("strides")[axis], 0
    if op.get_attr("padding") == b"EXPLICIT":
        before = op.get_attr("explicit_paddings")[2 * axis]
    elif op.get_attr("padding") == b"SAME":
        length, outputs = inputs[0].shape.as_list()[axis], tensor.shape.as_list()[axis]
        before = max((outputs - 1) * stride + window - length, 0) // 2
    return Field(
        field.size + (window - 1) * field.step,
        field.step * stride,
        field.start - before * field.step,
    )


def exciting_patches(session: tf.Session, layer: Layer, data: DataSets) -> np.ndarray:
    """Return, for each filter of a layer, the parts of test images where its output is largest.

    Args:
        session: a session in which the net has its weights.
        layer: a convolution.
        data: the three splits; the first 1,000 test images are searched.

    Returns:
        float32 [filters, 4, height, width] from 0 to 255, the largest output first, as large as
        the layer's receptive field; paper outside the image, NaN where a filter has no largest
        output, since that of the image is the smallest of all.
    """
    net, images = session.state.net, data.test.first(NUM_IMAGES).images
    best, places = [], []  # of each image: the largest output of each filter, and where
    lowest = np.inf  # of all outputs of each filter
    for start in range(0, len(images), BATCH_SIZE):
        outputs = session.run(
            layer.output, {net.x: images_for(net, images[start : start + BATCH_SIZE])}
        )
        flat = outputs.reshape(len(outputs), -1, outputs.shape[3])
        best.append(flat.max(axis=1))
        places.append(flat.argmax(axis=1))
        lowest = np.minimum(lowest, flat.min(axis=(0, 1)))
    best, places = np.concatenate(best), np.concatenate(places)
    fields, width = receptive_field(layer.output), layer.output.shape.as_list()[2]
    border = max(max(field.size, -field.start) for field in fields)
    padded = np.pad(
        as_pixels(images).reshape(-1, *data.image_shape).astype(np.float32),
        ((0, 0), (border, border), (border, border)),
        constant_values=255 if data.conventions.polarity == DARK_ON_LIGHT else 0,
    )
    shape = (best.shape[1], NUM_PATCHES, *(field.size for field in fields))
    patches = np.full(shape, np.nan, np.float32)
    for k, of_filter in enumerate(best.T):
        order = np.argsort(-of_filter, kind="stable")[:NUM_PATCHES]
        for n, image in enumerate(order[of_filter[order] > lowest[k]]):
            top, left = (
                border + field.start + int(place) * field.step
                for field, place in zip(fields, divmod(places[image, k], width), strict=True)
            )
            patches[k, n] = padded[image, top : top + shape[2], left : left + shape[3]]
    return patches
