"""The interface of every framework, and the mini-batches that all of them use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from benchmarks.workloads import Workload
from common.data import DataSets, load_data, mini_batch_indices, steps_per_epoch

import numpy as np

MATRIX_SIDE = 2048  # of the square matrices whose product measures the machine's peak


class Trainer(Protocol):
    """A net in one framework, ready to be trained.

    Attributes:
        num_parameters: number of trainable parameters.
    """

    num_parameters: int

    def restart(self, seed: int) -> None:
        """Initialise the weights and start again with the first step of the recipe."""

    def steps(self, count: int) -> None:
        """Take the next training steps, including the gathering of the mini-batches.

        Returns when the computation of all steps has finished.
        """

    def evaluate(self) -> float:
        """Return the accuracy on the test images, 0 to 1."""


class MiniBatches:
    """The examples of each step, the same in every framework, and the learning rate.

    Attributes:
        workload: the recipe.
        data: the three splits, uint8 images [n, pixels] and int32 labels [n].
        steps_per_epoch: number of steps in an epoch.
        num_steps: number of steps in the whole run.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.data: DataSets = load_data(workload.data_dir, workload.train_size)
        self.steps_per_epoch = steps_per_epoch(len(self.data.train), workload.batch_size)
        self.num_steps = workload.epochs * self.steps_per_epoch
        self.restart(0)

    def restart(self, seed: int) -> None:
        """Start again with the first step, in the order of this seed."""
        self._seed, self._step = seed, 0

    def take(self, count: int) -> Iterator[np.ndarray]:
        """Yield, for each of the next steps, indices into the training split, int64 [batch]."""
        num_examples, batch_size = len(self.data.train), self.workload.batch_size
        for _ in range(count):
            step = self._step
            self._step += 1
            yield mini_batch_indices(num_examples, batch_size, self._seed, step)

    @property
    def rate(self) -> float:
        """The learning rate of the step whose indices were yielded last."""
        return self.workload.rate(self._step - 1, self.num_steps)


def feature_size(workload: Workload, image_shape: tuple[int, int]) -> int:
    """Return the number of inputs per image of the first fully-connected layer.

    Args:
        workload: the convolutional layers, each followed by max-pooling 2 × 2.
        image_shape: height and width of the images.
    """
    height, width = image_shape
    channels = 1
    for size, filters in workload.conv:
        lost = size - 1 if workload.padding == "valid" else 0
        height, width, channels = -(-(height - lost) // 2), -(-(width - lost) // 2), filters
    return height * width * channels
