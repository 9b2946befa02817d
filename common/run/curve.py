"""The learning curve of a run: its rows, and the seconds in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from common.data import DataSets, steps_per_epoch
from common.evaluation import evaluate
from common.session import counted_steps

import tensorflow.compat.v1 as tf


class Clock:
    """Seconds spent on training, those before an interruption included."""

    def __init__(self, seconds_before: float) -> None:
        self._start = time.perf_counter() - seconds_before

    @property
    def seconds(self) -> float:
        """What has passed so far."""
        return time.perf_counter() - self._start

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count what the block takes."""
        before = self.seconds
        yield
        self._start = time.perf_counter() - before


def steps_done(session: tf.Session) -> int:
    """Return how many steps a loop has done that was left before its last one; 0 if none was."""
    state = session.state
    if state.batches and (batches := state.batches()):
        batches.close()  # a script may get its mini-batches by next(…), and not ask for the end
    if not state.left:
        return 0
    counted = counted_steps(session)
    # The loop may have been left before its training step or after it.
    before = state.left.counts and counted == state.left.step
    return counted if before else state.left.step + 1


def first_step(session: tf.Session) -> int:
    """Return the step where a new loop goes on after one that was left; 0 if none was."""
    done, left = steps_done(session), session.state.left
    # Where the training step does not count, a mini-batch may have been looked at only: rather is
    # it used twice than never.
    return done if not done or left.counts else left.step


class Left(NamedTuple):
    """Where the loop of mini-batches was left before the last step: by `break`, say."""

    step: int  # mini-batches done before the one that the loop had
    counts: bool  # whether the training step counts the global step
    epoch_length: int
    seconds: float


def measure(
    data: DataSets, session: tf.Session, step: int, epoch: float, clock: Clock | Left
) -> dict[str, float]:
    """Measure the net on the validation split and on as many training examples.

    The same training examples each time, so that this curve is no noisier than the validation
    curve: the accuracy on one mini-batch would change by almost a percent with each image.
    """
    training = evaluate(session, data.train.first(len(data.validation)), "Validating")
    validation = evaluate(session, data.validation, "Validating")
    return {
        "step": step,
        "epoch": epoch,
        "train_loss": training.loss,
        "train_accuracy": training.accuracy,
        "validation_loss": validation.loss,
        "validation_accuracy": validation.accuracy,
        "seconds": clock.seconds,
    }


def measure_where_left(data: DataSets, session: tf.Session) -> str:
    """Add the row that is missing where the loop was left in the middle of an epoch.

    Returns:
        a line on that, or on a loop or weights of the script's own; "" if all is as usual.
    """
    state = session.state
    if state.batches is None:
        line = (
            "The loop does not use mini_batches: nothing was measured in it, no checkpoint was "
            "written, and flags such as --epochs, --batch-size, --resume, --evaluate-at, --film "
            "and --tensorboard had no effect."
        )
        settings = state.settings
        if settings.learning_rate is None:  # the script's own optimizer
            return line
        per_epoch = steps_per_epoch(len(data.train), settings.batch_size)
        planned = settings.iterations or settings.epochs * per_epoch
        rate = f"The learning rate follows the global step, {counted_steps(session):,} of"
        return f"{line} {rate} {planned:,}."
    done = steps_done(session)
    left, history = state.left, state.history
    if (counted := counted_steps(session)) < state.counted:
        return (
            f"The global step is {counted:,}, and was {state.counted:,} at the last checkpoint: "
            "weights of an earlier step were restored. They are tested; the learning curve is that "
            "of the training."
        )
    if not left or (history and history[-1]["step"] == done):
        return ""
    row = measure(data, session, done, done / left.epoch_length, left)
    history.append(row)
    return (
        f"The loop was left after step {done:,}, in epoch {row['epoch']:.3g}: "
        f"training accuracy {row['train_accuracy']:.2%}, "
        f"validation accuracy {row['validation_accuracy']:.2%}"
    )
