"""A net → numbers: predictions in batches, the accuracy with its interval, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

from common.data import Split
from common.parallel import map_batches
from common.process.status import status
from common.process.text import matrix_lines
from common.run.own import classes_of, images_for, labels_for, require_shapes, state_of, unfed
from common.session import averaged_weights

import numpy as np
import tensorflow.compat.v1 as tf

# Feeding 10,000 images at once takes hundreds of megabytes for the CNN's feature maps; in batches
# of this size it takes a few megabytes, and no more time.
BATCH_SIZE = 256


class Evaluation(NamedTuple):
    """The predictions of a net on one split."""

    predicted: np.ndarray
    """int64 [n]: the class with the largest probability for each image."""
    labels: np.ndarray
    """integers [n]: the true classes."""
    loss: float
    """The mean loss over the images."""
    probabilities: np.ndarray
    """float32 [n, classes]: those of the classes for each image."""
    images: np.ndarray | None = None
    """uint8 [n, pixels]: what was classified."""

    @property
    def total(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """Number of images that are classified as their labels say."""
        return int(np.count_nonzero(self.predicted == self.labels))

    @property
    def accuracy(self) -> float:
        """The fraction of correct images, 0 to 1."""
        return self.correct / self.total


def evaluate(session: tf.Session, split: Split, doing: str | None = "Testing") -> Evaluation:
    """Classify every image of `split`, the last partial batch included.

    No dropout is applied and no weight is changed. Where the run keeps moving averages of the
    weights, the net uses these.

    Args:
        session: an open session of `new_session`.
        split: uint8 images [n, pixels] and integer labels [n].
        doing: what the terminal shows during this; None for nothing.

    Raises:
        UserError: a node of the net has another shape than `Net` says, or there are no images.
    """
    state = state_of(session)
    net = state.net
    classes = classes_of(split.labels)

    def evaluate_from(start: int) -> tuple[np.ndarray, np.ndarray, float]:
        batch = slice(start, start + BATCH_SIZE)
        images, labels = split.images[batch], classes[batch]
        feed_dict = {net.x: images_for(net, images), net.y_true: labels_for(net, labels)}
        fetches = [net.y_pred_cls, net.y_pred, net.loss]
        try:
            predicted, probabilities, loss = session.run(fetches, feed_dict)
        except tf.errors.InvalidArgumentError as error:
            raise unfed(error) or error from None
        require_shapes(labels, predicted, probabilities)
        return predicted, probabilities, float(loss.mean()) * len(predicted)

    # Operations with a state give equal results only in a fixed order.
    apply = map if state.own_state else map_batches
    with status(doing) if doing else nullcontext(), averaged_weights(session):
        results = list(apply(evaluate_from, range(0, len(split), BATCH_SIZE)))
    predicted, probabilities, losses = zip(*results, strict=True)
    loss = sum(losses) / len(split)
    predicted, probabilities = np.concatenate(predicted), np.concatenate(probabilities)
    return Evaluation(predicted, classes, loss, probabilities, split.images)


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured as `correct` out of `total` images.

    Had the test set been another sample of as many images, the accuracy would probably lie within
    it. Where the intervals of two nets overlap widely, their order is not significant.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927; unlike the textbook ± 2 standard errors it holds near 100 %.
    """
    z = 1.959964  # 97.5 % of a standard normal distribution lies below
    fraction = correct / total
    centre = fraction + z * z / (2 * total)
    reach = z * np.sqrt(fraction * (1 - fraction) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return float(max(0, (centre - reach) / scale)), float(min(1, (centre + reach) / scale))


def accuracy_message(evaluation: Evaluation) -> str:
    """Return the line `Accuracy on Test-Set: 98.8% (9880 / 10000)`."""
    correct, total = evaluation.correct, evaluation.total
    return f"Accuracy on Test-Set: {evaluation.accuracy:.1%} ({correct} / {total})"


def confusion_message(matrix: np.ndarray, class_names: Sequence[str]) -> str:
    """Return the confusion matrix under its heading, and below each column the name of its class.

    Args:
        matrix: integers [classes, classes], as `sklearn.metrics.confusion_matrix` returns it.
        class_names: one for each class.
    """
    heading = "Confusion Matrix: (rows: true class, columns: predicted class)"
    return "\n".join([heading, *matrix_lines(matrix.tolist(), class_names)])
