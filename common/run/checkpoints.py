"""A run on disk: every number that it needs to continue as if it had never stopped.

A checkpoint holds all variables (the optimizer's and the global step among them) and, in one more
variable of type string, the settings and the learning curve so far. Mini-batches and dropout are
functions of the seed and the step, so nothing else is needed.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from common import UsageError, UserError
from common.layers import find_global_step
from common.process.alike import dashes
from common.process.text import visible
from common.run.code import code_checksum
from common.run.files import explained, reason_of
from common.run.state import VARIABLE, Found, State, found_checkpoints
from common.run.teacher import checksum

import tensorflow.compat.v1 as tf
from tqdm import tqdm

KEPT = 3
MOST_NAMED = 8  # settings in an error message
LENGTH = {"epochs", "iterations", "steps"}
ENDLESS_SCHEDULES = ("constant", "exponential", "staircase")
Differences = dict[str, tuple[Any, Any]]  # the name of a setting, or of a variable: then, now
# Settings that do not change what is computed, or by no more than the last digits.
FREE_SETTINGS = {
    *("model", "command", "data_dir", "output_dir", "resume", "show", "evaluate_at"),
    *("film", "input_channel", "tensorboard", "divide_steps", "transpose"),
}


def decisive_settings(settings: Namespace) -> dict[str, Any]:
    """Return the settings that decide what a run computes; equal ones give equal runs.

    The values are as JSON gives them back. Which data are used is told by their fingerprint.
    """
    chosen = {name: value for name, value in vars(settings).items() if name not in FREE_SETTINGS}
    return json.loads(json.dumps(chosen, default=str))  # a path


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
        if teacher := self._facts.get("teacher"):
            self._facts["teacher"] = f"{teacher} (checksum {checksum(teacher)})"
        script = session.state.settings.model
        self._facts |= {"script": script, "code": code_checksum(script)}
        with session.graph.as_default(), tf.device("/cpu:0"):
            self._step = find_global_step()
            self._counted = self._step.value()
            # Of another session on the same graph, if there was one.
            there = [one for one in tf.global_variables() if one.op.name == VARIABLE]
            self._state = there[0] if there else tf.Variable("", trainable=False, name=VARIABLE)
            self._new_state = tf.placeholder(tf.string, [])
            self._assign_state = tf.assign(self._state, self._new_state)
            self._saver = tf.train.Saver(max_to_keep=KEPT, save_relative_paths=True)
        self._told = False  # that steps are counted otherwise than mini-batches
        self._run: int | None = None  # its number among the runs in the folder
        session.run(self._state.initializer)

    def save(self, step: int, seconds: float) -> None:
        """Write a checkpoint of the session as it is after `step` steps and `seconds` seconds.

        Raises:
            UserError: it cannot be written; the earlier checkpoints are intact.
        """
        if not self._saver.last_checkpoints:
            # What an earlier run left here counts as older than ours, and goes in its turn: first
            # what cannot be read.
            earlier = sorted(self._found(), key=lambda one: one.state is not None)
            self._saver.recover_last_checkpoints([one.prefix for one in earlier])
            if self._run is None:
                self._run = 1 + max((one.state.run for one in earlier if one.state), default=0)
        counted = int(self._session.run(self._counted))
        if counted != step and not self._told:
            self._told = True
            tqdm.write(
                f"The global step is {counted:,} after {step:,} mini-batches: schedule and dropout "
                "follow the global step."
            )
        self._session.state.counted = counted
        history = self._session.state.history
        state = State(self._run, step, counted, self._facts, history, seconds)
        self._session.run(self._assign_state.op, {self._new_state: state.to_json()})
        prefix = self._folder / "step"
        with explained(prefix.with_name(f"step-{step}")):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with self._session.graph.as_default():  # where the session was opened without with
                    self._saver.save(self._session, str(prefix), step, write_meta_graph=False)
            finally:
                # What TensorFlow could not finish, now or in a run that was killed.
                for path in self._folder.glob("*.tempstate*"):
                    path.unlink()

    def _found(self) -> list[Found]:
        return found_checkpoints(self._folder, self._step.op.name)

    def restore(self) -> tuple[int, float]:
        """Put the session into the state of the newest intact checkpoint of this run.

        Returns:
            steps done and seconds spent on them, both 0 where there is no checkpoint yet: the same
            command can be restarted until the run is finished.

        Raises:
            UserError: none of the checkpoints is intact.
            UsageError: they belong to runs with other settings.
        """
        found = self._found()
        if not found:
            print(f"No checkpoint in {visible(self._folder)}: the run starts from the beginning.")
            return 0, 0.0
        others: list[tuple[Differences, State]] = []
        for prefix, state, problem in reversed(found):
            if state and (differing := self._differing(prefix, state.facts)):
                others.append((differing, state))
                continue
            try:
                if state is None:
                    raise ValueError(problem)
                with self._session.graph.as_default():
                    self._saver.restore(self._session, prefix)
                break
            except (tf.errors.OpError, ValueError) as error:
                damage = visible(f"The checkpoint {prefix} is damaged: {reason_of(error)}")
                print(damage, file=sys.stderr)
        else:
            raise self._misfit(others)
        if others:
            steps = ", ".join(f"step-{other.step}" for _, other in others)
            print(f"Left out, since their runs had other settings or layers: {steps}.")
        if state.facts.get("code") != self._facts["code"]:
            print(
                "The code has changed since this checkpoint was written; what is left of the run "
                "follows the code as it is now."
            )
        self._run = state.run
        self._session.state.history[:] = state.history
        return state.step, state.seconds

    def _differing(self, prefix: str, then: dict[str, Any]) -> Differences:
        """Return what of the settings would change the run; if nothing, what of the variables."""
        now = self._facts
        names = sorted((now.keys() | then.keys()) - {"code", "script"})
        differing = {k: (then.get(k), now.get(k)) for k in names if now.get(k) != then.get(k)}
        if not _planned_to_the_end(now):  # then the number of steps changes only when to stop
            differing = {k: pair for k, pair in differing.items() if k not in LENGTH}
        if differing:
            return differing
        saved = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
        with self._session.graph.as_default():
            weights, variables = tf.trainable_variables(), tf.global_variables()
        for some in (weights, variables):  # weights first: the optimizer's variables follow them
            pairs = {
                f"variable {v.op.name}": (saved.get(v.op.name, "absent"), v.shape.as_list())
                for v in some
                if v.shape.is_fully_defined()
            }
            differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            if differing:
                break
        return differing

    def _misfit(self, others: list[tuple[Differences, State]]) -> UserError:
        """Return the error where no checkpoint can be continued."""
        if not others:
            return UserError(
                f"none of the checkpoints in {self._folder} can be read. "
                "Delete the folder and run without --resume to start again."
            )
        differing, _ = min(others, key=lambda other: len(other[0]))
        flags = {name: f"--{dashes(name)}" for name in vars(self._session.state.settings)}
        told = [
            f"{flags.get(name, name)} was {then!s:.100}, now {now!s:.100}"
            for name, (then, now) in differing.items()
        ]
        listed = "; ".join(told[:MOST_NAMED])
        if len(told) > MOST_NAMED:
            listed += f"; and {len(told) - MOST_NAMED} more"
        if differing.keys() <= LENGTH:
            planned = _planned_to_the_end(self._facts)
            listed += f" (this run cannot be made longer: {planned} depends on its length)"
        what, same = "settings", "Use the same flags"
        if set(differing) == {"data"}:
            what, same = "data", "Use the same data, changed by the script in the same way"
        own = "the script's own" in differing.get("optimizer", ())
        if own or any(name.startswith("variable ") for name in differing):
            what, same = "layers or another optimizer", "Undo that change of the script"
        return UsageError(
            f"cannot resume the run in {self._session.state.folder} with other {what}: {listed}. "
            f"{same}, or start a new run in another --output-dir."
        )


def _planned_to_the_end(settings: dict[str, Any]) -> str:
    """Return what in each step depends on the number of steps in the run; "" for nothing."""
    if settings["decay"] not in ENDLESS_SCHEDULES:
        if settings["learning_rate"] is None:  # unless --decay says that it is constant
            return (
                "the learning rate of the script's own optimizer, if it changes (--decay constant "
                "from the start says that it does not),"
            )
        return f"the learning rate of the schedule {settings['decay']}"
    fades = settings.get("augment") and settings.get("fading")
    return "the strength of --augment" if fades else ""


def advice(settings: Namespace) -> str:
    """Return what to do for a longer run than a finished one."""
    planned = _planned_to_the_end(vars(settings))
    if not planned:
        return "Give more --epochs to continue it."
    return (
        f"It cannot be continued, since {planned} has ended with it: for a longer run, start a new "
        "one with more --epochs, another --output-dir and without --resume."
    )
