"""Trained models → their accuracy on distorted test images, and their calibration.

Nothing is trained here. Each distorted test set is made once and classified by all models, so that
all are tested on the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from common.comparison.distortions import DISTORTIONS, Distortion
from common.comparison.mnist_c import CORRUPTIONS

import numpy as np

# uint8 images [n, height, width] → float32 probabilities [n, classes]
Classifier = Callable[[np.ndarray], np.ndarray]
NUM_BINS = 15  # of the calibration error, as in the source


def measure_distortion(
    classifiers: Sequence[Sequence[Classifier]],
    images: np.ndarray,
    labels: np.ndarray,
    distortion: Distortion,
    strengths: Sequence[float] | None = None,
    clean: np.ndarray | None = None,
) -> np.ndarray:
    """Measure the accuracy of models on distorted images.

    Args:
        classifiers: for each model one classifier a seed.
        images: uint8 [n, height, width].
        labels: integers [n].
        distortion: one of DISTORTIONS.
        strengths: which; by default all of them.
        clean: float [models, seeds], the accuracies on the images as they are, if they are known.

    Returns:
        float [models, strengths, seeds]: fractions from 0 to 1, means over the versions of an image
        (the four directions of a shift).
    """
    pixels = images.astype(np.float32) / 255
    columns = []
    for k, strength in enumerate(distortion.strengths if strengths is None else strengths):
        if clean is not None and strength == distortion.neutral:
            columns.append(clean)
            continue
        rng = np.random.default_rng(k)  # the same images for each model and in each run
        versions = [
            _accuracies(classifiers, version, labels)
            for version in distortion.apply(pixels, strength, rng)
        ]
        columns.append(np.mean(versions, axis=0))
    return np.stack(columns, axis=1)


def _accuracies(
    classifiers: Sequence[Sequence[Classifier]], pixels: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    images = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return np.array(
        [[np.mean(one(images).argmax(axis=1) == labels) for one in seeds] for seeds in classifiers]
    )


def measure_robustness(
    classifiers: Sequence[Sequence[Classifier]], images: np.ndarray, labels: np.ndarray
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Measure all distortions and, for images of 28 × 28, all corruptions of MNIST-C.

    Args:
        classifiers: for each model one classifier a seed.
        images: uint8 [n, height, width].
        labels: integers [n].

    Yields:
        `distortions` or `corruptions`, the name, and a dict that can be written as JSON:
        `accuracy` by model, strength (of a distortion) and seed.
    """
    pixels = images.astype(np.float32) / 255
    clean = _accuracies(classifiers, pixels, labels)
    for name, distortion in DISTORTIONS.items():
        accuracy = measure_distortion(classifiers, images, labels, distortion, clean=clean)
        row = {"strengths": list(distortion.strengths), "unit": distortion.unit}
        yield "distortions", name, row | {"accuracy": accuracy.tolist()}
    if images.shape[1:] == (28, 28):
        for k, (name, corrupt) in enumerate(CORRUPTIONS.items()):
            corrupted = corrupt(pixels, np.random.default_rng(k))
            accuracy = _accuracies(classifiers, corrupted, labels)
            yield "corruptions", name, {"accuracy": accuracy.tolist()}


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Measure the calibration of probabilities.

    Args:
        probabilities: float [n, classes]; each row adds up to 1.
        labels: integers [n].

    Returns:
        `log_loss`, the mean of −log(probability of the true class);
        `brier`, the mean squared distance of the probabilities from 1 for the true class and 0 for
        the others, summed over the classes (0 to 2);
        `calibration_error`, the mean difference between confidence (the largest probability) and
        accuracy in 15 bins of the confidence, weighted by their numbers of images;
        `confidence`, the mean of the largest probability.

    Source: Guo et al., "On calibration of modern neural networks", 2017 (arXiv 1706.04599); Brier,
    "Verification of forecasts expressed in terms of probability", 1950.
    """
    probabilities = np.asarray(probabilities, float)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    of_true = probabilities[np.arange(len(labels)), labels]
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    correct = predicted == labels
    # A bin holds its upper end, so that a confidence of 1 is in the last one.
    bins = np.clip(np.ceil(confidence * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    gaps = [abs(np.sum(confidence[bins == k] - correct[bins == k])) for k in range(NUM_BINS)]
    return {
        "log_loss": float(-np.log(np.maximum(of_true, np.finfo(np.float32).tiny)).mean()),
        "brier": float((np.square(probabilities).sum(axis=1) - 2 * of_true + 1).mean()),
        "calibration_error": float(sum(gaps) / len(labels)),
        "confidence": float(confidence.mean()),
    }
