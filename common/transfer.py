"""Transfer learning: a trained CNN on another problem, of which only the last layer is trained.

    python -m common.transfer --from runs/mnist_cnn --data-dir DIR

A net that classifies digits has learned to find strokes and corners, which help with letters, too.
The layers up to the input of the last one, the bottleneck, are not changed. So the bottleneck's
values of an image never change: they are computed once, and the new last layer is trained with
them alone, in a small part of the time that the whole net would take.

The graph is that of the whole net. That it can be trained from its middle on is a lesson of graph
mode: any tensor can be fed, not only placeholders. Where the loop feeds the bottleneck's values,
nothing before them is computed; where images are fed, as to the exported model, the whole net runs.

Source: Donahue et al., "DeCAF", 2013 (arXiv 1310.1531).
"""

from __future__ import annotations

import time
import zlib
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import UsageError, UserError
from common.data import DataSets, Split, load_data
from common.evaluation import BATCH_SIZE, accuracy_message, confusion_message, evaluate
from common.layers import dropout, find_global_step, layers_of, new_fc_layer
from common.networks import Net
from common.objective import new_optimizer, soft_labels, weight_penalty
from common.parallel import map_batches
from common.process.text import visible
from common.run.report import report
from common.run.source import (
    FROZEN,
    KEPT_SETTINGS,
    MODEL,
    Source,
    frozen_by_name,
    misfit,
    read_source,
    rebuilt_otherwise,
    restore_frozen,
)
from common.session import new_session
from common.settings import parse_settings
from common.training import mini_batches, num_training_steps
from mnist_cnn import NETWORKS

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.metrics import confusion_matrix

BOTTLENECK = "bottleneck"
NUM_TRIED = 200  # images that tell whether the source computes the same


def read_settings(argv: list[str] | None = None) -> Namespace:
    """Read the flags, and take over the settings of the kept layers from the source.

    A single layer on few inputs needs a higher learning rate than a whole net, and no dropout,
    since the neurons before it are not trained.

    Raises:
        UserError: the source does not fit, see `read_source`.
        UsageError: the run would overwrite its source.
    """
    settings = parse_settings(
        argv,
        MODEL,
        __doc__,
        command="python -m common.transfer",
        epochs=10,
        batch_size=128,
        loss="cross-entropy",
        optimizer="adam",
        learning_rate=0.02,
        decay="one-cycle",
        dropout=0.0,
        relu_last=False,
        input_channel=None,
        output_dir=Path("runs") / f"{MODEL}_transfer",
        **{"from": Path("runs") / MODEL},
    )
    values = vars(settings)
    source = read_source(values.pop("from"))
    values |= {name: source.metrics["settings"][name] for name in KEPT_SETTINGS}
    settings.transfer_from = str(source.folder)
    if settings.network not in NETWORKS:
        raise misfit(source.folder, f"this version knows no network {settings.network}")
    with suppress(OSError):  # there is no such folder yet
        if settings.output_dir.samefile(source.folder):
            raise UsageError(
                f"the transfer would overwrite its source {source.folder}. Choose another "
                "--output-dir."
            )
    return settings


