"""A trained CNN → another problem: keep what it has learned to see, replace only the last layer.

A net that tells digits apart has learned strokes and corners, and those help with letters, too.
The layers up to the input of the last one, the bottleneck, stay as they are. So the bottleneck's
values for an image never change: they are computed once, and the new last layer learns from them
alone, many times faster than the whole net would.

The graph is that of the whole net. What lets it train only its end is a lesson of graph mode: any
tensor can be fed, not only placeholders. Where the loop feeds the bottleneck's values, nothing
before them is computed; where images are fed, as by the exported model, the whole net runs.

Source: Donahue et al., "DeCAF", 2013 (arXiv 1310.1531).
"""

from __future__ import annotations

import json
import os
import time
import zlib
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from common import UsageError, UserError
from common.data import DataSets, Split
from common.evaluation import BATCH_SIZE
from common.layers import dropout, layers_of
from common.parallel.halves import side_by_side
from common.run.checkpoints import found_checkpoints
from common.run.files import reason_of
from common.run.report import report
from common.session import FastSession, new_session
from common.training import mini_batches

import numpy as np
import tensorflow.compat.v1 as tf

MODEL = "mnist_cnn"
# The settings that say how the kept layers are built; they come from the source.
KEPT_SETTINGS = (
    *("network", "conv", "fc", "pooling", "activate_first", "activation", "batch_norm"),
)
# One layer on few inputs takes longer strides than a whole net, and dropout would take from it
# what it cannot make up for: the neurons that it listens to no longer learn to stand in for others.
RECIPE = {"epochs": 10, "learning_rate": 0.02, "dropout": 0.0}
FROZEN = "frozen"
BOTTLENECK = "bottleneck"


class Source(NamedTuple):
    """The finished run whose layers are kept."""

    folder: Path
    metrics: dict[str, Any]
    """What its metrics.json holds."""
    checkpoint: str
    """The prefix of the checkpoint that its report was about."""


def read_source(folder: Path | str) -> Source:
    """Find out what a run has left to build on.

    Raises:
        UserError: it is not a finished run of the CNN, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        model, history = metrics["model"], metrics["history"]
        if model != MODEL:
            raise _misfit(folder, f"it holds a run of {model}.py, not of {MODEL}.py")
        expected = {"settings": KEPT_SETTINGS, "data": ("image_shape", "classes", "training")}
        for part, names in expected.items():
            for name in names:
                _ = metrics[part][name]
    except OSError as error:
        raise _misfit(
            folder, f"its metrics.json cannot be read ({error.strerror or error})"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise _misfit(folder, f"its metrics.json is damaged or too old ({error!r})") from error
    for prefix in reversed(found_checkpoints(folder / "checkpoints")):
        try:
            state = json.loads(tf.train.load_checkpoint(prefix).get_tensor("run_state"))
            # The learning curve, seconds included, tells this run from any other in this folder.
            if state["history"] == history:
                return Source(folder, metrics, prefix)
        except (tf.errors.OpError, ValueError, LookupError, TypeError, RuntimeError):
            continue  # damaged, or no checkpoint of ours
    raise _misfit(folder, "it has no intact checkpoint of the run that its metrics.json reports")


def _misfit(folder: Path, problem: str) -> UserError:
    return UserError(
        f"cannot transfer from {folder}: {problem}. Train a source to its end with: "
        f"python {MODEL}.py --output-dir {folder}"
    )


def defaults_of_source(settings: Namespace, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults that `--transfer-from` changes: the kept layers are the source's.

    Args:
        settings: the flags as typed, None for those that were not.
        defaults: the defaults without a source.

    Raises:
        UserError: the source does not fit, see `read_source`.
        UsageError: a flag contradicts the source, or the run would overwrite it.
    """
    folder = getattr(settings, "transfer_from", None)
    if folder is None:
        return {}
    source = read_source(folder)
    kept = {name: source.metrics["settings"][name] for name in KEPT_SETTINGS}
    for name, value in kept.items():
        typed = getattr(settings, name)
        if typed is not None and json.loads(json.dumps(typed)) != value:
            raise UsageError(
                f"--{name.replace('_', '-')} contradicts --transfer-from {folder}, which was "
                f"trained with {name} {_words(value)}. Leave it out: the kept layers cannot change."
            )
    if kept["network"] not in defaults["network"]:
        raise _misfit(source.folder, f"this version knows no network {kept['network']}")
    if settings.augment:
        raise UsageError(
            "--augment distorts the images anew in each step, but with --transfer-from each image "
            "goes through the kept layers only once. Leave out one of them."
        )
    output_dir = settings.output_dir or Path("runs") / f"{MODEL}_transfer"
    if os.path.realpath(output_dir) == os.path.realpath(folder):
        raise UsageError(
            f"the transfer would overwrite its source {folder}. Choose another --output-dir."
        )
    return RECIPE | kept | {"output_dir": output_dir}


