"""What the terminal shows of a training: layers, recipe, a bar, rows of the learning curve."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from common.layers import layers_of
from common.run.own import other_variables

import tensorflow.compat.v1 as tf
from tqdm import tqdm

SECONDS_BETWEEN_LOSSES = 1.0
BAR = "epoch {desc}: {percentage:3.0f}%|{bar}| step {n_fmt}/{total_fmt}, {remaining} left"


def layer_table(graph: tf.Graph) -> str:
    """Return a table of the graph's layers: name, output shape, parameters, and their total.

    Variables that are in no layer of `common.layers` follow, each with its name.
    """
    rows = []
    for layer in layers_of(graph):
        known = layer.output.shape.rank is not None  # not behind a tf.py_func
        sizes = layer.output.shape.as_list()[1:] if known else []
        rows.append((layer.name, " × ".join(map(str, sizes)), layer.num_parameters))
    rows += [(v.op.name, "", v.shape.num_elements()) for v in other_variables(graph)]
    rows.append(("total", "", sum(count for _, _, count in rows)))
    width = max(8, *(len(name) for name, _, _ in rows))
    return "\n".join(f"  {name:<{width}}{shape:>14}{count:>12,}" for name, shape, count in rows)


def recipe_line(settings: Namespace, num_steps: int) -> str:
    """Return the sentence about how the net is trained."""
    steps = f"{num_steps:,} step{'s' * (num_steps != 1)}"
    optimizer = "an optimizer of the script's own"
    if settings.learning_rate is not None:
        optimizer = f"{settings.optimizer}, learning rate {settings.learning_rate:g} "
        optimizer += f"({settings.decay})"
    return (
        f"Training: {optimizer}, mini-batches of {settings.batch_size}, {steps}, "
        f"seed {settings.seed}"
    )


def history_head() -> str:
    """Return the head of the table of the learning curve."""
    return (
        f"{'':>5}{'training':>20}{'validation':>20}\n"
        f"{'epoch':>5}{'loss':>10}{'accuracy':>10}{'loss':>10}{'accuracy':>10}{'seconds':>10}"
    )


def history_line(row: Mapping[str, float]) -> str:
    """Return one row of that table."""
    train_loss, validation_loss = (
        f"{loss:>10.4f}" if abs(loss) < 1e4 else f"{loss:>10.3g}"
        for loss in (row["train_loss"], row["validation_loss"])
    )
    epoch = f"{row['epoch']:.3g}" if row["epoch"] < 1000 else f"{row['epoch']:.0f}"
    return (
        f"{epoch:>5}{train_loss}{row['train_accuracy']:>10.2%}"
        f"{validation_loss}{row['validation_accuracy']:>10.2%}{row['seconds']:>10.1f}"
    )


class Progress:
    """A bar over all steps of a run, with the epoch, the loss and the time that is left.

    It is shown on a terminal only, and removed when the block ends.

    Args:
        first: steps done before.
        num_steps: steps in the whole run.
        epoch_length: steps in an epoch.
        current_loss: measures the loss; called once in a few seconds, and only for the bar. None if
            measuring would change the run.
    """

    def __init__(
        self,
        first: int,
        num_steps: int,
        epoch_length: int,
        current_loss: Callable[[], float] | None,
    ) -> None:
        self._done, self._epoch_length, self._current_loss = first, epoch_length, current_loss
        self._num_epochs = -(-num_steps // epoch_length)
        self._loss, self._measured = "", time.monotonic()
        self._bar = tqdm(
            total=num_steps,
            initial=first,
            leave=False,
            disable=None,  # where the standard error is not a terminal
            dynamic_ncols=True,
            bar_format=BAR,
            desc=self._epoch(),
        )

    def _epoch(self) -> str:
        epoch = min(self._done // self._epoch_length + 1, self._num_epochs)
        return f"{epoch}/{self._num_epochs}{self._loss}"

    def advance(self) -> None:
        """Show one more step."""
        self._done += 1
        if not self._bar.disable:
            passed = time.monotonic() - self._measured
            if self._current_loss and passed > SECONDS_BETWEEN_LOSSES:
                self._loss = f", loss {self._current_loss():.4f}"
                self._measured = time.monotonic()
            self._bar.desc = self._epoch()
            self._bar.update()

    def say(self, line: str) -> None:
        """Print a line above the bar, and at once, so that a log file grows while it is read."""
        tqdm.write(line)
        sys.stdout.flush()

    def __enter__(self) -> Progress:
        """Return the bar, which is shown already."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Remove the bar."""
        self._bar.close()
