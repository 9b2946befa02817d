"""A trained net → what the reader sees and keeps: the rest of the printed report, and all files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from common import plots
from common.data import DataSets
from common.evaluation import Evaluation, accuracy_interval, accuracy_per_class
from common.layers import layers_of
from common.process.machine import describe_machine
from common.process.status import status
from common.run.checkpoints import decisive_settings
from common.run.export import export
from common.run.figures import draw
from common.run.files import atomic_path, write_json
from common.session import averaged_weights

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.metrics import confusion_matrix


def report(data: DataSets, session: tf.Session, test: Evaluation) -> dict[str, Any]:
    """Print accuracy per class and time, and write metrics, predictions, pictures and SavedModel.

    Args:
        data: the three splits.
        session: the session in which the net was trained.
        test: what the net makes of the test split.

    Returns:
        what metrics.json holds; accuracies are fractions from 0 to 1.

    Raises:
        UserError: a file cannot be written.
    """
    state = session.state
    matrix = confusion_matrix(test.labels, test.predicted, labels=range(data.num_classes))
    metrics = _metrics(data, session, test, matrix)
    _print_details(metrics, matrix, data.class_names)
    with averaged_weights(session):
        with status("Drawing"):
            files = draw(data, session, test, matrix)
        files += ["tensorboard/"] * state.settings.tensorboard
        with status("Saving"):
            files += export(session, state.folder / "saved_model", data)
    with atomic_path(state.folder / "predictions.npy") as temporary:
        # A row for each test image: its true class and the predicted one.
        np.save(temporary, np.stack([test.labels, test.predicted], axis=1).astype(np.int32))
    # Last, so that a folder with metrics.json in it is complete.
    write_json(state.folder / "metrics.json", metrics)
    print("Files written:")
    for file in ["metrics.json", "predictions.npy", *files, "checkpoints/"]:
        print(f"  {state.folder}/{file}")
    if state.settings.show:
        plots.show_all()
    return metrics


def _metrics(
    data: DataSets, session: tf.Session, test: Evaluation, matrix: np.ndarray
) -> dict[str, Any]:
    state, layers = session.state, layers_of(session.graph)
    # A loop that was left before the end of the first epoch has measured nothing.
    last = state.history[-1] if state.history else {}
    return {
        "model": state.settings.model,
        "seed": state.settings.seed,
        "parameters": sum(layer.num_parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
        "epochs": last.get("epoch"),
        "steps": last.get("step"),
        "train_seconds": last.get("seconds"),
        "train_accuracy": last.get("train_accuracy"),
        "validation_accuracy": last.get("validation_accuracy"),
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": accuracy_interval(test.correct, test.total),
        "test_correct": test.correct,
        "test_total": test.total,
        "confusion_matrix": matrix.tolist(),
        "history": state.history,
        "data": {
            "image_shape": list(data.image_shape),
            "classes": data.num_classes,
            "training": len(data.train),
            "validation": len(data.validation),
            "test": len(data.test),
        },
        "settings": decisive_settings(state.settings),
        "training_step": session.step_description,
        "machine": describe_machine(),
        "tensorflow": tf.__version__,
    }


def _print_details(
    metrics: dict[str, Any], matrix: np.ndarray, class_names: tuple[str, ...]
) -> None:
    low, high = metrics["test_accuracy_interval"]
    print(f"95 % interval of the accuracy: {low:.2%} to {high:.2%}")
    print("Accuracy per class:")
    for name, fraction in zip(class_names, accuracy_per_class(matrix), strict=True):
        print(f"  {name}: {fraction:.1%}")
    if metrics["train_seconds"] is not None:
        print(f"Time usage: {timedelta(seconds=round(metrics['train_seconds']))}")
