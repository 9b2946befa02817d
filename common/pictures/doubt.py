"""Tell pictures that perhaps show no digit: lines from edge to edge, and what no net has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.pictures.fitting import fit
from common.pictures.polarity import as_trained

import numpy as np

if TYPE_CHECKING:
    from common.pictures.preparation import Prepared
    from common.run.model import Model

STROKES_REASON = "its strokes are unlike those of the images that the net was trained with"
NET_REASON = "its strokes are unusual, and the net is undecided"
ACROSS_REASON = "it runs from edge to edge of the picture, as a crease or the edge of paper does"


def find_doubts(
    models: Sequence[Model], prepared: Sequence[Prepared], answers: Sequence[np.ndarray]
) -> list[dict[str, Any]]:
    """Return what `common.predict --json` says about doubts.

    Args:
        models: the nets.
        prepared: pictures with n digits in all.
        answers: for each model float32 [n, classes], probabilities.

    Returns:
        for each digit `doubt`, a sentence or None, and `unfamiliarity`, a number for each model.
    """
    if not prepared:
        return []
    images = np.concatenate([one.images for one in prepared])
    unchanged = np.array([not one.boxes for one in prepared for _ in one.images])
    measured = [
        unfamiliarity(model, images, answer, unchanged)
        for model, answer in zip(models, answers, strict=True)
    ]
    digits = [digit for p in prepared for digit in p.digits or [None] * len(p.images)]
    found = []
    for k, digit in enumerate(digits):
        parts = [None if one is None else one[k] for one in measured]
        numbers = [None if part is None else round(float(part.sum()), 3) for part in parts]
        names = [model.name for model in models]
        unfamiliar = dict(zip(names, numbers, strict=True))
        across = digit is not None and digit.across
        found.append({"doubt": doubt(models, parts, across), "unfamiliarity": unfamiliar})
    return found


def unfamiliarity(
    model: Model, images: np.ndarray, probabilities: np.ndarray, unchanged: np.ndarray
) -> np.ndarray | None:
    """Measure how unlike a net's training images prepared images are.

    Args:
        model: the net, with what its run noted about its training images.
        images: uint8 [n, height, width], light on dark or dark on light as the training images.
        probabilities: float32 [n, classes], the net's answers.
        unchanged: bool [n], which images come from pictures that passed unchanged.

    Returns:
        float64 [n, 2]: the parts of the strokes and of the net. Their sum is 0 for a usual image; a
        fraction FALSE_ALARMS of the run's validation images have more than 1. None if the run noted
        nothing.
    """
    if model.familiarity is None:
        return None
    parts = model.familiarity.measure(images, probabilities)
    # A picture that passed unchanged may show a digit in another size or place than MNIST's, or
    # drawn with a line of one pixel. It is usual if the same digit is, once it is prepared.
    light = as_trained(images, model.polarity)  # on dark, also where the training images are not
    again = [k for k in np.flatnonzero(unchanged) if light[k].max() > 127]
    if again:
        fitted = [fit(light[k] / np.float32(255), images[k].shape) for k in again]
        fitted = as_trained(np.stack(fitted), model.polarity)
        fitted_parts = model.familiarity.measure(fitted, probabilities[again])
        better = fitted_parts.sum(axis=1) < parts[again].sum(axis=1)
        parts[again] = np.where(better[:, None], fitted_parts, parts[again])
    return parts


def doubt(
    models: Sequence[Model], parts: Sequence[np.ndarray | None], across: bool = False
) -> str | None:
    """Say why a picture perhaps shows no digit.

    That is so if it runs from edge to edge, or if at least half of the nets find it unfamiliar.

    Args:
        models: the nets.
        parts: for each of them float64 [2], a row of `unfamiliarity`; None if it noted nothing.
        across: what `runs_across` says.

    Returns:
        a sentence without a full stop, or None.
    """
    digits = all(list(model.class_names) == list("0123456789") for model in models)
    perhaps = f"perhaps {'no digit' if digits else 'none of the classes'}"
    if across:
        return f"{perhaps}: {ACROSS_REASON}"
    known = [(model, part) for model, part in zip(models, parts, strict=True) if part is not None]
    doubting = [(model, part) for model, part in known if part.sum() > 1]
    if not doubting or 2 * len(doubting) < len(known):
        return None
    strokes, net = np.sum([part for _, part in doubting], axis=0)
    reason = STROKES_REASON if strokes >= net else NET_REASON
    names = ", ".join(model.name for model, _ in doubting)
    so = f" ({names})" if len(doubting) < len(known) else ""
    return f"{perhaps}: {reason}{so}"
