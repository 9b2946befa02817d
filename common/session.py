"""The Session, and the state of a run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import UserError
from common.layers import find_global_step
from common.networks import Net
from common.objective import AVERAGES, DIVERGED, RATES
from common.parallel import ancestors, open_session
from common.plots import require_display
from common.process.text import visible
from common.run.files import lock_folder, require_writable_folder
from common.run.own import rates_in_use

import tensorflow.compat.v1 as tf


@dataclass
class RunState:
    """The state of a run, except for the variables; it is `session.state`."""

    net: Net
    settings: Namespace
    folder: Path  # the output directory, which no other run may use until the session is closed
    history: list[dict[str, float]] = field(default_factory=list)  # rows of the learning curve
    frames: list[Any] = field(default_factory=list)  # what --film shows
    own_state: str = ""  # a line on operations whose state is no variable: see `forgotten`
    counted: int = 0  # the global step at the last checkpoint
    left: Any = None  # see `Left` in run/curve.py
    batches: Any = None  # a weak reference to what `mini_batches` has returned


def new_session(net: Net, settings: Namespace) -> tf.Session:
    """Open a session on the net's graph and give every variable its initial value.

    It is a `tf.Session` that runs the same graph in less time; `session.step_description` says how
    a training step is computed.

    Args:
        net: what `build_graph` returned.
        settings: `output_dir`, and how fast the run may be: `divide_steps`, `bfloat16`.

    Returns:
        the session, to be used in a `with` statement, which also closes it. In a cluster only the
        chief gets one: the other machines work for it in here, and end when training ends.

    Raises:
        UserError: the output directory cannot be used, another machine does not come, or `--show`
            was given where no window can be opened.
        SystemExit: training has ended, on a machine that is not the chief.
    """
    with net.graph.as_default():
        find_global_step()  # an optimizer of tf.train makes none
        initialize = tf.global_variables_initializer()
    rates = net.graph.get_collection_ref(RATES)
    if rates:  # new_optimizer may stand in a script and not train
        rates[:] = rates_in_use(rates, ancestors(*tf.nest.flatten(net.train_step)))
    if not rates:  # the script has an optimizer of its own
        own = {"optimizer": "the script's own", "learning_rate": None}
        settings = copy(settings)
        vars(settings).update(own)
    if net.graph.seed is None:
        print("The graph has no tf.set_random_seed: the weights begin differently in each run.")
    if settings.show:
        require_display()
    session = open_session(net, settings)
    try:
        folder = require_writable_folder(settings.output_dir)
        session.at_close.append(lock_folder(folder).close)
    except UserError:
        with session:  # which closes it, and in a cluster tells the other machines why
            raise
    if (folder / "metrics.json").exists() and not settings.resume:
        print(f"{visible(folder)} holds the results of an earlier run, which this run replaces.")
    session.state = RunState(net, settings, folder)
    session.translate_error = lambda error: _explained(error, session)
    session.run(initialize)
    return session


def _explained(error: tf.errors.OpError, session: tf.Session) -> Exception:
    """Return a sentence in place of TensorFlow's error where the loss has diverged."""
    return diverged(session) if DIVERGED in error.message else error


def counted_steps(session: tf.Session) -> int:
    """Return the global step: how many training steps the graph has counted."""
    with session.graph.as_default():
        return int(session.run(find_global_step().value()))


def diverged(session: tf.Session) -> UserError:
    """Return the error for a loss that is NaN or too large after the steps done so far."""
    done = counted_steps(session)
    if done == 0:
        return UserError(
            "the loss is no finite number below a million in step 1, before any weight has "
            "changed, so the loss itself is the cause: a logarithm of 0, a division by 0, or a sum "
            "where a mean is meant."
        )
    peak = session.state.settings.learning_rate
    mend = "learning rate, and look for a logarithm of 0 and a division by 0"
    if peak is not None:
        mend = f"--learning-rate than {peak:g}"
    return UserError(
        f"after {done} step{'s' * (done != 1)} the loss is no longer a finite number below a "
        f"million: the weights grew without bound. Try a lower {mend}; the checkpoints written so "
        "far are intact."
    )


@contextmanager
def averaged_weights(session: tf.Session) -> Iterator[None]:
    """Inside the block, let the net use the moving averages of its weights, if it has any.

    Weights and averages are swapped, and swapped back: training continues with the weights.
    """
    pairs = session.graph.get_collection(AVERAGES)
    if not pairs:
        yield
        return
    name = "swap_averages"
    if not session.graph.get_collection(name):
        with session.graph.as_default():
            # Copies: the value of a variable may be its memory.
            values = [tf.raw_ops.DeepCopy(x=v.value()) for pair in pairs for v in pair]
            targets = [v for variable, average in pairs for v in (average, variable)]
            with tf.control_dependencies(values):
                assigns = [tf.assign(t, v) for t, v in zip(targets, values, strict=True)]
                tf.add_to_collection(name, tf.group(*assigns))
    (swap,) = session.graph.get_collection(name)
    session.run(swap)
    try:
        yield
    finally:
        session.run(swap)
