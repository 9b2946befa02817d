"""A trained net → what the reader sees and keeps: the printed report, metrics.json, the model."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from common import plots
from common.augmentation import AUGMENTED
from common.data import DataSets
from common.evaluation import (
    Evaluation,
    accuracy_interval,
    accuracy_message,
    accuracy_per_class,
    confusion_matrix,
    evaluate,
)
from common.layers import layers_of
from common.run.checkpoints import decisive_settings
from common.run.files import atomic_folder, atomic_path, write_json
from common.session import FastSession

import numpy as np
import tensorflow.compat.v1 as tf

# The two test images whose way through the net is drawn, as in Hvass's tutorial.
IMAGES_FOLLOWED = [0, 13]
# How often the picture of --augment shows each image.
NUM_COPIES = 16
# Where a SavedModel notes the image size and the names of the classes: TensorFlow leaves the folder
# assets.extra to whoever writes the model.
CLASSES_FILE = "assets.extra/classes.json"


def report(data: DataSets, session: FastSession) -> dict[str, Any]:
    """Evaluate the trained net on the test split, print the result and write the run's files.

    Args:
        data: the three splits.
        session: the session in which the net was trained.

    Returns:
        what metrics.json holds; accuracies are shares from 0 to 1.

    Raises:
        UserError: a file cannot be written.
    """
    with session.averaged_weights():
        return _report(data, session)


def _report(data: DataSets, session: FastSession) -> dict[str, Any]:
    test = evaluate(session, data.test)
    matrix = confusion_matrix(test, data.num_classes)
    metrics = _metrics(data, session, test, matrix)
    _print_report(metrics, test, matrix, data.class_names)
    files = _draw(data, session, test, matrix)
    files += ["tensorboard/"] * session.settings.tensorboard
    _export(session, session.folder / "saved_model", data)
    with atomic_path(session.folder / "predictions.npy") as temporary:
        # A row for each test image: its true class and the predicted one.
        np.save(temporary, np.stack([test.labels, test.predicted], axis=1).astype(np.int32))
    # Last, so that whoever finds it finds everything else, too.
    write_json(session.folder / "metrics.json", metrics)
    print("Files written:")
    for file in ["metrics.json", "predictions.npy", *files, "saved_model/", "checkpoints/"]:
        print(f"  {session.folder}/{file}")
    if session.settings.show:
        plots.show_all()
    return metrics


def _metrics(
    data: DataSets, session: FastSession, test: Evaluation, matrix: np.ndarray
) -> dict[str, Any]:
    last = session.history[-1]
    layers = layers_of(session.graph)
    return {
        "model": session.settings.model,
        "seed": session.settings.seed,
        "parameters": sum(layer.num_parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
        "epochs": last["epoch"],
        "steps": last["step"],
        "train_seconds": last["seconds"],
        "train_accuracy": last["train_accuracy"],
        "validation_accuracy": last["validation_accuracy"],
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": accuracy_interval(test.correct, test.total),
        "test_correct": test.correct,
        "test_total": test.total,
        "confusion_matrix": matrix.tolist(),
        "history": session.history,
        "data": {
            "image_shape": list(data.image_shape),
            "classes": data.num_classes,
            "training": len(data.train),
            "validation": len(data.validation),
            "test": len(data.test),
        },
        "settings": decisive_settings(session.settings),
        "tensorflow": tf.__version__,
    }


def _print_report(
    metrics: dict[str, Any], test: Evaluation, matrix: np.ndarray, class_names: tuple[str, ...]
) -> None:
    low, high = metrics["test_accuracy_interval"]
    print(accuracy_message(test.correct, test.total), f"- 95% interval {low:.2%} to {high:.2%}")
    print("Accuracy per class:")
    for name, share in zip(class_names, accuracy_per_class(matrix), strict=True):
        print(f"  {name}: {share:.1%}")
    print("Confusion Matrix: (rows: true class, columns: predicted class)")
    rows = np.array2string(matrix, threshold=matrix.size, max_line_width=10**6).splitlines()
    if class_names != tuple(map(str, range(len(class_names)))):
        rows = [f"{row}  {name}" for row, name in zip(rows, class_names, strict=True)]
    print(*rows, sep="\n")
    print(f"Time usage: {timedelta(seconds=round(metrics['train_seconds']))}")


def _draw(data: DataSets, session: FastSession, test: Evaluation, matrix: np.ndarray) -> list[str]:
    """Draw every picture of the run and return the file names."""
    folder, shape, names = session.folder, data.image_shape, data.class_names
    settings = session.settings
    show = {"show": settings.show}
    files = ["images.png", "errors.png", "confusion_matrix.png", "curves.png"]
    images, labels, predicted = data.test.images, test.labels, test.predicted
    plots.plot_images(
        folder / files[0],
        *(images[:9], shape, labels[:9], predicted[:9], names),
        title="The first test images, their true class and the class that the net predicts",
        **show,
    )
    wrong = np.flatnonzero(predicted != labels)
    first = wrong[:9]
    plots.plot_images(
        folder / files[1],
        *(images[first], shape, labels[first], predicted[first], names),
        title=f"The first {len(first)} of {len(wrong)} errors on {test.total:,} test images",
        **show,
    )
    plots.plot_confusion_matrix(
        folder / files[2],
        matrix,
        names,
        title=f"Which class is taken for which: {len(wrong)} errors on {test.total:,} test images",
        **show,
    )
    plots.plot_curves(folder / files[3], session.history, **show)
    for augmented, strength in session.graph.get_collection(AUGMENTED):  # with --augment only
        files.append("augmented.png")
        copies = np.repeat(data.train.images[:2], NUM_COPIES, axis=0)
        # In full strength again, as in the first steps.
        feed_dict = {session.net.x: copies, session.net.is_training: True, strength: 1.0}
        copies = session.run(augmented, feed_dict).reshape(-1, NUM_COPIES, *shape)
        plots.plot_layer_outputs(
            folder / files[-1],
            data.train.images[:2].reshape(-1, *shape),
            np.moveaxis(copies, 1, -1),
            ["a training image", "another one"],
            title=f"What --augment makes of two training images: {NUM_COPIES} of countless ways",
            **show,
        )
    followed = [index for index in IMAGES_FOLLOWED if index < test.total]
    for layer in layers_of(session.graph):
        weights = session.run(layer.weights.value())
        if weights.ndim == 4:  # a convolution: [height, width, input channels, filters]
            channel = min(settings.input_channel, weights.shape[2] - 1)
            files += [f"{layer.name}_filters.png", f"{layer.name}_outputs.png"]
            plots.plot_filters(
                folder / files[-2],
                weights,
                channel,
                title=f"The filters of {layer.name} for input channel {channel}: "
                "red adds to the output, blue takes from it",
                **show,
            )
            outputs = session.run(layer.output, {session.net.x: images[followed]})
            plots.plot_layer_outputs(
                folder / files[-1],
                images[followed].reshape(-1, *shape),
                outputs,
                [f"test image {index}" for index in followed],
                title=f"What the filters of {layer.name} find in two test images: "
                "bright where the image has the filter's pattern",
                **show,
            )
        elif (
            weights.ndim == 2 and len(weights) == data.num_pixels
        ):  # neurons that look straight at the pixels
            files.append(f"{layer.name}_weights.png")
            titles = names if weights.shape[1] == len(names) else None
            plots.plot_weights(folder / files[-1], weights, shape, titles, **show)
    return files


def _export(session: FastSession, folder: Path, data: DataSets) -> None:
    """Write the net as a SavedModel: what a later program needs, and nothing about training.

    Its signature: `images`, uint8 [n, pixels] → `probabilities`, float32 [n, classes]. The weights
    are constants of its graph, so no program can load it without them.
    """
    net = session.net
    frozen = tf.graph_util.convert_variables_to_constants(
        session, session.graph.as_graph_def(), [net.y_pred.op.name]
    )
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as frozen_session:
        x, y_pred = tf.import_graph_def(
            frozen, return_elements=[net.x.name, net.y_pred.name], name=""
        )
        with atomic_folder(folder) as temporary:
            tf.saved_model.simple_save(
                frozen_session, str(temporary), {"images": x}, {"probabilities": y_pred}
            )
            note = {"image_shape": list(data.image_shape), "class_names": list(data.class_names)}
            write_json(temporary / CLASSES_FILE, note)
