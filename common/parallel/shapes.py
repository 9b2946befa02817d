"""The numbers of a shape that is computed in the graph, as far as they are known."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

Numbers = list[int | None]


def numbers_of(tensor: tf.Tensor) -> Numbers | None:
    """Return the numbers of a shape tensor, None for the number of rows of the mini-batch.

    Args:
        tensor: integers, a scalar or a vector.

    Returns:
        its numbers; None in place of the list where they are not known.
    """
    compute = OPERATIONS.get(tensor.op.type)
    if compute:
        return compute(tensor.op)
    value = tf.get_static_value(tensor)
    if value is None or value.dtype.kind not in "iu" or value.ndim > 1:
        return None
    return value.ravel().tolist()


def _all_of(op: tf.Operation) -> list[Numbers] | None:
    """Return the numbers of all inputs, none of which may depend on the number of rows."""
    found = [numbers_of(tensor) for tensor in op.inputs]
    return None if any(numbers is None or None in numbers for numbers in found) else found


def _shape(op: tf.Operation) -> Numbers | None:
    dims = op.inputs[0].shape.as_list() if op.inputs[0].shape.ndims else [0]
    return dims if dims[0] is None and None not in dims[1:] else None


def _same(op: tf.Operation) -> Numbers | None:
    return numbers_of(op.inputs[0])


def _join(op: tf.Operation) -> Numbers | None:
    inputs = op.inputs[:-1] if op.type == "ConcatV2" else op.inputs
    parts = [numbers_of(tensor) for tensor in inputs]
    return None if None in parts else [number for part in parts for number in part]


def _subtract(op: tf.Operation) -> Numbers | None:
    found = _all_of(op)
    if not found or len(found[0]) != len(found[1]):
        return None
    return [a - b for a, b in zip(*found, strict=True)]


def _slice(op: tf.Operation) -> Numbers | None:
    numbers = numbers_of(op.inputs[0])
    begin, size = (numbers_of(tensor) for tensor in op.inputs[1:])
    if not numbers or not begin or not size or None in begin + size:
        return None
    return numbers[begin[0] :][: size[0] if size[0] >= 0 else None]


def _strided_slice(op: tf.Operation) -> Numbers | None:
    numbers = numbers_of(op.inputs[0])
    begin, end, stride = (numbers_of(tensor) for tensor in op.inputs[1:])
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
