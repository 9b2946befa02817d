"""A model of the time per step of a cluster, fitted to measurements on one machine.

With n machines, each of which computes b images of a mini-batch of n · b images:

    computing = step + image · b + machine · (n − 1)
    network   = surplus · (2 · weights + bytes of b images) · (n − 1) / bandwidth

The chief sends all weights to each other machine and receives all gradients, so its own network
connection is the bottleneck. Computing and sending are assumed to happen one after the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

BATCH_SIZE = 128
# Two numbers of images define a line: seconds = a + b · images.
SMALL, LARGE = 32, 512
BYTES_PER_IMAGE = 784 + 4  # pixels and label
NETWORK = 10e9 / 8  # bytes per second in each direction: 10 Gbit/s


class Measured(NamedTuple):
    """Some training steps, measured by one process."""

    seconds: float
    """Time per step: the first decile, because other programs run on the same machine."""
    sent: float
    """Bytes per step, through all sockets."""
    received: float
    parameters: int


class Model(NamedTuple):
    """The parameters of the model."""

    step: float
    """Seconds per step, independent of the number of images: the update and the runtime."""
    image: float
    """Seconds per image."""
    machine: float
    """Seconds for each machine other than the chief: packing, sending, receiving, adding."""
    weights: int
    """Bytes of all weights, and of all gradients."""
    surplus: float
    """Bytes measured in both directions, as a multiple of those that have to be sent."""


def fit(small: Measured, large: Measured, clusters: dict[int, Measured]) -> Model:
    """Fit the model.

    Args:
        small: a cluster of one machine, SMALL images per step.
        large: the same with LARGE images.
        clusters: number of machines → BATCH_SIZE images per step; for 1 and other numbers.
    """
    image = max(0, (large.seconds - small.seconds) / (LARGE - SMALL))
    step = small.seconds - SMALL * image
    # All processes share the processors of one machine, so the images take the same time however
    # they are divided.
    most = max(clusters)
    machine = (clusters[most].seconds - clusters[1].seconds) / (most - 1)
    weights = 4 * small.parameters
    necessary = (most - 1) * _bytes_needed(weights, BATCH_SIZE / most)
    traffic = clusters[most].sent + clusters[most].received
    return Model(step, image, max(0, machine), weights, traffic / necessary)


def _bytes_needed(weights: int, images: float) -> float:
    """Return what the chief and another machine exchange in a step, in both directions."""
    return 2 * weights + images * BYTES_PER_IMAGE


def predict(model: Model, machines: int, images: int) -> tuple[float, float]:
    """Return the seconds of computing and of the network in one step.

    Args:
        model: the fitted parameters.
        machines: number of machines that compute.
        images: number of images per step on each of them.
    """
    others = machines - 1
    computing = model.step + model.image * images + model.machine * others
    traffic = model.surplus * _bytes_needed(model.weights, images) * others
    return computing, traffic / NETWORK


def limits(model: Model) -> tuple[int, int]:
    """Return the numbers of machines from which the exchange takes longer than the images.

    The first number counts the whole exchange, the second one only its time on the network.
    """
    images = model.step + model.image * BATCH_SIZE
    _, network = predict(model, 2, BATCH_SIZE)
    exchange = model.machine + network
    return math.floor(images / exchange) + 2, math.floor(images / network) + 2
