"""How similar an image is to the training images of a net: digits, or something else.

A net answers with one of its classes, whatever it is shown. So a run notes what its training images
look like, and `common.predict` compares. An image is described by the directions of the edges in
each part of it (Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR
2005) and by counts of its strokes. In each class these numbers get a normal distribution, and the
distance to the nearest class tells how unusual an image is (Lee et al., "A simple unified framework
for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018). This distance,
and how undecided the net is, are added to one number. Its scale comes from the validation images:
0 is their median, and a fraction FALSE_ALARMS of them lies above 1.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from common.data import DataSets
from common.run.files import atomic_path
from common.run.own import classes_of
from common.run.strokes import CELLS, DIRECTIONS, NUM_COUNTS, edge_directions, stroke_counts

import numpy as np

# Beside the names of the classes, in the folder that TensorFlow leaves to the writer of a model.
FILE = "assets.extra/familiarity.npz"
FALSE_ALARMS = 0.008  # fraction of the validation images that would be doubted
LEARN_FROM = 10_000  # training images
CALIBRATE_WITH = 2_000  # validation images
FEWEST = 200  # validation images; with fewer a run notes nothing
MAX_BYTES = 100_000  # of the classes' covariance matrices
POOLED = 50  # the covariance matrix of all classes counts as so many images of each class
NET = 0.4  # weight of the net's uncertainty, beside the distance
BATCH_SIZE = 256  # images that the net classifies at a time


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What a run notes about its training images; q is the number of values for an image."""

    image_shape: np.ndarray  # int64 [2]
    mean: np.ndarray  # float32 [392], of `edge_directions`
    basis: np.ndarray  # float16 [392, q - 5], their principal components
    class_means: np.ndarray  # float32 [classes, q]
    # float16 [classes, q · (q + 1) / 2]: the rows of the lower triangular matrices that turn each
    # class's covariance matrix into the identity.
    whitening: np.ndarray
    offsets: np.ndarray  # float32 [classes], logarithms of the covariance matrices' determinants
    # float64 [3, 2]: medians of the validation images and distances from there to 1, for the
    # distance, for the net's indecision and for their weighted sum.
    scales: np.ndarray

    def measure(self, images: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Return how unfamiliar each image is: 0 is usual, above 1 it is perhaps of no class.

        Args:
            images: uint8 [n, height, width] or [n, pixels].
            probabilities: float [n, classes], the net's answers.

        Returns:
            float64 [n, 2]: the parts of the strokes and of the net. Their sum is the measure.
        """
        raw = np.stack([self._distance(images), _indecision(probabilities)])
        middle, spread = self.scales[:, 0], self.scales[:, 1]
        parts = (raw - middle[:2, None]) / spread[:2, None] * [[1], [NET]]
        return ((parts - middle[2] / 2) / spread[2]).T

    def _distance(self, images: np.ndarray) -> np.ndarray:
        """Return the squared Mahalanobis distance to the nearest class, float [n].

        The logarithm of the determinant is added, as in the density of a normal distribution.
        """
        directions = edge_directions(images, self.image_shape) - self.mean
        described = _describe(directions, stroke_counts(images, self.image_shape), self.basis)
        q = described.shape[1]
        rows, columns = np.tril_indices(q)
        nearest = np.full(len(described), np.inf, np.float32)
        for mean, packed, offset in zip(
            self.class_means, self.whitening, self.offsets, strict=True
        ):
            matrix = np.zeros((q, q), np.float32)
            matrix[rows, columns] = packed
            distance = np.square((described - mean) @ matrix.T).sum(axis=1) + offset
            nearest = np.minimum(nearest, distance)
        return nearest

    def write(self, path: Path) -> None:
        """Write an .npz file (see `atomic_path` for the errors)."""
        with atomic_path(path) as temporary:
            np.savez(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})


def note(path: Path, data: DataSets, answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write what a run notes about its training images, if it has enough validation images.

    Args:
        path: the file to write.
        data: the training and validation splits.
        answer: the net, uint8 [n, pixels] → float32 [n, classes], probabilities.

    Raises:
        UserError: the file cannot be written.
    """
    # Images at equal distances: a split may be sorted.
    train = slice(None, None, -(-len(data.train) // LEARN_FROM))
    held_out = data.validation.images[:: -(-len(data.validation) // CALIBRATE_WITH) or 1]
    if len(held_out) < FEWEST:
        return
    starts = range(0, len(held_out), BATCH_SIZE)
    probabilities = np.concatenate([answer(held_out[k : k + BATCH_SIZE]) for k in starts])
    images, labels = data.train.images[train], classes_of(data.train.labels[train])
    learn(images, labels, data.image_shape, held_out, probabilities).write(path)


def read(path: Path, image_shape: Sequence[int], num_classes: int) -> Familiarity | None:
    """Read what `Familiarity.write` wrote; None if there is none, or it belongs to another net."""
    try:
        with np.load(path, allow_pickle=False) as file:
            noted = Familiarity(**{field.name: file[field.name] for field in fields(Familiarity)})
        _, components = noted.basis.shape
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    q = components + NUM_COUNTS
    expected = {
        "image_shape": (2,),
        "mean": (DIRECTIONS * CELLS**2,),
        "basis": (DIRECTIONS * CELLS**2, components),
        "class_means": (num_classes, q),
        "whitening": (num_classes, q * (q + 1) // 2),
        "offsets": (num_classes,),
        "scales": (3, 2),
    }
    for name, shape in expected.items():
        values = getattr(noted, name)
        if values.shape != shape or values.dtype.kind not in "iuf" or np.isnan(values).any():
            return None
    return noted if tuple(noted.image_shape) == tuple(image_shape) else None


def learn(
    images: np.ndarray,
    labels: np.ndarray,
    image_shape: Sequence[int],
    held_out: np.ndarray,
    probabilities: np.ndarray,
) -> Familiarity:
    """Learn how training images look, and how far images that were held out lie from them.

    Args:
        images: uint8 [n, pixels], training images; about LEARN_FROM are enough.
        labels: integers [n], their classes.
        image_shape: height and width.
        held_out: uint8 [m, pixels], validation images.
        probabilities: float32 [m, classes], the net's answers.
    """
    num_classes = probabilities.shape[1]
    directions = edge_directions(images, image_shape)
    mean = directions.mean(axis=0)
    directions -= mean
    # At most MAX_BYTES for the matrices, and 20 images for each component.
    q = min(math.isqrt(MAX_BYTES // num_classes), len(images) // 20, len(mean))
    _, vectors = np.linalg.eigh(directions.T @ directions)  # in the order of the eigenvalues
    basis = vectors[:, : -q - 1 : -1].astype(np.float16)
    described = _describe(directions, stroke_counts(images, image_shape), basis)
    q = described.shape[1]
    class_means = np.zeros((num_classes, q), np.float32)
    for k in np.unique(labels):
        class_means[k] = described[labels == k].mean(axis=0)
    within = described - class_means[labels]
    pooled = within.T @ within / len(within)
    whitening, offsets = [], []
    for k in range(num_classes):
        own = within[labels == k]
        covariance = (own.T @ own + POOLED * pooled) / (len(own) + POOLED)
        factor = np.linalg.cholesky(covariance.astype(np.float64) + 1e-5 * np.eye(q))
        whitening.append(np.linalg.inv(factor)[np.tril_indices(q)])
        # A class without images is never the nearest.
        offsets.append(2 * np.log(np.diag(factor)).sum() if len(own) else np.inf)
    noted = Familiarity(
        np.array(image_shape),
        mean,
        basis,
        class_means,
        np.array(whitening, np.float16),
        np.array(offsets, np.float32),
        np.array([[0.0, 1.0]] * 3),
    )
    raw = np.stack([noted._distance(held_out), _indecision(probabilities)])
    scales = [_scale(one, 0.01) for one in raw]
    total = sum(
        weight * (one - middle) / spread
        for one, (middle, spread), weight in zip(raw, scales, (1, NET), strict=True)
    )
    noted.scales[:] = [*scales, _scale(total, FALSE_ALARMS)]
    return noted


def _scale(values: np.ndarray, above: float) -> tuple[float, float]:
    """Return the median, and how far above it the largest values lie, a fraction `above` of all."""
    middle, high = np.quantile(values.astype(np.float64), [0.5, 1 - above])
    return float(middle), max(float(high - middle), 1e-6)


def _indecision(probabilities: np.ndarray) -> np.ndarray:
    """Return log(−log p), p the largest probability; above p = 0.995 it hardly falls any more."""
    largest = probabilities.max(axis=1).astype(np.float64).clip(1e-9, 1)
    return np.log(0.005 - np.log(largest))


def _describe(directions: np.ndarray, counts: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what each class has a normal distribution of: float32 [n, q].

    Args:
        directions: float32 [n, 392], `edge_directions` less their mean.
        counts: float32 [n, NUM_COUNTS], `stroke_counts`.
        basis: float16 [392, q - NUM_COUNTS].
    """
    return np.concatenate([directions @ basis.astype(np.float32), 0.1 * counts], axis=1)