def build_graph(settings: Namespace, data: DataSets) -> Net:
    """Build the graph of mnist_cnn.py, in which only the last layer is trained."""
    num_pixels, num_classes = data.num_pixels, data.num_classes
    num_steps = num_training_steps(settings, len(data.train))
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(settings.seed)
        x = tf.placeholder(tf.uint8, [None, num_pixels], name="x")
        y_true = tf.placeholder(tf.int32, [None], name="y_true")
        is_training = tf.placeholder_with_default(False, [], name="is_training")
        images = tf.cast(x, tf.float32) / 255  # [n, pixels]

        # The kept layers.
        x_image = tf.reshape(images, [-1, *data.image_shape, 1])  # [n, height, width, 1]
        kept = Namespace(**vars(settings) | {"dropout": 0.0})
        layer, num_features = NETWORKS[settings.network](x_image, kept, is_training)
        step = find_global_step()
        for variable in tf.global_variables():
            if variable is not step:
                graph.add_to_collection(FROZEN, variable)
        # An optimizer trains what is in the first collection. By the operations in the second one
        # batch normalisation's averages follow the training.
        graph.clear_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
        graph.clear_collection(tf.GraphKeys.UPDATE_OPS)
        bottleneck = tf.identity(layer, name=BOTTLENECK)  # [n, features]

        # The new layer.
        layer = dropout(bottleneck, settings.dropout, is_training)
        logits = new_fc_layer(layer, num_features, num_classes, settings.relu_last)  # [n, classes]
        one_hot = soft_labels(tf.one_hot(y_true, num_classes), images, settings)
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits(labels=one_hot, logits=logits)
        squared_error = tf.reduce_sum(tf.square(logits - one_hot), axis=1)
        errors = {"cross-entropy": cross_entropy, "squared-error": squared_error}
        loss = tf.reduce_mean(errors[settings.loss]) + weight_penalty(settings)
        train_step = new_optimizer(settings, num_steps).minimize(loss)
        y_pred = tf.nn.softmax(logits, name="y_pred")
        y_pred_cls = tf.argmax(logits, axis=1, name="y_pred_cls")
    return Net(graph, x, y_true, loss, train_step, y_pred, y_pred_cls, is_training)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Train the last layer, test the whole net and report; return what metrics.json holds.

    Raises:
        UserError: the source does not fit, and all that `mini_batches` and `report` raise.
    """
    settings = read_settings(argv)
    source = read_source(settings.transfer_from)
    data = load_data(settings.data_dir, settings.train_size, settings.transpose)
    _require_same_size(source, data)
    if remark := _polarity_remark(source, data):
        print(remark)
    net = build_graph(settings, data)
    frozen_by_name(net.graph, source)  # before the session takes memory for a net that does not fit
    with new_session(net, settings) as session:
        restore_frozen(session, source)
        *kept, new = [layer.name for layer in layers_of(net.graph)]
        origin = visible(source.folder)
        print(f"Transfer from {origin}: {', '.join(kept)} stay as they are, {new} is new.")
        values = bottleneck_values(data, session)
        some = slice(NUM_TRIED)
        tried = data.train.images[some], values.train.images[some]
        if warning := rebuilt_otherwise(source, *tried, new):
            print(warning)

        # From here on the net begins at the bottleneck.
        bottleneck = net.graph.get_tensor_by_name(f"{BOTTLENECK}:0")
        session.state.net = replace(net, x=bottleneck)
        for inputs, labels in mini_batches(values, session):
            feed_dict = {bottleneck: inputs, net.y_true: labels, net.is_training: True}
            session.run(net.train_step, feed_dict)

        # And now with images again: the test is of the whole net.
        session.state.net = net
        test = evaluate(session, data.test)
        matrix = confusion_matrix(test.labels, test.predicted, labels=range(data.num_classes))
        print(accuracy_message(test))
        print(confusion_message(matrix, data.class_names))
        metrics = report(data, session, test)
    print(_comparison(source, metrics, settings))
    return metrics


def _require_same_size(source: Source, data: DataSets) -> None:
    there, here = source.metrics["data"]["image_shape"], data.image_shape
    if list(there) != list(here):
        raise UserError(
            f"cannot transfer from {source.folder}: it was trained on images of {there[0]} × "
            f"{there[1]} pixels, and these have {here[0]} × {here[1]}. Choose images of the same "
            "size with --data-dir, or another source."
        )


def _polarity_remark(source: Source, data: DataSets) -> str | None:
    """Return a warning if the new images are dark on light and those of the source are not."""
    there, here = source.metrics["data"].get("polarity"), data.conventions.polarity
    if not there or not here or there == here:
        return None
    return (
        f"WARNING: {source.folder} was trained with images {there}, and these are {here}; its "
        "layers will find little in them: invert them (255 - x)"
    )


@dataclass(eq=False)
class BottleneckValues(DataSets):
    """Three splits whose `images` are the bottleneck's values, float32 [n, features].

    The test split keeps its images where it is not needed before the report.
    """

    origin: str = ""
    """Checksums of the images and of the weights."""

    def fingerprint(self) -> str:
        """Return checksums of what the values were computed from.

        Not of the values: their last digits may differ from one machine to the next.
        """
        return self.origin


def bottleneck_values(data: DataSets, session: tf.Session) -> BottleneckValues:
    """Run all images through the kept layers, once.

    Args:
        data: the three splits.
        session: a session in which the kept layers have their weights.
    """
    start = time.perf_counter()
    tensor = session.graph.get_tensor_by_name(f"{BOTTLENECK}:0")
    num_features = tensor.shape.as_list()[1]

    def values_of(split: Split) -> Split:
        values = np.empty((len(split), num_features), np.float32)

        def fill_from(first: int) -> None:
            batch = slice(first, first + BATCH_SIZE)
            values[batch] = session.run(tensor, {session.state.net.x: split.images[batch]})

        for _ in map_batches(fill_from, range(0, len(split), BATCH_SIZE)):
            pass
        return Split(values, split.labels)

    checksum = 0
    for variable in session.graph.get_collection(FROZEN):
        checksum = zlib.crc32(session.run(variable.value()), checksum)
    values = BottleneckValues(
        train=values_of(data.train),
        validation=values_of(data.validation),
        # The report looks at the test images through the whole net, as the model is exported.
        test=values_of(data.test) if session.state.settings.evaluate_at else data.test,
        image_shape=data.image_shape,
        class_names=data.class_names,
        conventions=data.conventions,
        origin=f"{data.fingerprint()}-{checksum:08x}",
    )
    seconds = time.perf_counter() - start
    print(f"Bottleneck: {num_features} values for each image, computed once in {seconds:.1f} s")
    return values


def _comparison(source: Source, metrics: dict[str, Any], settings: Namespace) -> str:
    """Return a table of both data sets and both test accuracies."""
    lines = [f"{'Transfer:':<10}{'classes':>9}{'training':>10}{'test':>8}{'accuracy':>10}  folder"]
    runs = {"from": (source.metrics, source.folder), "to": (metrics, settings.output_dir)}
    for name, (numbers, folder) in runs.items():
        data = numbers["data"]
        lines.append(
            f"  {name:<8}{data['classes']:>9}{data['training']:>10,}{numbers['test_total']:>8,}"
            f"{numbers['test_accuracy']:>10.1%}  {visible(folder)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
