"""Models of scikit-learn, to which the nets of a comparison are compared on fewer images."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.comparison.robustness import calibration
from common.data import DataSets, Split
from common.process.status import status
from common.run.contents import LONGEST, number, parse_json, require
from common.run.files import write_json

import numpy as np

NEIGHBOURS = 3
# The most training images that a reference is given, so that each finishes within minutes.
REFERENCES = {
    "logistic regression": 60_000,
    f"{NEIGHBOURS} nearest neighbours": 60_000,
    "SVM with RBF kernel": 10_000,
}
MOST_ITERATIONS = 1_000
OPTIMUM = "optimum of softmax regression"
OF_TRAINING = ("loss", "train_accuracy")

Row = dict[str, float]


def _new_references() -> dict[str, Callable[[], Any]]:
    """Return scikit-learn's models; its import waits until here, since it takes a second."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    return {
        "logistic regression": lambda: LogisticRegression(max_iter=MOST_ITERATIONS),
        f"{NEIGHBOURS} nearest neighbours": lambda: KNeighborsClassifier(NEIGHBOURS),
        "SVM with RBF kernel": lambda: SVC(C=5, gamma="scale"),
    }


class References:
    """Results of scikit-learn's models, each measured once and kept in a file.

    Args:
        data: the data set.
        kept: the file.
    """

    def __init__(self, data: DataSets, kept: Path) -> None:
        self._data, self._path, self._fingerprint = data, kept, data.fingerprint()
        try:
            content = require(parse_json(kept.read_bytes()), dict, "content")
            known = content.get("measured") if content.get("data") == self._fingerprint else {}
            for key, row in require(known, dict, "measured").items():
                for name in ("accuracy", "seconds", *(OF_TRAINING if OPTIMUM in key else ())):
                    number(require(row, dict, key).get(name), key, 0, LONGEST)
            self._known: dict[str, Row] = known
        except (OSError, ValueError):  # then they are measured
            self._known = {}

    def measure(self, sizes: Sequence[int]) -> dict[str, list[Row]]:
        """Train each model on the first images of each number, and test it.

        Returns:
            for each name and each size, fewer of these where a model would take too long:
            `accuracy` on the test images from 0 to 1, and the `seconds` of training and test.
        """
        models = _new_references()
        return {
            name: [self._get(name, size, models[name]) for size in sizes if size <= most]
            for name, most in REFERENCES.items()
        }

    def optimum(self, size: int) -> Row | None:
        """Return the optimum of softmax regression: the lowest mean loss on so many images.

        Logistic regression without a penalty is the same model with the same loss, which has a
        single minimum. scikit-learn finds it by L-BFGS, in at most 1,000 iterations.

        Returns:
            `loss`, `accuracy` on the test images, `seconds`; None where all images are
            classified correctly: then the loss has no minimum, or may have none.
        """
        from sklearn.linear_model import LogisticRegression

        row = self._get(
            OPTIMUM,
            size,
            lambda: LogisticRegression(C=np.inf, max_iter=MOST_ITERATIONS, tol=1e-6),
        )
        return row if row["train_accuracy"] < 1 else None

    def _get(self, name: str, size: int, new_model: Callable[[], Any]) -> Row:
        key = f"{name}, {size}"
        if key not in self._known:
            with status(f"{name} on {size:,} images"):
                self._known[key] = _fit(new_model(), self._data.train.first(size), self._data.test)
            write_json(self._path, {"data": self._fingerprint, "measured": self._known})
        return self._known[key]


def _fit(model: Any, train: Split, test: Split) -> Row:
    from sklearn.exceptions import ConvergenceWarning

    start = time.perf_counter()
    train_images, test_images = (split.images / np.float32(255) for split in (train, test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train_images, train.labels)
    row = {"accuracy": float(np.mean(model.predict(test_images) == test.labels))}
    row["seconds"] = time.perf_counter() - start
    if hasattr(model, "coef_"):  # logistic regression
        probabilities = np.zeros((len(train), max(train.labels) + 1))
        probabilities[:, model.classes_] = model.predict_proba(train_images)
        row["loss"] = calibration(probabilities, train.labels)["log_loss"]
        row["train_accuracy"] = float(np.mean(probabilities.argmax(axis=1) == train.labels))
    return row
