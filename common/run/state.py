"""What a checkpoint says of its run, checked as a whole when it is read.

It is stored as JSON in one variable of type string:

    run          counts the runs that were started from the beginning in one folder, from 1
    step         steps done; global_step: what the graph has counted, usually the same
    facts        settings, number of steps and checksums of the data: equal ones give equal runs
    history      the learning curve so far
    seconds      spent on training

Older versions wrote neither `run` nor the two steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from common.run.contents import (
    LONGEST,
    entry,
    kind_of,
    number,
    parse_json,
    read_history,
    require,
    whole,
)
from common.run.files import json_text, reason_of

import numpy as np
import tensorflow.compat.v1 as tf

VARIABLE = "run_state"


class State(NamedTuple):
    """What is known of a run beside its variables."""

    run: int
    step: int
    global_step: int
    facts: dict[str, Any]
    history: list[dict[str, float]]
    seconds: float

    def to_json(self) -> str:
        """Return the text that is stored in a checkpoint."""
        return json_text(self._asdict())


def parse_state(text: str | bytes, global_step: int) -> State:
    """Return the state that a checkpoint's text stands for.

    Args:
        text: what `State.to_json` returned, or anything.
        global_step: the variable of that name in the same checkpoint.

    Raises:
        ValueError: it is not a state, or an impossible one; the message says why.
    """
    value = require(parse_json(text), dict, "state")
    facts = entry(value, "facts", dict)
    planned = whole(facts.get("steps"), "number of steps", 1)
    entry(facts, "data", str)
    # A training step that a reader wrote may count otherwise than by one.
    step = whole(value.get("step", global_step), "step", 0, planned)
    counted = value.get("global_step", step)
    if type(counted) is not int or counted != global_step:
        raise ValueError(f"its global_step is {global_step}, and its state says {counted!r:.40}")
    history = read_history(value.get("history"), step)
    if step == planned and (not history or history[-1]["step"] < step):
        raise ValueError("its history lacks the last epoch")
    seconds = number(value.get("seconds"), "seconds", 0, LONGEST)
    run = whole(value.get("run", 0), "run", 0)
    return State(run, step, counted, facts, history, seconds)


def read_state(prefix: str, global_step: str = "global_step") -> State:
    """Return the state that is stored in a checkpoint.

    Args:
        prefix: the checkpoint's path without `.index`.
        global_step: the name of that variable.

    Raises:
        ValueError: there is none, or a damaged one; the message says why.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        text, counted = reader.get_tensor(VARIABLE), reader.get_tensor(global_step)
    except Exception as error:  # TensorFlow raises many kinds for a damaged file
        raise ValueError(reason_of(error)) from None
    if type(text) is not bytes:
        raise ValueError(f"its {VARIABLE} is not a text")
    if not isinstance(counted, np.integer):
        raise ValueError(f"its {global_step} is {kind_of(counted)}, not a whole number")
    return parse_state(text, int(counted))


class Found(NamedTuple):
    """A checkpoint in a folder."""

    prefix: str
    state: State | None
    problem: str
    """Why it has no state."""


def found_checkpoints(folder: Path, global_step: str = "global_step") -> list[Found]:
    """Return the checkpoints in `folder`, in the order in which they were written.

    That is known from what they hold: the number of the run, then the step. The time of a file
    says when it was copied, or what a clock said. One without a state counts to the newest run.
    """
    found = []
    for path in folder.glob("step-*.index"):
        prefix = str(path.with_suffix(""))
        try:
            found.append(Found(prefix, read_state(prefix, global_step), ""))
        except ValueError as error:
            found.append(Found(prefix, None, str(error)))
    newest = max((one.state.run for one in found if one.state), default=0)

    def order(one: Found) -> tuple[int, int, str]:
        name = one.prefix.rpartition("-")[2]
        in_name = int(name) if name.isascii() and name.isdigit() and len(name) < 20 else 0
        return (*((one.state.run, one.state.step) if one.state else (newest, in_name)), one.prefix)

    return sorted(found, key=order)
