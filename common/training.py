"""Steps → a trained net: what happens between the mini-batches.

`mini_batches` yields the mini-batch of each step. In between it shows progress, measures the net
at the end of each epoch, writes checkpoints and handles Ctrl-C, so that the loop itself stays two
lines long.
"""

from __future__ import annotations

import signal
import weakref
from argparse import Namespace
from collections.abc import Iterator

from common.data import DataSets, mini_batch_indices, steps_per_epoch
from common.evaluation import BATCH_SIZE, accuracy_message, evaluate
from common.objective import LOSS_LIMIT
from common.parallel import ancestors
from common.process.errors import InterruptedRunError
from common.process.noted import unread_flags
from common.process.signals import signals_deferred
from common.run.checkpoints import Checkpoints, advice
from common.run.counting import StepCounter, counts_steps
from common.run.curve import Clock, Left, first_step, measure
from common.run.film import filming
from common.run.own import fed_otherwise, require_ready, state_of
from common.run.progress import Progress, history_head, history_line, layer_table, recipe_line
from common.run.summaries import summaries
from common.run.teacher import introduction
from common.run.unsaved import forgotten
from common.session import diverged
from common.settings import require_stages_within

import numpy as np
import tensorflow.compat.v1 as tf


def num_training_steps(settings: Namespace, num_examples: int) -> int:
    """Return how many steps `--iterations` or `--epochs` ask for with so many examples."""
    return settings.iterations or settings.epochs * steps_per_epoch(
        num_examples, settings.batch_size
    )


def mini_batches(data: DataSets, session: tf.Session) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the mini-batch of every training step that is still to be done.

    Between two mini-batches, so while the body of the caller's loop is not running, it updates the
    progress bar. At the end of each epoch it adds a line to the learning curve and writes a
    checkpoint; on Ctrl-C or SIGTERM it writes a checkpoint and ends the run.

    Args:
        data: the three splits.
        session: an open session of `new_session`. With `settings.resume` its variables become those
            of the newest checkpoint, and the steps before it are left out. A second loop goes on
            where the first was left, by `break` say.

    Yields:
        uint8 images [batch, pixels] and int32 labels [batch]; the last batch of an epoch may be
        smaller.

    Raises:
        UserError: a checkpoint cannot be written or read, or the loss is no longer finite.
        InterruptedRunError: after Ctrl-C or SIGTERM; carries the exit status.
    """
    state = state_of(session)
    require_ready(session, data)
    num_steps = num_training_steps(state.settings, len(data.train))
    if state.history and state.history[-1]["step"] >= num_steps:
        print(
            "mini_batches has yielded the mini-batches of all epochs, and yields no more: for a "
            "longer training use --epochs, not a loop around it."
        )
        return iter(())
    batches = _mini_batches(data, session, first_step(session))
    state.batches = weakref.ref(batches)
    return batches


def _mini_batches(
    data: DataSets, session: tf.Session, first: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    state, train = session.state, data.train
    settings, history = state.settings, state.history
    epoch_length = steps_per_epoch(len(train), settings.batch_size)
    num_steps = num_training_steps(settings, len(train))
    require_stages_within(settings, num_steps)
    print(data.describe())
    print(f"Network:\n{layer_table(session.graph)}")
    print(session.step_description)
    unread = unread_flags(settings)
    print(recipe_line(settings, num_steps))
    if unread:
        print(unread)
    if line := introduction(session, train):
        print(line)
    step_operations = ancestors(*tf.nest.flatten(state.net.train_step))
    state.own_state = forgotten(step_operations)
    counts = counts_steps(session.graph, step_operations)
    counter = None if counts else StepCounter(session)
    checkpoints = Checkpoints(session, {"steps": num_steps, "data": data.fingerprint()})
    seconds = state.left.seconds if first else 0.0
    if settings.resume and not first:
        first, seconds = checkpoints.restore()
    if first >= num_steps:
        print(f"This run is finished: all {first} steps are done. {advice(settings)}")
        return
    if first and state.own_state:
        print(state.own_state)
    state.left, clock = None, Clock(seconds)
    if counter:
        counter.start()

    def current_loss() -> float:
        return evaluate(session, train.first(BATCH_SIZE), doing=None).loss

    print("\n".join([history_head(), *map(history_line, history)]))
    with (
        summaries(data, session, first) as summarize,
        filming(data, session, first, num_steps) as keep_frame,
        signals_deferred(signal.SIGINT, signal.SIGTERM) as stop_requests,
        # The bar, on a terminal only, does not draw from random numbers of the script's own.
        Progress(
            first, num_steps, epoch_length, None if state.own_state else current_loss
        ) as progress,
    ):
        if first == 0 and 0 in settings.evaluate_at:
            with clock.paused():
                progress.say(_stage(data, session, 0))
        for step in range(first, num_steps):
            indices = mini_batch_indices(len(train), settings.batch_size, settings.seed, step)
            mini_batch = train.take(indices)
            try:
                yield mini_batch
            except GeneratorExit:  # the caller's loop was left, by `break` say
                state.left = Left(step, counts, epoch_length, clock.seconds)
                raise
            done = step + 1
            if step == first and (line := fed_otherwise(session, mini_batch[0])):
                progress.say(line)
            if counter:
                counter.count()
            progress.advance()
            end_of_epoch = done % epoch_length == 0 or done == num_steps
            if end_of_epoch:
                row = measure(data, session, done, done / epoch_length, clock)
                history.append(row)
                _require_finite(session, row["train_loss"], row["validation_loss"])
            summarize(done)
            keep_frame(done)
            if stop_requests and not end_of_epoch:
                _require_finite(session, current_loss())
            if end_of_epoch or stop_requests:
                checkpoints.save(done, clock.seconds)
            if end_of_epoch:
                progress.say(history_line(row))
            if done in settings.evaluate_at:
                with clock.paused():
                    progress.say(_stage(data, session, done))
            if stop_requests:
                state.left = Left(step, counts, epoch_length, clock.seconds)
                raise InterruptedRunError(
                    f"Stopped after step {done:,} of {num_steps:,}; checkpoint saved. Continue "
                    f"with: {settings.command} --resume",
                    stop_requests[0],
                )


def _stage(data: DataSets, session: tf.Session, step: int) -> str:
    """Say how good the net is at this stage. For the record only: nothing depends on it."""
    message = accuracy_message(evaluate(session, data.test))
    return f"After {step} step{'s' * (step != 1)}: {message}"


def _require_finite(session: tf.Session, *losses: float) -> None:
    """Raise a UserError rather than write a checkpoint of weights that have grown without bound."""
    # An optimizer of the script's own may minimise a sum.
    limit = LOSS_LIMIT if session.state.settings.learning_rate else np.inf
    if not all(-np.inf < loss < limit for loss in losses):  # true for NaN, too
        raise diverged(session)
