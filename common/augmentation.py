"""Data augmentation: each training image is distorted a little, differently in each epoch.

A digit that is rotated, slanted, scaled, shifted, or written with a trembling hand is the same
digit. A net that never sees the same image twice cannot memorise it.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from typing import NamedTuple

from common.layers import find_global_step, new_seed, seed_of_step

import numpy as np
import tensorflow.compat.v1 as tf

AUGMENTED = "augmented"  # collection of a graph: see Augmented
# How far the distortions go, at most.
ROTATION = math.radians(12)
SCALING = 0.12  # of the width, and by itself of the height
SLANT = 0.15  # pixels to the side for each pixel upwards
SHIFT = 1.5 / 28  # of the width and of the height
# Elastic distortion: each knot of a grid moves in a random direction, and what lies between them
# moves along.
KNOTS = 6
PUSH = 1 / 28  # of the width and of the height, standard deviation


class Augmented(NamedTuple):
    """What `augment` has added to a graph."""

    images: tf.Tensor  # the distorted images, float32 [n, height · width]
    strength: tf.Tensor  # how far the distortions go, 0 to 1
    distort: Callable[[], tf.Tensor]


def augment(
    pixels: tf.Tensor,
    image_shape: tuple[int, int],
    settings: Namespace,
    is_training: tf.Tensor,
    num_steps: int,
) -> tf.Tensor:
    """Distort each image while training with `--augment`; otherwise change nothing.

    How image i of the mini-batch is distorted in step k depends on the graph's seed, on k and on i
    alone, so a resumed run sees what the interrupted one would have seen. How far depends on k:
    in the last part of the training (`--fading`) the distortions decrease to zero, so that it ends
    with images as they are when the net is used.

    Args:
        pixels: float32 [n, height · width].
        image_shape: height and width.
        settings: `augment` and `fading`.
        is_training: bool, a scalar.
        num_steps: steps in the whole run.

    Returns:
        float32 [n, height · width]. Pixels from outside the image are 0.

    Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.
    """
    if not settings.augment:
        return pixels
    num_images = tf.shape(pixels)[0]
    seed, another_seed = seed_of_step(new_seed()), seed_of_step(new_seed())
    with tf.name_scope("augment"):
        # Outside the condition, where parallel/ finds them when it divides a mini-batch.
        affine = tf.random.stateless_uniform([num_images, 6], seed, minval=-1.0)
        elastic = tf.random.stateless_normal([num_images, 2, KNOTS, KNOTS], another_seed)
        step = find_global_step()
        fading = max(settings.fading, 1 / num_steps)  # with 0 they never decrease
        strength = tf.clip_by_value((1 - step / num_steps) / fading, 0.0, 1.0)

        def distort() -> tf.Tensor:
            # In float64, which --bfloat16 does not change: three digits are not enough for a place.
            numbers = (strength * tf.cast(random, tf.float64) for random in (affine, elastic))
            return _distort(pixels, image_shape, *numbers)

        pixels = tf.cond(is_training, distort, lambda: pixels)
    tf.add_to_collection(AUGMENTED, Augmented(pixels, strength, distort))
    return pixels


def _distort(
    pixels: tf.Tensor, image_shape: tuple[int, int], affine: tf.Tensor, elastic: tf.Tensor
) -> tf.Tensor:
    """Distort images as the random numbers say: float64 [n, 6] and [n, 2, KNOTS, KNOTS]."""
    # For each pixel of the new image: the place in the old one from which it is taken. Places are
    # numbered from −0.5 to 0.5, whatever the size of the image.
    rows, columns = np.meshgrid(*(_places(size) for size in image_shape), indexing="ij")
    places = np.stack([rows.ravel(), columns.ravel(), np.ones(rows.size)])
    # [n, 2, 3] · [3, pixels] → [n, 2, pixels]
    places = tf.einsum("nij,jp->nip", _affine_matrices(affine), places)
    places = tf.cast(places + _elastic_pushes(elastic, image_shape), tf.float32)
    return sample(tf.reshape(pixels, [-1, *image_shape]), places[:, 0], places[:, 1])


def _places(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count - 0.5


def _affine_matrices(random: tf.Tensor) -> tf.Tensor:
    """Turn six numbers from −1 to 1 into a rotation, slant, scaling and shift: [n, 2, 3]."""
    angle, slant = ROTATION * random[:, 0], SLANT * random[:, 1]
    height, width = 1 + SCALING * random[:, 2], 1 + SCALING * random[:, 3]
    down, right = SHIFT * random[:, 4], SHIFT * random[:, 5]
    sine, cosine = tf.sin(angle), tf.cos(angle)
    row = [height * cosine, -width * sine, down]
    column = [height * (sine + slant), width * cosine, right]
    return tf.stack([tf.stack(row, 1), tf.stack(column, 1)], 1)


def _elastic_pushes(random: tf.Tensor, image_shape: tuple[int, int]) -> tf.Tensor:
    """Turn normal random numbers at the knots into a smooth field: float64 [n, 2, pixels]."""
    knots = PUSH * tf.reshape(random, [-1, KNOTS, KNOTS])
    height, width = (_smooth(size) for size in image_shape)
    return tf.reshape(
        tf.einsum("hk,nkl,wl->nhw", height, knots, width), [-1, 2, math.prod(image_shape)]
    )


def _smooth(size: int) -> np.ndarray:
    """Return how far each pixel of a row moves with each knot: float64 [size, KNOTS]."""
    distance = _places(size)[:, None] - np.linspace(-0.5, 0.5, KNOTS)
    weights = np.exp(-0.5 * (distance * (KNOTS - 1)) ** 2)
    return weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))


def sample(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Sample images at places between their pixels, by bilinear interpolation.

    Args:
        images: float32 [n, height, width].
        rows: float32 [n, places], from −0.5 (upper edge) to 0.5; outside there are zeros.
        columns: the same from left to right.

    Returns:
        float32 [n, places].
    """
    height, width = images.shape.as_list()[1:]
    num_images = tf.shape(images)[0]
    # A border of zeros for places outside the image.
    padded = tf.pad(images, [[0, 0], [1, 2], [1, 2]])
    row = tf.clip_by_value((rows + 0.5) * height + 0.5, 0.0, height + 1.0)
    column = tf.clip_by_value((columns + 0.5) * width + 0.5, 0.0, width + 1.0)
    top, left = tf.floor(row), tf.floor(column)
    down, right = row - top, column - left
    # Each pixel with its neighbours to the right, below, and below to the right: [n · pixels, 4]. A
    # convolution collects them, with four filters that copy one pixel each: faster than stacking.
    filters = np.eye(4, dtype=np.float32).reshape(2, 2, 1, 4)
    corners = tf.nn.conv2d(padded[..., tf.newaxis], filters, strides=1, padding="VALID")
    corners = tf.reshape(corners, [-1, 4])
    first = tf.range(num_images)[:, None] * (height + 2) * (width + 2)
    index = first + tf.cast(top * (width + 2) + left, tf.int32)
    corner = tf.gather(corners, index)  # [n, places, 4]
    upper = corner[..., 0] * (1 - right) + corner[..., 1] * right
    lower = corner[..., 2] * (1 - right) + corner[..., 3] * right
    return upper * (1 - down) + lower * down
