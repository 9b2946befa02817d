"""One operation of TensorFlow → a layer, for chain.py."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from common.page.layers import Layer

import numpy as np
import tensorflow.compat.v1 as tf

ONE = np.ones(1, np.float32)
ZERO = np.zeros(1, np.float32)
ACTIVATIONS = {
    **{"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh"},
    **{"Softplus": "softplus", "Softsign": "softsign", "Elu": "elu", "Selu": "selu"},
}
NOTHING = (
    "Identity",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "EnsureShape",
    "CheckNumerics",
)
SHAPES = ("Reshape", "Squeeze", "ExpandDims")


class UnknownLayerError(Exception):
    """Why an operation is no layer that the page draws: the end of a sentence about the layer."""


class Operation:
    """An operation of the graph, one input of which depends on the images.

    Args:
        op: the operation.
        at: the number of that input.
        session: with the values of all the other ones.
    """

    def __init__(self, op: tf.Operation, at: int, session: tf.Session) -> None:
        self.op, self.type, self.at, self.session = op, op.type, at, session
        self.shape = self.shape_of(op.outputs[0])
        self.name = op.name.rpartition("/")[0] or op.name

    def shape_of(self, tensor: tf.Tensor) -> tuple[int, ...]:
        """Return the shape for one image."""
        sizes = tensor.shape.as_list() if tensor.shape.rank is not None else [None, None]
        if not sizes or any(size is None for size in sizes[1:]):
            raise UnknownLayerError(f"has an output of unknown shape ({self.type})")
        return tuple(sizes[1:])

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input that depends on the images, for one image."""
        return self.shape_of(self.op.inputs[self.at])

    def attribute(self, name: str) -> Any:
        """Return an attribute of the operation; texts as `str`."""
        value = self.op.get_attr(name)
        return value.decode() if isinstance(value, bytes) else value

    def value(self, number: int) -> np.ndarray:
        """Return the value of an input that does not depend on the images."""
        try:
            return np.asarray(self.session.run(self.op.inputs[number]))
        except (tf.errors.OpError, ValueError, TypeError):
            raise UnknownLayerError(f"has an input that is not constant ({self.type})") from None

    def weights(self, number: int) -> np.ndarray:
        """Return such a value as float32."""
        return self.value(number).astype(np.float32)

    def require(self, condition: bool, problem: str) -> None:
        """Refuse the operation if a condition is not met."""
        if not condition:
            raise UnknownLayerError(f"{problem} ({self.type})")

    def layer(self, kind: str, arrays: dict | None = None, options: dict | None = None) -> Layer:
        """Return the layer of this kind with the shape and the name of the operation."""
        return Layer(kind, self.shape, self.name, arrays or {}, options or {})

    def scale(self, factor: np.ndarray, offset: np.ndarray) -> list[Layer]:
        """Return the layer x · factor + offset, as a list of layers."""
        arrays = {"factor": factor.astype(np.float32), "offset": offset.astype(np.float32)}
        return [self.layer("scale", arrays)]


def read_operation(op: tf.Operation, at: int, session: tf.Session) -> list[Layer]:
    """Return the layers that an operation is: none if it changes nothing, two with a padding.

    Args:
        op: an operation whose input number `at` depends on the images, and no other one.
        at: see above.
        session: in which the other inputs have their values.

    Raises:
        UnknownLayerError: the page has no such layer.
    """
    if op.type in NOTHING:
        return []
    node = Operation(op, at, session)
    if op.type == "Cast":
        numbers = op.outputs[0].dtype.is_floating or op.inputs[0].dtype.is_integer
        node.require(numbers and op.outputs[0].dtype != tf.bool, "cuts numbers off")
        return []
    if op.type == "Transpose":
        axes = node.value(1).tolist()
        node.require(axes == sorted(axes), "exchanges axes")
        return []
    if op.type in SHAPES:
        same = math.prod(node.shape) == math.prod(node.input_shape)
        node.require(at == 0 and same, "takes the numbers of an image apart")
        return [node.layer("reshape")]
    if op.type in ACTIVATIONS:
        return [node.layer(ACTIVATIONS[op.type])]
    if op.type == "LeakyRelu":
        return [node.layer("leaky_relu", None, {"alpha": node.attribute("alpha")})]
    if op.type not in READERS:
        raise UnknownLayerError(f"is of a kind that the page does not know ({op.type})")
    return READERS[op.type](node)


def _dense(node: Operation) -> list[Layer]:
    transposed = {"MatMul": ("transpose_a", "transpose_b")}.get(node.type, ("adj_x", "adj_y"))
    node.require(node.at == 0 and len(node.shape) == 1, "is a product that is no layer")
    node.require(not node.attribute(transposed[0]), "is a product that is no layer")
    weights = node.weights(1)
    return [_with_bias(node, "dense", weights.T if node.attribute(transposed[1]) else weights)]


def _einsum(node: Operation) -> list[Layer]:
    found = re.fullmatch(r"(\w)(\w),\2(\w)->\1\3", node.attribute("equation").replace(" ", ""))
    node.require(node.at == 0 and found is not None, "is a product that is no layer")
    return [_with_bias(node, "dense", node.weights(1))]


def _with_bias(node: Operation, kind: str, weights: np.ndarray, options: Any = None) -> Layer:
    """Return a layer with weights and a bias of 0, to which an offset after it is added."""
    arrays = {"weights" if kind == "dense" else "kernel": np.ascontiguousarray(weights)}
    return node.layer(kind, arrays | {"bias": np.zeros(weights.shape[-1], np.float32)}, options)