def _words(value: Any) -> str:
    """Write a setting as one would type it: [[5, 16], [5, 36]] as 5x16 5x36."""
    if isinstance(value, list):
        return " ".join("x".join(map(str, v)) if isinstance(v, list) else str(v) for v in value)
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else str(value)


def bottleneck(layer: tf.Tensor, settings: Namespace, is_training: tf.Tensor) -> tf.Tensor:
    """Mark the end of the layers that `--transfer-from` keeps; without it, change nothing.

    Optimizers change what is in the collection of trainable variables, and batch normalisation's
    statistics follow the training through another one. Both are emptied here, so only what is
    built from here on will be trained.

    Args:
        layer: float32 [n, features], the last hidden layer.
        settings: `transfer_from` and `dropout`.
        is_training: bool, a scalar.

    Returns:
        float32 [n, features], the input of the last layer. In a transfer dropout, where it is
        asked for, stands behind the bottleneck: what is kept has none.
    """
    if settings.transfer_from is None:
        return layer
    graph, step = tf.get_default_graph(), tf.train.get_or_create_global_step()
    for variable in tf.global_variables():
        if variable is not step:
            graph.add_to_collection(FROZEN, variable)
    graph.clear_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    graph.clear_collection(tf.GraphKeys.UPDATE_OPS)
    layer = tf.identity(layer, name=BOTTLENECK)
    return dropout(layer, settings.dropout, is_training)


def transfer(net: Namespace, data: DataSets, settings: Namespace) -> dict[str, Any]:
    """Train only the last layer, on the bottleneck's values; report as any other run does.

    Args:
        net: what `build_graph` returned, with a `bottleneck` in its graph.
        data: images of the size that the source was trained on; the classes may be others.
        settings: the run's settings; `transfer_from` is the source's output directory.

    Returns:
        what metrics.json holds.

    Raises:
        UserError: the source does not fit, and all that `mini_batches` and `report` raise.
    """
    source = read_source(settings.transfer_from)
    _require_same_size(source, data)
    with new_session(net, settings) as session:
        restore_frozen(session, source)
        *kept, new = [layer.name for layer in layers_of(net.graph)]
        print(f"Transfer from {source.folder}: {', '.join(kept)} stay as they are, {new} is new.")
        values = bottleneck_values(data, session)

        # From here on the net begins at the bottleneck.
        x = net.graph.get_tensor_by_name(f"{BOTTLENECK}:0")
        session.net = Namespace(**vars(net) | {"x": x})
        for inputs, labels in mini_batches(values, session):
            feed_dict = {x: inputs, net.y_true: labels, net.is_training: True}
            session.run(net.train_step, feed_dict)

        session.net = net  # and now with images again: the report is about the whole net
        metrics = report(data, session)
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


def restore_frozen(session: FastSession, source: Source) -> None:
    """Give the kept layers the weights that the source's report was about.

    Where the source followed a variable with a moving average, that is the average.

    Raises:
        UserError: the checkpoint is damaged or belongs to another network.
    """
    frozen = session.graph.get_collection(FROZEN)
    try:
        shapes = tf.train.load_checkpoint(source.checkpoint).get_variable_to_shape_map()
        by_name = {}
        for variable in frozen:
            name = variable.op.name
            average = f"{name}/ExponentialMovingAverage"
            by_name[average if average in shapes else name] = variable
        for name, variable in by_name.items():
            if shapes.get(name) != variable.shape.as_list():
                raise _misfit(
                    source.folder,
                    f"its {name} has the shape {shapes.get(name)}, not {variable.shape.as_list()}",
                )
        with session.graph.as_default(), tf.device("/cpu:0"):
            tf.train.Saver(by_name).restore(session, source.checkpoint)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise _misfit(source.folder, f"its checkpoint is damaged ({reason_of(error)})") from error


@dataclass(frozen=True, eq=False)
class BottleneckValues(DataSets):
    """Three splits whose `images` are the bottleneck's values, float32 [n, features].

    The test split keeps its images where nobody asks for it before the report.
    """

    origin: str
    """Tells the images and the weights from others."""

    def fingerprint(self) -> str:
        """Return checksums of what the values were computed from.

        Not of the values: their last digits may differ from one machine to the next.
        """
        return self.origin


def bottleneck_values(data: DataSets, session: FastSession) -> BottleneckValues:
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
            values[batch] = session.run(tensor, {session.net.x: split.images[batch]})

        for _ in side_by_side(fill_from, range(0, len(split), BATCH_SIZE)):
            pass
        return Split(values, split.labels)

    checksum = 0
    for variable in session.graph.get_collection(FROZEN):
        checksum = zlib.crc32(session.run(variable.value()), checksum)
    values = BottleneckValues(
        train=values_of(data.train),
        validation=values_of(data.validation),
        # The report looks at the test images through the whole net, as the model is exported.
        test=values_of(data.test) if session.settings.evaluate_at else data.test,
        image_shape=data.image_shape,
        class_names=data.class_names,
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
            f"{numbers['test_accuracy']:>10.1%}  {folder}"
        )
    return "\n".join(lines)
