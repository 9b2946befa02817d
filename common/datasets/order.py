"""The order of the training images: the first ones are taken for validation."""

from __future__ import annotations

import numpy as np

MAX_VALIDATION_IMAGES = 5_000  # what TensorFlow's read_data_sets took from MNIST's 60,000
SHUFFLE_SEED = 0  # the new order is always the same
CHANCE = 10  # standard deviations of χ² that no random order reaches


def size_of_validation(num_images: int) -> int:
    """Return how many training images are taken for validation: one in twelve, from 1 to 5,000."""
    return min(MAX_VALIDATION_IMAGES, max(1, num_images // 12))


def random_order(num_images: int) -> np.ndarray:
    """Return the numbers from 0 to `num_images` - 1 in a random order that is always the same."""
    return np.random.default_rng(SHUFFLE_SEED).permutation(num_images)


def order_for_validation(
    labels: np.ndarray, num_validation: int, num_classes: int, remarks: list[str]
) -> np.ndarray | None:
    """Return a new order of the training images where the first ones are not like the others.

    They are not if classes are missing among them that another order would bring, or if the
    fractions of the classes differ more than chance allows (Pearson's χ² test).

    Args:
        labels: integers [n] from 0 to `num_classes` - 1, in the order of the file.
        num_validation: how many of the first are for validation.
        num_classes: how many classes there are.
        remarks: a sentence is added if the order is changed.

    Returns:
        int64 [n] indices, or None if the order can stay.
    """
    front = np.bincount(labels[:num_validation], minlength=num_classes)
    expected = np.bincount(labels, minlength=num_classes) * (num_validation / len(labels))
    freedom = num_classes - 1
    chi_square = float((np.square(front - expected) / expected).sum())
    order = random_order(len(labels))
    shuffled = np.bincount(labels[order[:num_validation]], minlength=num_classes)
    missing = num_classes - np.count_nonzero(front)
    if missing and np.count_nonzero(shuffled) > np.count_nonzero(front):
        reason = f"have no example of {missing} of the {num_classes} classes"
    elif chi_square > freedom + CHANCE * (2 * freedom) ** 0.5:
        reason = "have the classes in other fractions than the rest"
    else:
        return None
    remarks.append(
        f"the first {num_validation:,} training images {reason}; so all were put into a random "
        f"order before the split (seed {SHUFFLE_SEED})"
    )
    return order
