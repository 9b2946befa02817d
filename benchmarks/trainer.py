"""What every contestant offers, and the parts that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from benchmarks.workloads import Workload
from common.data import DataSets, load_data, mini_batch_indices, steps_per_epoch

import numpy as np

MATRIX_SIDE = 2048  # of the square matrices whose product shows the machine's peak


class Trainer(Protocol):
    """A net in some framework, ready to be trained."""

    num_parameters: int

    def restart(self, seed: int) -> None:
        """Give the net new weights and begin again with the first step of the recipe."""

    def steps(self, count: int) -> None:
        """Take the next training steps, mini-batch gathering included, and wait for their end."""

    def evaluate(self) -> float:
        """Return the accuracy on the test images, 0 to 1."""


class MiniBatches:
    """The examples of each step, in the same order for everyone, and the learning rate.

    Attributes:
        data: the three splits, uint8 images and int32 labels.
        num_steps: steps of the whole run.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.data: DataSets = load_data(workload.data_dir, workload.train_size)
        self.steps_per_epoch = steps_per_epoch(len(self.data.train), workload.batch_size)
        self.num_steps = workload.epochs * self.steps_per_epoch
        self.restart(0)

    def restart(self, seed: int) -> None:
        """Begin again with the first step, in the order of this seed."""
        self._seed, self._step = seed, 0

    def take(self, count: int) -> Iterator[np.ndarray]:
        """Yield the next steps' indices into the training split, int64 [batch]."""
        num_examples, batch_size = len(self.data.train), self.workload.batch_size
        for _ in range(count):
            step = self._step
            self._step += 1
            yield mini_batch_indices(num_examples, batch_size, self._seed, step)

    @property
    def rate(self) -> float:
        """The learning rate of the step whose indices were taken last."""
        return self.workload.rate(self._step - 1, self.num_steps)


def feature_size(workload: Workload, image_shape: tuple[int, int]) -> int:
    """Return how many numbers the layers before the first fully-connected one leave per image."""
    height, width = image_shape
    channels = 1
    for size, filters in workload.conv:
        lost = size - 1 if workload.padding == "valid" else 0
        height, width, channels = -(-(height - lost) // 2), -(-(width - lost) // 2), filters
    return height * width * channels
