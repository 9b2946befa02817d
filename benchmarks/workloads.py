"""What is trained: each net as flags of a script and, for other frameworks, as a list of layers.

Our scripts build the net from the flags, the other frameworks from the list. Each child process
reports the number of parameters of its net, and a comparison of unequal nets is refused.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, replace
from pathlib import Path

from common.data import DEFAULT_DATA_DIR


@dataclass(frozen=True)
class Workload:
    """A net, its recipe and its data, independent of any framework."""

    title: str
    script: str
    flags: tuple[str, ...]
    conv: tuple[tuple[int, int], ...] = ()
    """Side and number of the filters of each convolution; max-pooling 2 × 2 and ReLU follow."""
    padding: str = "same"
    hidden: tuple[int, ...] = ()
    """Neurons of the hidden fully-connected layers, each followed by ReLU."""
    beta1: float = 0.9
    beta2: float = 0.999
    # The recipe that the script reads from its flags; `read` fills it in.
    optimizer: str = "adam"
    learning_rate: float = 0.001
    decay: str = "constant"
    batch_size: int = 100
    epochs: int = 1
    train_size: int | None = None
    data_dir: str = str(DEFAULT_DATA_DIR)

    def with_flags(self, *flags: str) -> Workload:
        """Return the same net with additional flags, and the recipe that the script reads from all.

        Raises:
            SystemExit: the script does not know a flag (status 2, after a message).
        """
        return read(replace(self, flags=(*self.flags, *flags)))

    @property
    def command(self) -> str:
        """The command line that trains this net."""
        return " ".join(["python", f"{self.script}.py", *self.flags])

    def rate(self, step: int, num_steps: int) -> float:
        """Return the learning rate of a step, with the formulas of common/objective.py."""
        if self.decay == "constant":
            return self.learning_rate
        progress = step / num_steps
        if progress < 0.25:
            return self.learning_rate * (progress / 0.25 * 0.96 + 0.04)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - 0.25) / 0.75))


def read(workload: Workload) -> Workload:
    """Return the workload with the recipe that its script reads from its flags.

    Raises:
        SystemExit: the script does not know a flag (status 2, after a message).
    """
    settings = importlib.import_module(workload.script).read_settings(list(workload.flags))
    return replace(
        workload,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        decay=settings.decay,
        batch_size=settings.batch_size,
        epochs=settings.epochs or 1,
        train_size=settings.train_size,
        data_dir=str(Path(settings.data_dir).resolve()),
    )


FAST = Workload(
    title="",
    script="mnist_cnn",
    flags=(),
    conv=((5, 16), (3, 48)),
    padding="valid",
    hidden=(128,),
    beta1=0.7,
    beta2=0.9,
)
# The steps that are timed. Without dropout and batch normalisation, which each framework implements
# differently and which are not compared here.
STEPS = {
    "softmax": Workload(
        title="softmax, batch 100, SGD",
        script="mnist_softmax",
        flags=(
            *("--batch-size", "100", "--optimizer", "sgd"),
            *("--learning-rate", "0.5", "--decay", "constant"),
        ),
    ),
    "mlp": Workload(
        title="MLP 784-512-256-10, batch 100, Adam",
        script="mnist_mlp",
        flags=(
            *("--batch-size", "100", "--learning-rate", "0.001"),
            *("--decay", "constant", "--dropout", "0"),
        ),
        hidden=(512, 256),
    ),
    "cnn": Workload(
        title="CNN 5×5×16, 5×5×36, 128, batch 64, Adam",
        script="mnist_cnn",
        flags=(
            *("--batch-size", "64", "--learning-rate", "0.0001"),
            *("--decay", "constant", "--dropout", "0"),
        ),
        conv=((5, 16), (5, 36)),
        hidden=(128,),
    ),
}
PLAIN = ("--no-batch-norm", "--dropout", "0")
# The runs that are trained to their end.
RUNS = {
    "one-epoch": replace(
        FAST,
        title="One epoch, batch size 128",
        flags=("--network", "fast", "--epochs", "1", "--batch-size", "128", *PLAIN),
    ),
    "four-epochs": replace(
        FAST, title="Four epochs, batch size 256", flags=("--network", "fast", *PLAIN)
    ),
}
