"""May the training step be divided over machines, and what do they need for it?"""

from __future__ import annotations

from typing import NamedTuple

from common import UserError
from common.networks import Net
from common.objective import STEPS, TrainingStep
from common.parallel.halves import examine_step
from common.parallel.rows import SAME, NotDivisibleError, Plan

import tensorflow.compat.v1 as tf


class DividedStep(NamedTuple):
    """A training step that can be computed in parts of the mini-batch."""

    original: TrainingStep
    plan: Plan
    updates: list[tf.Operation]  # the graph's UPDATE_OPS
    changes: list[tf.Tensor]  # values that they assign and that depend on the mini-batch
    placeholders: list[tf.Operation]  # those that the loss depends on
    reads: list[tf.Operation]  # what reads the variables that the loss depends on


def divided_step(net: Net) -> DividedStep:
    """Return the training step of a net as the machines can compute it.

    Args:
        net: `graph` and `train_step`.

    Raises:
        UserError: it is not certain that the machines together would do what one machine does.
    """
    try:
        noted = [one for one in net.graph.get_collection(STEPS) if one.operation is net.train_step]
        if not noted:
            raise NotDivisibleError(
                "the training step is not what minimize() of new_optimizer() returned"
            )
        return _examined(noted[0])
    except NotDivisibleError as reason:
        raise refusal(reason) from reason


def refusal(reason: object) -> UserError:
    """Return the error that ends a run whose training step cannot be divided."""
    return UserError(
        f"cannot train on several machines, since {reason}. Unset TF_CONFIG to train on this "
        "machine alone."
    )


def _examined(step: TrainingStep) -> DividedStep:
    updates, plan = examine_step(step)
    values = {op.inputs[1].name: op.inputs[1] for op in updates}
    changes = [value for name, value in values.items() if plan.kinds[name] is not SAME]
    for tensor in (*changes, *step.variables):
        if not tensor.shape.is_fully_defined():
            raise NotDivisibleError(f"the shape of {tensor.name} is unknown")
    examined = [
        op
        for op in step.loss.graph.get_operations()
        if op.outputs and op.outputs[0].name in plan.kinds
    ]
    reads = [op for op in examined if op.type == "ReadVariableOp"]
    for op in reads:
        if op.control_inputs or op.inputs[0].op.type != "VarHandleOp":
            raise NotDivisibleError(f"{op.type} ({op.name}) depends on another operation")
    placeholders = [op for op in examined if op.type.startswith("Placeholder")]
    return DividedStep(step, plan, updates, changes, placeholders, reads)
