"""Weights → text that a page can hold, in 16 or 8 bits, and what that does to the net's answers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from common.page.layers import Layer, compute

import numpy as np
import tensorflow.compat.v1 as tf

BATCH_SIZE = 256
KINDS = ("float16", "int8")
LARGE = ("kernel", "weights")  # what is rounded; all else stays float32


def rounded(array: np.ndarray, kind: str) -> tuple[dict[str, Any], np.ndarray]:
    """Round an array.

    Args:
        array: float32, of any shape.
        kind: float32, which changes nothing; float16; int8: whole numbers from −127 to 127 times
            a float32 scale for each channel of the output (the last axis), so that the largest
            weight of a channel is 127.

    Returns:
        the rounded numbers as JSON, with `type`, `shape`, `data` in base64 (little-endian) and, of
        int8, `scale`; and the float32 numbers that a page reads from that.
    """
    packed: dict[str, Any] = {"type": kind, "shape": list(array.shape)}
    if kind == "int8":
        largest = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0)
        scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
        numbers = np.rint(array / scale).astype(np.int8)
        packed["scale"] = _base64(scale.astype("<f4"))
        back = numbers * scale
    elif kind == "float16":
        with np.errstate(over="ignore"):
            numbers = array.astype("<f2")
        if not np.isfinite(numbers).all():  # above 65,504
            return rounded(array, "float32")
        back = numbers.astype(np.float32)
    else:
        numbers = array.astype("<f4")
        back = array
    return packed | {"data": _base64(numbers)}, back


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def pack(layers: Sequence[Layer], kind: str) -> tuple[list[dict[str, Any]], list[Layer]]:
    """Round the weights of a net; return its layers as JSON, and with the rounded weights."""
    packed, result = [], []
    for layer in layers:
        row = {"kind": layer.kind, "name": layer.name, "shape": list(layer.shape), **layer.options}
        arrays = {}
        for name, array in layer.arrays.items():
            row[name], arrays[name] = rounded(array, kind if name in LARGE else "float32")
        packed.append(row)
        result.append(layer._replace(arrays=arrays))
    return packed, result


def probabilities(layers: Sequence[Layer], images: np.ndarray) -> np.ndarray:
    """Return float32 [n, classes] for uint8 images [n, pixels]: what the page will show."""
    answers = [np.empty((0, *layers[-1].shape), np.float32)]
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        x = tf.placeholder(tf.uint8, [None, images.shape[1]])
        y = tf.nn.softmax(compute(layers, x))
        for start in range(0, len(images), BATCH_SIZE):
            answers.append(session.run(y, {x: images[start : start + BATCH_SIZE]}))
    return np.concatenate(answers)
