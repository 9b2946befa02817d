"""What is known of TensorFlow's operations: which of them treat each example by itself.

An operation that is in none of these tables is not known to.
"""

from __future__ import annotations

import math

from common.parallel.shapes import numbers_of

import tensorflow.compat.v1 as tf

# Random numbers that are a function of their seed.
NOISE = {"StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2"}
# What a shape is put together with.
SHAPES = {"Cast", "ConcatV2", "Identity", "Pack", "Slice", "StridedSlice"}
# fmt: off
UNARY = {
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Cos", "Cosh", "Elu",
    "Erf", "Erfc", "Exp", "Expm1", "Floor", "Identity", "IsFinite", "IsInf", "IsNan", "LRN",
    "LeakyRelu", "Log", "Log1p", "LogicalNot", "Neg", "OnesLike", "Reciprocal", "Relu", "Relu6",
    "Rint", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
    "Sqrt", "Square", "StopGradient", "Tan", "Tanh", "ZerosLike",
}
ELEMENTWISE = {
    "Add", "AddN", "AddV2", "Atan2", "Div", "DivNoNan", "Equal", "FloorDiv", "FloorMod", "Greater",
    "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "Maximum", "Minimum", "Mod",
    "Mul", "MulNoNan", "NotEqual", "Pow", "RealDiv", "Select", "SelectV2", "SquaredDifference",
    "Sub", "TruncateDiv", "Xdivy", "Xlogy",
}
# fmt: on
LOSSES = {"SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits"}
REDUCTIONS = {"All", "Any", "ArgMax", "ArgMin", "Max", "Mean", "Min", "Prod", "Sum"}


def is_row_wise(op: tf.Operation, with_rows: set[str], row_shapes: dict[str, list[int]]) -> bool:
    """Say whether each row of the result depends on the same row of the inputs only.

    Args:
        op: any operation without a state.
        with_rows: the names of those inputs that have a row for each example. The others are the
            same for all examples.
        row_shapes: the shape of a row for each of these names; where one is unknown, nothing is
            certain.
    """
    if any(name not in row_shapes for name in with_rows):
        return False
    ranks = [
        1 + len(row_shapes[t.name]) if t.name in with_rows else t.shape.ndims for t in op.inputs
    ]
    rows = [tensor.name in with_rows for tensor in op.inputs]
    if op.type in UNARY:
        return True
    if op.type in ELEMENTWISE:
        return _puts_row_on_row(op, rows, ranks)
    if op.type in LOSSES:
        return all(rows)
    if op.type in {"Gather", "GatherV2"}:  # a row of a table for each example
        axis = _constant(op, 2) if len(rows) > 2 else 0
        return not rows[0] and rows[1] and axis == 0
    if op.type == "Pack":
        return all(rows) and op.get_attr("axis") % (ranks[0] + 1) != 0
    if op.type == "ConcatV2":
        axis = _constant(op, -1)
        return all(rows[:-1]) and axis is not None and axis % ranks[0] != 0
    # The first input has rows, and the others, such as weights, are the same for all.
    rule = RULES.get(op.type)
    return rows[0] and not any(rows[1:]) and rule is not None and rule(op, ranks[0])


def row_shape_after(op: tf.Operation, row_shapes: dict[str, list[int]]) -> list[int] | None:
    """Return the shape of a row behind a reshape; None if examples do not stay in their rows.

    Args:
        op: a Reshape.
        row_shapes: the shapes of the rows of the tensors before it, by name.
    """
    row_shape = row_shapes.get(op.inputs[0].name)
    shape = numbers_of(op.inputs[1], row_shapes)
    if row_shape is None or not shape or shape[0] not in (None, -1) or None in shape[1:]:
        return None
    size, rest = math.prod(row_shape), shape[1:]
    if shape[0] is None and rest.count(-1) == 1:
        known = math.prod(number for number in rest if number != -1)
        rest = [size // known if number == -1 else number for number in rest] if known else rest
    return rest if min(rest, default=1) > 0 and math.prod(rest) == size else None


def is_mean_of_all(op: tf.Operation, rank: int) -> bool:
    """Say whether an operation is the mean of a whole tensor with so many axes."""
    if op.type != "Mean" or op.get_attr("keep_dims"):
        return False
    axes = _constant(op, 1)
    return axes is not None and {int(axis) % rank for axis in axes.ravel()} == set(range(rank))


def _constant(op: tf.Operation, place: int):  # noqa: ANN202 - an array, None if it is not known
    return tf.get_static_value(op.inputs[place])


def _puts_row_on_row(op: tf.Operation, rows: list[bool], ranks: list[int | None]) -> bool:
    """Say whether broadcasting puts row on row: equal ranks, or nothing along the first axis."""
    if None in ranks:
        return False
    rank = max(ranks)
    if op.type == "Select" and ranks[0] not in (0, rank):  # a vector that chooses rows
        return False
    return all(
        r == rank if has_rows else r < rank or tensor.shape[0] == 1
        for has_rows, r, tensor in zip(rows, ranks, op.inputs, strict=True)
    )


def _reduces_rows(op: tf.Operation, rank: int) -> bool:
    axes = _constant(op, 1)
    return axes is not None and all(int(axis) % rank for axis in axes.ravel())


def _pools_rows(op: tf.Operation, rank: int) -> bool:
    return op.get_attr("ksize")[0] == op.get_attr("strides")[0] == 1


def _squeezes_rows(op: tf.Operation, rank: int) -> bool:
    axes = op.get_attr("squeeze_dims")
    return bool(axes) and all(axis % rank for axis in axes)


def _expands_rows(op: tf.Operation, rank: int) -> bool:
    axis = _constant(op, 1)
    return axis is not None and int(axis) % (rank + 1) != 0


def _transposes_rows(op: tf.Operation, rank: int) -> bool:
    order = _constant(op, 1)
    return order is not None and order[0] == 0


def _pads_rows(op: tf.Operation, rank: int) -> bool:
    paddings = _constant(op, 1)
    return paddings is not None and not paddings[0].any()


def _slices_rows(op: tf.Operation, rank: int) -> bool:
    """Say whether a slice keeps the first axis whole, as `x[:, 0]` and `x[..., 0]` do."""
    begin, stride = _constant(op, 1), _constant(op, 3)
    if begin is None or stride is None or op.get_attr("new_axis_mask") & 1:
        return False
    if op.get_attr("ellipsis_mask") & 1:
        return len(begin) - 1 < rank
    whole = op.get_attr("begin_mask") & op.get_attr("end_mask") & 1
    return bool(whole) and stride[0] == 1 and not op.get_attr("shrink_axis_mask") & 1


# Operations whose first input has rows → when each row of the result depends on its row only.
RULES = {
    **dict.fromkeys(("BiasAdd", "Conv2D", "DepthwiseConv2dNative"), lambda op, rank: True),
    **dict.fromkeys(("LogSoftmax", "Softmax"), lambda op, rank: rank > 1),
    **dict.fromkeys(("AvgPool", "MaxPool"), _pools_rows),
    **dict.fromkeys(("MirrorPad", "Pad", "PadV2"), _pads_rows),
    **dict.fromkeys(REDUCTIONS, _reduces_rows),
    "ExpandDims": _expands_rows,
    "MatMul": lambda op, rank: not op.get_attr("transpose_a"),
    "OneHot": lambda op, rank: op.get_attr("axis") != 0,
    "Squeeze": _squeezes_rows,
    "StridedSlice": _slices_rows,
    "Transpose": _transposes_rows,
}
