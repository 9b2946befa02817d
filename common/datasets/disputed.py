"""The test images of MNIST whose label people dispute."""

from __future__ import annotations

import zlib

import numpy as np

# For these fewer than three of five people chose the given label.
# Source: Northcutt, Athalye and Mueller, "Pervasive label errors in test sets destabilize machine
# learning benchmarks", 2021 (arXiv 2103.14749), labelerrors.com.
DISPUTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
# Checksum of MNIST's 10,000 test labels as int32, by which they are recognised.
TEST_LABELS = 0xD43D5A64


def disputed_errors(predicted: np.ndarray, labels: np.ndarray) -> int | None:
    """Count the errors on images with a disputed label.

    Args:
        predicted: integers [n], the predicted classes of the test images.
        labels: integers [n], their labels.

    Returns:
        how many of the errors have a disputed label; None if these are not MNIST's test images.
    """
    if not is_mnist_test(labels):
        return None
    indices = list(DISPUTED)
    return int(np.count_nonzero(predicted[indices] != labels[indices]))


def is_mnist_test(labels: np.ndarray) -> bool:
    """Say whether these labels, integers [n], are those of MNIST's test images."""
    return zlib.crc32(np.ascontiguousarray(labels, "<i4")) == TEST_LABELS
