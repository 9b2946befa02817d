"""The numbers of a shape that is computed in the graph, as far as they are known."""

from __future__ import annotations

from collections.abc import Container

import tensorflow.compat.v1 as tf

Numbers = list[int | None]


def numbers_of(tensor: tf.Tensor, with_rows: Container[str]) -> Numbers | None:
    """Return the numbers of a shape tensor, None for the number of rows of the mini-batch.

    Args:
        tensor: integers, a scalar or a vector.
        with_rows: the names of the tensors that have a row for each example.

    Returns:
        its numbers; None in place of the list where they are not known.
    """
    compute = OPERATIONS.get(tensor.op.type)
    if compute:
        return compute(tensor.op, with_rows)
    value = tf.get_static_value(tensor)
    if value is None or value.dtype.kind not in "iu" or value.ndim > 1:
        return None
    return value.ravel().tolist()


def _all_of(op: tf.Operation, with_rows: Container[str]) -> list[Numbers] | None:
    """Return the numbers of all inputs, none of which may depend on the number of rows."""
    found = [numbers_of(tensor, with_rows) for tensor in op.inputs]
    return None if any(numbers is None or None in numbers for numbers in found) else found


def _shape(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    shape = op.inputs[0].shape
    if shape.is_fully_defined():
        return shape.as_list()
    dims = shape.as_list() if shape.ndims else [0]
    is_known = dims[0] is None and None not in dims[1:] and op.inputs[0].name in with_rows
    return dims if is_known else None


def _same(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    if not (op.inputs[0].dtype.is_integer and op.outputs[0].dtype.is_integer):
        return None  # a boolean, for example, is 1 for any number
    return numbers_of(op.inputs[0], with_rows)


def _join(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    inputs = op.inputs[:-1] if op.type == "ConcatV2" else op.inputs
    parts = [numbers_of(tensor, with_rows) for tensor in inputs]
    return None if None in parts else [number for part in parts for number in part]


def _subtract(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    found = _all_of(op, with_rows)
    if not found or len(found[0]) != len(found[1]):
        return None
    return [a - b for a, b in zip(*found, strict=True)]


def _slice(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    numbers = numbers_of(op.inputs[0], with_rows)
    begin, size = (numbers_of(tensor, with_rows) for tensor in op.inputs[1:])
    if not numbers or not begin or not size or None in begin + size:
        return None
    return numbers[begin[0] :][: size[0] if size[0] >= 0 else None]


def _strided_slice(op: tf.Operation, with_rows: Container[str]) -> Numbers | None:
    numbers = numbers_of(op.inputs[0], with_rows)
    begin, end, stride = (numbers_of(tensor, with_rows) for tensor in op.inputs[1:])
    unusual = op.get_attr("ellipsis_mask") or op.get_attr("new_axis_mask") or stride != [1]
    if not numbers or not begin or not end or None in begin + end or unusual:
        return None
    if op.get_attr("shrink_axis_mask"):
        return [numbers[begin[0]]]
    start = None if op.get_attr("begin_mask") else begin[0]
    return numbers[start : None if op.get_attr("end_mask") else end[0]]


OPERATIONS = {
    "Cast": _same,
    "ConcatV2": _join,
    "Identity": _same,
    "Pack": _join,
    "Shape": _shape,
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "Sub": _subtract,
}
