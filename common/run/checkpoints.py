"""A run on disk: every number that it needs to go on as if it had never stopped.

A checkpoint holds all variables (the optimizer's and the global step among them) and, in one more
variable of type string, the settings and the learning curve so far. Mini-batches and dropout are
functions of the seed and the step, so nothing else is needed.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from common import UsageError, UserError
from common.run.files import explained, reason_of

import tensorflow.compat.v1 as tf

KEPT = 3
LENGTH = {"epochs", "iterations", "steps"}
ENDLESS_SCHEDULES = ("constant", "exponential", "staircase")
# Settings that do not change what is computed, or by no more than the last digits.
FREE_SETTINGS = {
    *("model", "command", "data_dir", "output_dir", "resume", "show", "evaluate_at"),
    *("input_channel", "tensorboard", "divide_steps", "transpose"),
}


def decisive_settings(settings: Namespace) -> dict[str, Any]:
    """Return the settings that decide what a run computes; equal ones give equal runs.

    The values are as JSON gives them back. Which data are used is told by their fingerprint.
    """
    chosen = {name: value for name, value in vars(settings).items() if name not in FREE_SETTINGS}
    return json.loads(json.dumps(chosen))


class Checkpoints:
    """The newest few checkpoints of one run.

    Args:
        session: the open session whose graph is saved. A string variable and the operations that
            save and restore are added to its graph.
        facts: what must be equal when a run is resumed, beside the settings.
    """

    def __init__(self, session: tf.Session, facts: dict[str, Any]) -> None:
        self._session = session
        self._folder = session.state.folder / "checkpoints"
        self._facts = decisive_settings(session.state.settings) | facts
        with session.graph.as_default(), tf.device("/cpu:0"):
            self._step = tf.train.get_or_create_global_step()
            self._state = tf.Variable("", trainable=False, name="run_state")
            self._new_state = tf.placeholder(tf.string, [])
            self._assign_state = tf.assign(self._state, self._new_state)
            self._saver = tf.train.Saver(max_to_keep=KEPT)
        session.run(self._state.initializer)

    def save(self, step: int, seconds: float) -> None:
        """Write a checkpoint of the session as it is after `step` steps and `seconds` seconds.

        Raises:
            UserError: it cannot be written; the earlier checkpoints are intact.
        """
        state = {"facts": self._facts, "history": self._session.state.history, "seconds": seconds}
        self._session.run(self._assign_state.op, {self._new_state: json.dumps(state)})
        prefix = self._folder / "step"
        with explained(prefix.with_name(f"step-{step}")):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._saver.last_checkpoints:
                # What an earlier run left here counts as older than ours, and goes in its turn.
                self._saver.recover_last_checkpoints(found_checkpoints(self._folder))
            try:
                self._saver.save(self._session, str(prefix), step, write_meta_graph=False)
            finally:
                # What TensorFlow could not finish, now or in a run that was killed.
                for path in self._folder.glob("*.tempstate*"):
                    path.unlink()

    def restore(self) -> tuple[int, float]:
        """Put the session into the state of the newest intact checkpoint.

        Returns:
            steps done and seconds spent on them, both 0 where there is no checkpoint yet: the same
            command can be restarted until the run is finished.

        Raises:
            UserError: none of the checkpoints is intact.
            UsageError: it belongs to a run with other settings.
        """
        found = found_checkpoints(self._folder)
        if not found:
            print(f"No checkpoint in {self._folder}: the run starts from the beginning.")
            return 0, 0.0
        for prefix in reversed(found):
            try:
                self._saver.restore(self._session, prefix)
                state = json.loads(self._session.run(self._state.value()))
                break
            except (tf.errors.OpError, ValueError) as error:
                print(f"The checkpoint {prefix} is damaged: {reason_of(error)}", file=sys.stderr)
        else:
            raise UserError(
                f"none of the checkpoints in {self._folder} can be read for this network. "
                "Delete the folder and run without --resume to start again."
            )
        self._require_same(state["facts"])
        self._session.state.history[:] = state["history"]
        return int(self._session.run(self._step.value())), state["seconds"]

    def _require_same(self, then: dict[str, Any]) -> None:
        now = self._facts
        differing = sorted(k for k in now.keys() | then.keys() if now.get(k) != then.get(k))
        planned = _planned_to_the_end(now)
        if not planned:  # then the number of steps changes no step, only when to stop
            differing = [k for k in differing if k not in LENGTH]
        if differing:
            listed = "; ".join(f"{k} was {then.get(k)}, now {now.get(k)}" for k in differing)
            if set(differing) <= LENGTH:
                listed += f" (this run cannot be made longer: {planned} depends on its length)"
            raise UsageError(
                f"cannot resume the run in {self._session.state.folder} with other settings: "
                f"{listed}. Use the same flags, or start a new run in another --output-dir."
            )


def _planned_to_the_end(settings: dict[str, Any]) -> str:
    """Return what in each step depends on the number of steps in the run; "" for nothing."""
    if settings["decay"] not in ENDLESS_SCHEDULES:
        return f"the learning rate of the schedule {settings['decay']}"
    return "the strength of --augment" if settings.get("augment") else ""


def advice(settings: Namespace) -> str:
    """Return what to do for a longer run than a finished one."""
    planned = _planned_to_the_end(vars(settings))
    if not planned:
        return "Give more --epochs to continue it."
    return (
        f"It cannot be continued, since {planned} has ended with it: for a longer run, start a new "
        "one with more --epochs, another --output-dir and without --resume."
    )


def found_checkpoints(folder: Path) -> list[str]:
    """Return the prefixes of the checkpoints in `folder`, oldest first."""
    prefixes = [path.with_suffix("") for path in folder.glob("step-*.index")]
    return [str(prefix) for prefix in sorted(prefixes, key=_time_written)]


def _time_written(prefix: Path) -> int:
    return prefix.with_suffix(".index").stat().st_mtime_ns
