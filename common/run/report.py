"""A trained net → what the reader sees and keeps: the rest of the printed report, and all files."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

from common import UserError, plots
from common.data import DataSets
from common.datasets.disputed import disputed_errors
from common.evaluation import Evaluation, accuracy_interval
from common.layers import layers_of
from common.process.machine import describe_machine
from common.process.status import status
from common.process.text import visible
from common.run.checkpoints import decisive_settings
from common.run.curve import measure_where_left
from common.run.export import export
from common.run.figures import draw
from common.run.files import atomic_path, json_text
from common.run.own import other_variables, state_of, unusual
from common.session import averaged_weights

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.metrics import classification_report, confusion_matrix


def report(data: DataSets, session: tf.Session, test: Evaluation) -> dict[str, Any]:
    """Write metrics, predictions and SavedModel, print accuracy per class and time, and draw.

    The pictures come last: one that cannot be drawn is reported, and costs nothing but itself.

    Args:
        data: the three splits.
        session: the session in which the net was trained.
        test: the predictions on the test split.

    Returns:
        what metrics.json holds; accuracies are fractions from 0 to 1.

    Raises:
        UserError: metrics, predictions or SavedModel cannot be written.
    """
    state = state_of(session)
    if line := measure_where_left(data, session):
        print(line)
    matrix = confusion_matrix(test.labels, test.predicted, labels=range(data.num_classes))
    metrics = _metrics(data, session, test, matrix)
    # Also where the session was opened without `with`.
    with session.graph.as_default(), averaged_weights(session):
        with status("Saving"):
            saved = _save(data, session, test, metrics)
        for line in unusual(state.net, test.probabilities):
            print(line)
        _print_details(metrics, test, data.class_names)
        with status("Drawing"):
            files = draw(data, session, test, matrix)
    print("Files written:")
    for file in [
        "metrics.json",
        "predictions.npy",
        "probabilities.npy",
        *saved,
        *files,
        *["tensorboard/"]
        * (state.settings.tensorboard and (state.folder / "tensorboard").is_dir()),
        *["checkpoints/"] * (state.folder / "checkpoints").is_dir(),
    ]:
        print(f"  {visible(state.folder)}/{file}")
    if state.settings.show:
        plots.show_all()
    return metrics


def _save(
    data: DataSets, session: tf.Session, test: Evaluation, metrics: dict[str, Any]
) -> list[str]:
    """Write metrics, predictions and model; metrics.json comes last, so that it vouches for all.

    Where one of the three does not fit on the disk, those of an earlier run stay together.

    Returns:
        what `export` returns.
    """
    folder = session.state.folder
    # A row for each test image: its true class and the predicted one.
    predictions = np.stack([test.labels, test.predicted], axis=1).astype(np.int32)
    try:
        with (
            atomic_path(folder / "metrics.json") as metrics_file,
            atomic_path(folder / "predictions.npy") as predictions_file,
            atomic_path(folder / "probabilities.npy") as probabilities_file,
        ):
            metrics_file.write_text(json_text(metrics, indent=2) + "\n", encoding="utf-8")
            _write_array(predictions_file, predictions)
            # As accurate as a diagram of them can show, in half the bytes.
            _write_array(probabilities_file, test.probabilities.astype(np.float16))
            return export(session, folder / "saved_model", data)
    except UserError as error:
        raise UserError(
            f"{error} The net is trained; continue from its last checkpoint with: "
            f"{session.state.settings.command} --resume"
        ) from error


def _write_array(path: Path, array: np.ndarray) -> None:
    """Write an array by way of memory: NumPy itself does not say that a disk is full."""
    content = io.BytesIO()
    np.save(content, array)
    path.write_bytes(content.getvalue())


def _metrics(
    data: DataSets, session: tf.Session, test: Evaluation, matrix: np.ndarray
) -> dict[str, Any]:
    state, layers, others = session.state, layers_of(session.graph), other_variables(session.graph)
    parameters = sum(layer.num_parameters for layer in layers)
    parameters += sum(variable.shape.num_elements() for variable in others)
    # What is done with variables that the script has made by itself is not known.
    multiply_adds = None if others else sum(layer.multiply_adds for layer in layers)
    # A loop of the script's own, without mini_batches, has measured nothing.
    last = state.history[-1] if state.history else {}
    return {
        "model": state.settings.model,
        "seed": state.settings.seed,
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "epochs": last.get("epoch"),
        "steps": last.get("step"),
        "train_seconds": last.get("seconds"),
        "train_accuracy": last.get("train_accuracy"),
        "validation_accuracy": last.get("validation_accuracy"),
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": accuracy_interval(test.correct, test.total),
        "test_correct": test.correct,
        "test_total": test.total,
        "disputed_errors": disputed_errors(test.predicted, test.labels),
        "confusion_matrix": matrix.tolist(),
        "history": state.history,
        "data": {
            "image_shape": list(data.image_shape),
            "classes": data.num_classes,
            "training": len(data.train),
            "validation": len(data.validation),
            "test": len(data.test),
            **data.conventions._asdict(),
        },
        "settings": decisive_settings(state.settings),
        "training_step": session.step_description,
        "machine": describe_machine(),
        "tensorflow": tf.__version__,
    }


def _print_details(metrics: dict[str, Any], test: Evaluation, class_names: tuple[str, ...]) -> None:
    low, high = metrics["test_accuracy_interval"]
    print(f"95 % interval of the accuracy: {low:.2%} to {high:.2%}")
    if metrics["disputed_errors"] is not None:
        errors, disputed = test.total - test.correct, metrics["disputed_errors"]
        print(f"{errors} errors, {disputed} of them on images whose label people dispute")
    # A class without test images, or that is never predicted, has no such numbers: nan.
    print("Precision, recall and F1 of each class:")
    print(
        classification_report(
            *(test.labels, test.predicted),
            labels=range(len(class_names)),
            target_names=[visible(name) for name in class_names],
            digits=3,
            zero_division=np.nan,
        ).rstrip()
    )
    if metrics["train_seconds"] is not None:
        print(f"Time usage: {timedelta(seconds=round(metrics['train_seconds']))}")