def _convolution(node: Operation) -> list[Layer]:
    node.require(node.at == 0 and _is_nhwc(node), "is a convolution of another order of axes")
    kernel = node.weights(1)
    if node.type == "DepthwiseConv2dNative":  # a convolution in which most weights are 0
        height, width, channels, multiplier = kernel.shape
        full = np.zeros((height, width, channels, channels, multiplier), np.float32)
        full[:, :, range(channels), range(channels)] = kernel
        kernel = full.reshape(height, width, channels, channels * multiplier)
    node.require(kernel.shape[2] == node.input_shape[-1], "is a convolution in groups")
    padding, before = node.attribute("padding"), []
    if padding == "EXPLICIT":
        sizes = np.reshape(node.attribute("explicit_paddings"), (4, 2))
        before, padding = [_padding(node, sizes)], "VALID"
    options = {"strides": list(node.attribute("strides")[1:3]), "padding": padding}
    options["dilations"] = list(node.attribute("dilations")[1:3])
    return [*before, _with_bias(node, "conv", kernel, options)]


def _pool(node: Operation) -> list[Layer]:
    size, strides = node.attribute("ksize"), node.attribute("strides")
    node.require(
        _is_nhwc(node) and all(one[0] == one[3] == 1 for one in (size, strides)),
        "pools over other axes than height and width",
    )
    node.require(node.attribute("padding") in ("SAME", "VALID"), "has a padding of its own")
    kind = {"MaxPool": "max_pool", "AvgPool": "average_pool"}[node.type]
    options = {"size": list(size[1:3]), "strides": list(strides[1:3])}
    return [node.layer(kind, None, options | {"padding": node.attribute("padding")})]


def _reduction(node: Operation) -> list[Layer]:
    axes = {int(axis) % (len(node.input_shape) + 1) for axis in node.value(1).ravel()}
    node.require(node.at == 0 and axes == {1, 2}, "joins other axes than height and width")
    height, width, channels = node.input_shape
    if node.type == "Mean":
        joined = Layer("average", (channels,), node.name)
    else:
        options = {"size": [height, width], "strides": [height, width], "padding": "VALID"}
        joined = Layer("max_pool", (1, 1, channels), node.name, {}, options)
    return [joined, node.layer("reshape")]


def _pad(node: Operation) -> list[Layer]:
    sizes = node.value(1)
    zero = node.type == "Pad" or not node.value(2).any()
    node.require(node.at == 0 and zero, "pads with another number than 0")
    node.require(len(node.shape) == 3, "pads something else than images")
    return [_padding(node, sizes)]


def _padding(node: Operation, sizes: np.ndarray) -> Layer:
    node.require(not sizes[[0, 3]].any(), "pads other axes than height and width")
    before, after = sizes[1:3].T.tolist()
    height, width, channels = node.input_shape
    shape = (height + before[0] + after[0], width + before[1] + after[1], channels)
    return Layer("pad", shape, node.name, {}, {"before": before, "after": after})


def _arithmetic(node: Operation) -> list[Layer]:
    """Read x + c, c − x, x · c and such, with the same c for each image."""
    node.require(node.shape == node.input_shape, "makes a larger array of its input")
    node.require(node.type != "BiasAdd" or _is_nhwc(node), "adds to another axis than the last")
    constant, is_first = _constant(node, 1 - node.at), node.at == 0
    if node.type == "Mul":
        return node.scale(constant, ZERO)
    if node.type in ("RealDiv", "Div"):
        node.require(is_first, "divides by its input")
        return node.scale(1 / constant, ZERO)
    if node.type == "Sub":
        return node.scale(ONE, -constant) if is_first else node.scale(-ONE, constant)
    return node.scale(ONE, constant)


def _constant(node: Operation, number: int) -> np.ndarray:
    """Return a constant that is combined with each image, as a row that is repeated."""
    constant = node.weights(number)
    rank = len(node.shape)
    if constant.ndim > rank:
        node.require(constant.shape[0] == 1, "treats the images of a batch differently")
        constant = constant[0]
    if constant.size == 1:
        return constant.reshape(1)
    if constant.shape[-1] == constant.size == node.shape[-1]:
        return constant.reshape(-1)
    return np.broadcast_to(constant, node.shape).reshape(-1)


def _negative(node: Operation) -> list[Layer]:
    return node.scale(-ONE, ZERO)


def _maximum(node: Operation) -> list[Layer]:
    node.require(not node.value(1 - node.at).any(), "is a maximum with another number than 0")
    return [node.layer("relu")]


def _batch_norm(node: Operation) -> list[Layer]:
    node.require(
        node.at == 0 and _is_nhwc(node) and not node.attribute("is_training"),
        "is a batch normalisation that depends on the other images of the batch",
    )
    scale, offset, mean, variance = (node.weights(k).astype(np.float64) for k in range(1, 5))
    factor = scale / np.sqrt(variance + node.attribute("epsilon"))
    return node.scale(factor, offset - mean * factor)


def _is_nhwc(node: Operation) -> bool:
    return node.attribute("data_format") == "NHWC"


READERS: dict[str, Callable[[Operation], list[Layer]]] = {
    **dict.fromkeys(("MatMul", "BatchMatMulV2"), _dense),
    "Einsum": _einsum,
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative"), _convolution),
    **dict.fromkeys(("MaxPool", "AvgPool"), _pool),
    **dict.fromkeys(("Mean", "Max"), _reduction),
    **dict.fromkeys(("Pad", "PadV2"), _pad),
    **dict.fromkeys(("BiasAdd", "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div"), _arithmetic),
    "Neg": _negative,
    "Maximum": _maximum,
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), _batch_norm),
}
