"""Test images for the page: plain ones of all classes, and hard ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from common.datasets.disputed import DISPUTED, is_mnist_test

import numpy as np

NUM_PLAIN = NUM_HARD = 60


class Examples(NamedTuple):
    """Indices of test images, int64 [n]. No image is in both."""

    plain: np.ndarray
    hard: np.ndarray
    disputed: np.ndarray
    """Those of both whose label people dispute."""


def choose(labels: np.ndarray, predicted: Sequence[np.ndarray], num_classes: int) -> Examples:
    """Choose images.

    Plain are those that all nets classify correctly: the first ones of each class, in turn. Hard
    are those on which the nets disagree (of a single net: its errors), and those with a disputed
    label that a net gets wrong. There is a group for each set of nets that are right, and one for
    the disputed labels; the images are taken from each group in turn.

    Args:
        labels: integers [n], of the test images.
        predicted: integers [n] for each net: its answers.
        num_classes: how many classes there are.
    """
    right = np.stack([answer == labels for answer in predicted])  # [nets, n]
    all_right, answers = right.all(axis=0), np.stack(predicted)
    disputed = np.zeros(len(labels), bool)
    if is_mnist_test(labels):
        disputed[list(DISPUTED)] = True

    classes = (np.flatnonzero((labels == k) & all_right & ~disputed) for k in range(num_classes))
    plain = list(in_turn(classes))[:NUM_PLAIN]

    disagree = (answers != answers[0]).any(axis=0) if len(predicted) > 1 else ~all_right
    patterns, kind = np.unique(right, axis=1, return_inverse=True)
    kinds = (kind.ravel() == number for number in range(patterns.shape[1]))
    groups = [np.flatnonzero(one & disagree & ~disputed) for one in kinds]
    groups.append(np.flatnonzero(disputed & ~all_right))
    hard = list(in_turn(groups))[:NUM_HARD]
    chosen = np.array([*plain, *hard], np.int64)
    return Examples(np.array(plain, np.int64), np.array(hard, np.int64), chosen[disputed[chosen]])


def in_turn(groups: Iterable[Iterable[int]]) -> Iterator[int]:
    """Yield the first of each group, then the second of each, and so on until all are empty."""
    for row in zip_longest(*groups):
        yield from (one for one in row if one is not None)
