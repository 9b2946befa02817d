"""Steps → a trained net: what surrounds the loop.

`mini_batches` is the loop's other half. Between two batches it shows progress, adds to the
learning curve, writes checkpoints and listens for Ctrl-C, so that the loop itself can stay two
lines long.
"""

from __future__ import annotations

import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from common.data import DataSets, mini_batch_indices, steps_per_epoch
from common.evaluation import BATCH_SIZE, accuracy_message, evaluate
from common.layers import describe
from common.objective import LOSS_LIMIT
from common.process.errors import InterruptedRunError
from common.process.signals import signals_deferred
from common.run.checkpoints import Checkpoints
from common.run.summaries import summaries
from common.session import FastSession

import numpy as np
from tqdm import tqdm

# A bar for the epoch under way: gone when it ends, silent when the output is not a terminal.
BAR = {"unit": "step", "leave": False, "disable": None, "dynamic_ncols": True}


def num_training_steps(settings: Namespace, num_examples: int) -> int:
    """Return how many steps `--iterations` or `--epochs` ask for with so many examples."""
    return settings.iterations or settings.epochs * steps_per_epoch(
        num_examples, settings.batch_size
    )


def mini_batches(data: DataSets, session: FastSession) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the mini-batch of every training step that is still to be done.

    Between two batches, so while the body of the caller's loop is not running: a progress bar;
    at the end of each epoch a line of the learning curve and a checkpoint; on Ctrl-C or SIGTERM a
    checkpoint and the end.

    Args:
        data: the three splits.
        session: an open session with fresh variables. With `settings.resume` they are replaced by
            those of the newest checkpoint, and the steps it has done are left out.

    Yields:
        uint8 images [batch, pixels] and int32 labels [batch]; the last batch of an epoch may be
        shorter.

    Raises:
        UserError: a checkpoint cannot be written or read, or the loss is no longer a number.
        InterruptedRunError: see above; carries the exit status.
    """
    settings, train = session.settings, data.train
    epoch_length = steps_per_epoch(len(train), settings.batch_size)
    num_steps = num_training_steps(settings, len(train))
    print(data.describe())
    print(f"Network:\n{describe(session.graph)}")
    checkpoints = Checkpoints(session, {"steps": num_steps, "data": data.fingerprint()})
    first, seconds = checkpoints.restore() if settings.resume else (0, 0.0)
    if first >= num_steps:
        print(f"This run is finished: all {num_steps} steps are done. Give more --epochs to go on.")
        return
    clock = _Clock(seconds)
    print(f"{'epoch':>5}{'loss':>10}{'training':>12}{'validation':>12}{'seconds':>10}")
    for row in session.history:
        print(_history_line(row))
    if first == 0 and 0 in settings.evaluate_at:
        _print_stage(data, session, 0)
    with (
        summaries(data, session, first) as summarize,
        signals_deferred(signal.SIGINT, signal.SIGTERM) as stop_requests,
        tqdm(**BAR) as bar,
    ):
        for step in range(first, num_steps):
            if step % epoch_length == 0 or step == first:
                bar.reset(min(epoch_length, num_steps - step + step % epoch_length))
                bar.update(step % epoch_length)
            indices = mini_batch_indices(len(train), settings.batch_size, settings.seed, step)
            yield train.take(indices)
            done = step + 1
            bar.update()
            end_of_epoch = done % epoch_length == 0 or done == num_steps
            if end_of_epoch:
                row = _history_row(data, session, done, done / epoch_length, clock)
                session.history.append(row)
                _say(_history_line(row))
                _require_sound(session, row["train_loss"])
            summarize(done)
            if done in settings.evaluate_at:
                with clock.paused():
                    _print_stage(data, session, done)
            if stop_requests and not end_of_epoch:
                _require_sound(session, evaluate(session, train.first(BATCH_SIZE)).loss)
            if end_of_epoch or stop_requests:
                checkpoints.save(done, clock.seconds)
            if stop_requests and done < num_steps:
                bar.close()
                raise InterruptedRunError(
                    f"interrupted after step {done} of {num_steps}; the checkpoint is written. "
                    f"Continue with: {settings.command} --resume",
                    stop_requests[0],
                )


def _require_sound(session: FastSession, loss: float) -> None:
    """Raise a UserError rather than let a checkpoint keep weights that have grown beyond bounds."""
    if not loss < LOSS_LIMIT:  # true for NaN, too
        raise session.diverged()


def _history_row(
    data: DataSets, session: FastSession, step: int, epoch: float, clock: _Clock
) -> dict[str, float]:
    """Measure the net on the validation split and on as many training examples.

    The same training examples each time, so that the line is no noisier than the validation line:
    the accuracy on the mini-batch just trained on would jump by a percent for each of its images.
    """
    with session.averaged_weights():
        training = evaluate(session, data.train.first(len(data.validation)))
        validation = evaluate(session, data.validation)
    return {
        "step": step,
        "epoch": epoch,
        "train_loss": training.loss,
        "train_accuracy": training.accuracy,
        "validation_loss": validation.loss,
        "validation_accuracy": validation.accuracy,
        "seconds": clock.seconds,
    }


def _history_line(row: dict[str, float]) -> str:
    return (
        f"{row['epoch']:>5.3g}{row['train_loss']:>10.4f}{row['train_accuracy']:>12.2%}"
        f"{row['validation_accuracy']:>12.2%}{row['seconds']:>10.1f}"
    )


def _say(line: str) -> None:
    """Print above the progress bar, and at once: who reads a log file wants to see it grow."""
    tqdm.write(line)
    sys.stdout.flush()


def _print_stage(data: DataSets, session: FastSession, step: int) -> None:
    """Say how good the net is at this stage. For the record only: it steers nothing."""
    with session.averaged_weights():
        test = evaluate(session, data.test)
    message = accuracy_message(test.correct, test.total)
    _say(f"After {step} step{'s' * (step != 1)}: {message}")


class _Clock:
    """Seconds spent on training, those before an interruption included."""

    def __init__(self, seconds_before: float) -> None:
        self._start = time.perf_counter() - seconds_before

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    @contextmanager
    def paused(self) -> Iterator[None]:
        before = self.seconds
        yield
        self._start = time.perf_counter() - before
