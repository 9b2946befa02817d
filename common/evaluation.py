"""A net → numbers: predictions in batches, accuracy with its interval, the confusion matrix."""

from __future__ import annotations

from typing import NamedTuple

from common.data import Split
from common.parallel.halves import side_by_side
from common.session import FastSession

import numpy as np

# Feeding 10,000 images at once takes hundreds of megabytes for the CNN's feature maps; in batches
# of this size it takes a few, and no longer.
BATCH_SIZE = 256


class Evaluation(NamedTuple):
    """What a net makes of one split."""

    predicted: np.ndarray
    """int64 [n]: the class with the largest probability for each image."""
    labels: np.ndarray
    """integers [n]: the true classes."""
    loss: float
    """The mean loss over the images."""

    @property
    def total(self) -> int:
        """Images looked at."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """Images classified as their labels say."""
        return int(np.count_nonzero(self.predicted == self.labels))

    @property
    def accuracy(self) -> float:
        """The share of correct images, 0 to 1."""
        return self.correct / self.total


def evaluate(session: FastSession, split: Split) -> Evaluation:
    """Classify every image of `split`, the last partial batch included.

    The net runs as it would in use: no dropout, no change to any weight.

    Args:
        session: an open session, whose net has `x`, `y_true`, `y_pred_cls` and `loss`.
        split: uint8 images [n, pixels] and integer labels [n].
    """
    net = session.net

    def evaluate_from(start: int) -> tuple[np.ndarray, float]:
        batch = slice(start, start + BATCH_SIZE)
        feed_dict = {net.x: split.images[batch], net.y_true: split.labels[batch]}
        predicted, loss = session.run([net.y_pred_cls, net.loss], feed_dict)
        return predicted, float(loss) * len(predicted)

    results = side_by_side(evaluate_from, range(0, len(split), BATCH_SIZE))
    predicted, losses = zip(*results, strict=True)
    return Evaluation(np.concatenate(predicted), split.labels, sum(losses) / len(split))


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured as `correct` out of `total` images.

    It answers: had the test set been another sample of as many images, within what would the
    accuracy probably lie? Where the intervals of two nets overlap widely, their order is luck.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927; unlike the textbook ± 2 standard errors it holds near 100 %.
    """
    z = 1.959964  # 97.5 % of a standard normal distribution lies below
    share = correct / total
    centre = share + z * z / (2 * total)
    reach = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return float(max(0, (centre - reach) / scale)), float(min(1, (centre + reach) / scale))


def accuracy_message(correct: int, total: int) -> str:
    """Return the line `Accuracy on Test-Set: 98.8% (9880 / 10000)`."""
    return f"Accuracy on Test-Set: {correct / total:.1%} ({correct} / {total})"


def confusion_matrix(evaluation: Evaluation, num_classes: int) -> np.ndarray:
    """Count, for each true class (row), how often each class (column) was predicted.

    Returns:
        int64 [num_classes, num_classes]; its sum is the number of images.
    """
    # Each pair of true and predicted class has a number of its own, and those are counted.
    pairs = evaluation.labels.astype(np.int64) * num_classes + evaluation.predicted
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def accuracy_per_class(matrix: np.ndarray) -> np.ndarray:
    """Return the share of each true class that was recognised (its recall).

    Args:
        matrix: a confusion matrix, integers [classes, classes].

    Returns:
        float64 [classes]; NaN for a class without images.
    """
    totals = matrix.sum(axis=1)
    return np.divide(np.diag(matrix), totals, out=np.full(len(matrix), np.nan), where=totals > 0)
