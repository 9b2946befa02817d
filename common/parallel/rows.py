"""May a mini-batch be divided? Only where the result is provably the same.

A loss may be computed in parts, each from some rows of the mini-batch, where two things are
certain: each row of a tensor depends on the same row of the placeholders and on nothing else that
differs between rows, and the loss is a mean over the rows. `examine` follows the graph from the
placeholders to the loss and looks each operation up in operations.py. An operation that is not
known, or is used in another way, ends the examination with the reason why the mini-batch stays in
one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from common.augmentation import AUGMENTED
from common.layers import MOMENTS, BatchMoments
from common.parallel.operations import (
    NOISE,
    SHAPES,
    is_mean_of_all,
    is_row_wise,
    row_shape_after,
)
from common.parallel.shapes import numbers_of

import tensorflow.compat.v1 as tf

READS = {"ReadVariableOp", "VarHandleOp"}
# Of common/augmentation.py, whose distortions treat each image by itself. After a change that keeps
# this true, a test says which checksum to write here.
AUGMENTATION = "784019469ab0205e15ba7676a09da395eccb8b5edff1362176cb299d9d7b13d3"


class Kind(Enum):
    """How a tensor depends on the mini-batch."""

    SAME = "the same for all rows"
    SYNCHRONISED = "mean or variance over all rows, from batch normalisation, or computed from it"
    ROWS = "a row for each example, which depends on this example's rows only"
    COUNT = "computed from the number of rows, as a shape is"
    MEAN = "a mean over the rows, scaled and shifted by numbers that are the same for all rows"


SAME, SYNCHRONISED, ROWS, COUNT, MEAN = Kind


class NotDivisibleError(Exception):
    """Why a mini-batch cannot be divided, as the rest of a sentence after "since"."""


class Plan(NamedTuple):
    """What `examine` has found out about the operations between the placeholders and the loss."""

    placeholders: list[tf.Tensor]  # those with rows
    noise: list[tf.Operation]  # operations that draw random numbers for each row
    moments: list[BatchMoments]  # those of batch normalisation, in the order of the layers
    operations: list[tf.Operation]  # what each part of the mini-batch needs its own copy of
    shared: list[tf.Operation]  # what is the same for all parts, without placeholders and variables
    unchanging: set[tf.Operation]  # reshapes that change nothing
    kinds: dict[str, Kind]  # tensor name → kind


def signature(tensor: tf.Tensor, leaf: tf.Tensor) -> tuple:
    """Return how a tensor is computed from another one, in a form that can be compared."""
    op = tensor.op
    if tensor is leaf:
        return ("leaf",)
    if op.type == "Const" and not op.control_inputs:
        return ("Const", tf.get_static_value(tensor).tolist())
    attributes = {
        key: value.SerializeToString(deterministic=True)
        for key, value in op.node_def.attr.items()
        if not key.startswith("_output_shapes")
    }
    controls = [one.name for one in op.control_inputs]
    inputs = [signature(one, leaf) for one in op.inputs]
    return (op.type, tensor.value_index, sorted(attributes.items()), controls, inputs)


def is_known(distort: Callable) -> bool:
    """Say whether a function is that of common/augmentation.py as it was looked at."""
    file = Path(distort.__code__.co_filename)
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == AUGMENTATION


def examine(loss: tf.Tensor, more: Sequence[tf.Tensor] = ()) -> Plan:
    """Find out whether a loss may be computed in parts of the mini-batch.

    Args:
        loss: float32 scalar.
        more: other tensors that the step computes. They must be the same for all rows, or depend on
            the rows through the moments of batch normalisation only.

    Raises:
        NotDivisibleError: it is not certain that the result is the same.
    """
    examination = _Examination(loss.graph)
    for op in examination.ancestors([loss, *more]):
        examination.classify(op)
    plan = examination.plan
    kinds = plan.kinds
    if kinds[loss.name] is not MEAN:
        raise NotDivisibleError(f"the loss {loss.op.name} is not a mean over the examples")
    if any(kinds[tensor.name] not in (SAME, SYNCHRONISED) for tensor in more):
        raise NotDivisibleError("an operation in UPDATE_OPS depends on single examples")
    if any(kinds[moments.layer.name] is not ROWS for moments in plan.moments):
        raise NotDivisibleError("batch normalisation is used on something other than examples")
    plan.moments.sort(key=loss.graph.get_collection(MOMENTS).index)
    return plan


class _Examination:
    """One walk through a graph, from the placeholders on."""

    def __init__(self, graph: tf.Graph) -> None:
        self.graph = graph
        self.plan = Plan([], [], [], [], [], set(), {})
        self.row_shapes: dict[str, list[int]] = {}
        self.noted = {
            t.name: m for m in graph.get_collection(MOMENTS) for t in (m.mean, m.variance)
        }
        self.trusted = {
            one.images.name for one in graph.get_collection(AUGMENTED) if is_known(one.distort)
        }

    def ancestors(self, wanted: Iterable[tf.Tensor]) -> list[tf.Operation]:
        """Return the operations that compute `wanted`, each after those that it depends on.

        Behind noted moments the walk goes on with the layer whose moments they are.
        """
        found: set[tf.Operation] = set()
        todo = [tensor.op for tensor in wanted]
        while todo:
            op = todo.pop()
            if op in found:
                continue
            found.add(op)
            if op.type not in READS:
                inputs = (
                    self.noted[t.name].layer if t.name in self.noted else t for t in op.inputs
                )
                todo += [tensor.op for tensor in inputs]
                todo += op.control_inputs
        return [op for op in self.graph.get_operations() if op in found]

    def classify(self, op: tf.Operation) -> None:
        """Note the kind of an operation's results, and what a part needs of it."""
        plan = self.plan
        for tensor in op.inputs:
            if tensor.name in self.noted:
                plan.kinds[tensor.name] = SYNCHRONISED
                if all(self.noted[tensor.name] is not moments for moments in plan.moments):
                    self._require_moments(self.noted[tensor.name])
                    plan.moments.append(self.noted[tensor.name])
        kind = self._kind(op)
        for tensor in op.outputs:
            plan.kinds.setdefault(tensor.name, kind)
            dims = tensor.shape.as_list() if tensor.shape.ndims else [0]
            if kind is ROWS and dims[0] is None and None not in dims[1:]:
                self.row_shapes.setdefault(tensor.name, dims[1:])
        if op.type in READS or op.type.startswith("Placeholder") or op in plan.noise:
            return
        (plan.shared if kind is SAME else plan.operations).append(op)

    def _require_moments(self, moments: BatchMoments) -> None:
        """Require that noted moments are what tf.nn.moments computes of their layer."""
        with tf.Graph().as_default():
            layer = tf.placeholder(moments.layer.dtype, moments.layer.shape)
            expected = tf.nn.moments(layer, moments.axes)
        found = (moments.mean, moments.variance)
        if [signature(t, moments.layer) for t in found] != [signature(t, layer) for t in expected]:
            raise NotDivisibleError(f"{moments.mean.name} is not that of tf.nn.moments")

    def _kind(self, op: tf.Operation) -> Kind:
        where = f"{op.type} ({op.name})"
        if op.type == "Placeholder":
            return self._kind_of_placeholder(op.outputs[0], where)
        if op.type in READS:
            if op.control_inputs:
                raise NotDivisibleError(f"{where} depends on another operation")
            return SAME
        if any(tensor.name not in self.plan.kinds for tensor in op.inputs):
            raise NotDivisibleError(f"{where} is part of a loop")
        if op.op_def.is_stateful:
            if "Random" in op.type:
                raise NotDivisibleError(
                    f"{where} draws new random numbers each time it runs, which a resumed run does "
                    "not repeat; common.layers.dropout does"
                )
            raise NotDivisibleError(f"{where} has a state or a side effect")
        if "_gradient_op_type" in op.node_def.attr:
            raise NotDivisibleError(f"{where} has a custom gradient")
        kind = self._kind_from_inputs(op)
        if kind is None:
            raise NotDivisibleError(f"{where} is not known to treat each example by itself")
        return kind

    def _kind_of_placeholder(self, tensor: tf.Tensor, where: str) -> Kind:
        dims = tensor.shape.as_list() if tensor.shape.ndims is not None else [None, None]
        if None not in dims:
            return SAME
        if dims[0] is not None or None in dims[1:]:
            raise NotDivisibleError(f"the shape of {where} is unknown")
        self.plan.placeholders.append(tensor)
        return ROWS

    def _kind_from_inputs(self, op: tf.Operation) -> Kind | None:
        """Return the kind of an operation's results; None where it is not certain."""
        kinds = {self.plan.kinds[tensor.name] for tensor in op.inputs}
        if op.type == "PlaceholderWithDefault":
            known = op.outputs[0].shape.is_fully_defined()
            return SAME if known and kinds <= {SAME} else None
        if kinds <= {SAME}:
            return SAME
        if kinds <= {SAME, SYNCHRONISED}:
            return SYNCHRONISED
        if MEAN in kinds:
            return MEAN if self._is_affine(op) else None
        if op.type == "Reshape":
            before = self.row_shapes.get(op.inputs[0].name)
            after = row_shape_after(op, self.row_shapes)
            if after is None or self.plan.kinds[op.inputs[1].name] not in (SAME, COUNT):
                return None
            self.row_shapes[op.outputs[0].name] = after
            if after == before:
                self.plan.unchanging.add(op)
            return ROWS
        if COUNT in kinds:
            return self._kind_from_count(op)
        first = op.inputs[0].name
        if op.type == "Shape":
            return COUNT if first in self.row_shapes else None
        if first in self.row_shapes and is_mean_of_all(op, 1 + len(self.row_shapes[first])):
            return MEAN
        with_rows = {t.name for t in op.inputs if self.plan.kinds[t.name] is ROWS}
        if is_row_wise(op, with_rows, self.row_shapes) or self._is_augmentation(op):
            return ROWS
        return None

    def _is_affine(self, op: tf.Operation) -> bool:
        """Say whether an operation only multiplies a mean and adds to it, by and with scalars."""
        is_mean = [self.plan.kinds[tensor.name] is MEAN for tensor in op.inputs]
        for tensor, mean in zip(op.inputs, is_mean, strict=True):
            is_scalar = tensor.shape.ndims == 0
            same = self.plan.kinds[tensor.name] in (SAME, SYNCHRONISED)
            if not mean and not (is_scalar and same):
                return False
        if op.type in {"Div", "Mul", "RealDiv"}:
            return sum(is_mean) == 1 and (op.type == "Mul" or is_mean[0])
        return op.type in {"Add", "AddN", "AddV2", "Identity", "Neg", "Sub"}

    def _kind_from_count(self, op: tf.Operation) -> Kind | None:
        """Return the kind of what is made with the number of rows: a shape, or of a shape."""
        kinds = [self.plan.kinds[tensor.name] for tensor in op.inputs]
        if op.type in SHAPES and set(kinds) <= {SAME, COUNT}:
            return COUNT
        if op.type in NOISE | {"Fill"} and set(kinds[1:]) <= {SAME}:
            shape = numbers_of(op.inputs[0], self.row_shapes)
            if shape and shape[0] is None and None not in shape[1:]:
                if op.type in NOISE:
                    self.plan.noise.append(op)
                self.row_shapes[op.outputs[0].name] = shape[1:]
                return ROWS
        return None

    def _is_augmentation(self, op: tf.Operation) -> bool:
        """Say whether an operation is the condition in which augmentation.py distorts images.

        What is inside cannot be seen from here. So it must be the file that was looked at.
        """
        results = [t.name for one in op.outputs[0].consumers() for t in one.outputs]
        return op.type == "StatelessIf" and not self.trusted.isdisjoint(results)
