"""Models of scikit-learn, to which the nets of a comparison are compared on fewer images."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.comparison.robustness import calibration
from common.data import DataSets, Split
from common.process.status import status
from common.run.contents import LONGEST, number, parse_json, require
from common.run.files import write_json

import numpy as np

LOGISTIC_REGRESSION = "logistic regression"
# The most training images that a reference is given, so that each finishes within minutes.
REFERENCES = {
    LOGISTIC_REGRESSION: 60_000,
    "3 nearest neighbours": 60_000,
    "SVM with RBF kernel": 10_000,
}


def _new_references() -> dict[str, Callable[[], Any]]:
    """Return scikit-learn's models; its import waits until here, since it takes a second."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    return {
        # Without a penalty it is the model of softmax regression, trained to its optimum.
        LOGISTIC_REGRESSION: lambda: LogisticRegression(C=np.inf, max_iter=1_000, tol=1e-3),
        "3 nearest neighbours": lambda: KNeighborsClassifier(3),
        "SVM with RBF kernel": lambda: SVC(C=5, gamma="scale"),
    }


def measure_references(
    data: DataSets, sizes: Sequence[int], kept: Path
) -> dict[str, list[dict[str, float]]]:
    """Train each model of scikit-learn on the first images of each number, and test it.

    Args:
        data: the data set.
        sizes: the numbers of training images.
        kept: a file that keeps what was measured, for the next time.

    Returns:
        for each name and each size, fewer of these where a model would take too long: `accuracy`
        on the test images, from 0 to 1, the `seconds` of training and test, and for logistic
        regression `loss`, the mean cross-entropy on its training images.
    """
    fingerprint, known = data.fingerprint(), {}
    try:
        content = require(parse_json(kept.read_bytes()), dict, "content")
        if content.get("data") == fingerprint:
            known = require(content.get("measured"), dict, "measured")
        for key, row in known.items():
            number(require(row, dict, key).get("accuracy"), key, 0, 1)
            number(row.get("seconds"), key, 0, LONGEST)
            number(row.get("loss", 0), key, 0, LONGEST)
    except (OSError, ValueError):  # then they are measured
        known = {}
    models, found = _new_references(), {}
    for name, most in REFERENCES.items():
        found[name] = []
        for size in (size for size in sizes if size <= most):
            key = f"{name}, {size}"
            if key not in known:
                with status(f"{name} on {size:,} images"):
                    train = data.train.first(size)
                    known[key] = _measure(name, models[name](), train, data.test)
                write_json(kept, {"data": fingerprint, "measured": known})
            found[name].append(known[key])
    return found


def _measure(name: str, model: Any, train: Split, test: Split) -> dict[str, float]:
    start = time.perf_counter()
    train_images, test_images = (split.images / np.float32(255) for split in (train, test))
    model.fit(train_images, train.labels)
    row = {"accuracy": float(np.mean(model.predict(test_images) == test.labels))}
    row["seconds"] = time.perf_counter() - start
    if name == LOGISTIC_REGRESSION:
        probabilities = np.zeros((len(train), max(train.labels) + 1))
        probabilities[:, model.classes_] = model.predict_proba(train_images)
        row["loss"] = calibration(probabilities, train.labels)["log_loss"]
    return row
