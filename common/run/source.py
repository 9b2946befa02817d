"""A finished run of the CNN whose layers another run keeps: what `common.transfer` starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from common import UserError
from common.layers import ACTIVATIONS, POOLINGS
from common.process.text import visible
from common.run.contents import entry, require, whole
from common.run.files import reason_of
from common.run.metrics import LARGEST, read_metrics
from common.run.model import Model
from common.run.state import found_checkpoints

import numpy as np
import tensorflow.compat.v1 as tf

MODEL = "mnist_cnn"
# The settings that say how the kept layers are built. They are those of the source.
KEPT_SETTINGS = (
    *("network", "conv", "fc", "pooling", "activate_first", "activation", "batch_norm"),
)
NEEDED = ("settings", "data", "test_total", "test_accuracy")
# Collection of a graph: the variables that keep the source's values.
FROZEN = "frozen"
LEAST_ALIKE = 0.95  # of the classes that a source and its rebuilt layers predict


class Source(NamedTuple):
    """The finished run whose layers are kept."""

    folder: Path
    metrics: dict[str, Any]
    """What its metrics.json holds."""
    checkpoint: str
    """The prefix of the checkpoint that its report was about."""


def read_source(folder: Path | str) -> Source:
    """Read what a finished run has left.

    Raises:
        UserError: it is not a finished run of the CNN, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    try:
        metrics = read_metrics(folder, NEEDED)
        if metrics["model"] != MODEL:
            raise misfit(folder, f"it holds a run of {metrics['model']}.py, not of {MODEL}.py")
        _check_layers(metrics["settings"])
    except OSError as error:
        raise misfit(
            folder, f"its metrics.json cannot be read ({error.strerror or error})"
        ) from error
    except ValueError as error:
        raise misfit(folder, f"its metrics.json is damaged or too old: {error}") from None
    for prefix, state, _ in reversed(found_checkpoints(folder / "checkpoints")):
        # The learning curve, seconds included, is that of no other run in this folder.
        if state and state.history == metrics["history"]:
            return Source(folder, metrics, prefix)
    raise misfit(folder, "it has no intact checkpoint of the run that its metrics.json reports")


def _check_layers(settings: dict[str, Any]) -> None:
    """Raise a ValueError if the settings of the kept layers are none."""
    entry(settings, "network", str)
    for name in ("activate_first", "batch_norm"):
        entry(settings, name, bool)
    for name, known in (("pooling", POOLINGS), ("activation", ACTIVATIONS)):
        if entry(settings, name, str) not in known:
            raise ValueError(f"this version knows no {name} {settings[name]}")
    for filters in entry(settings, "conv", list):
        if len(require(filters, list, "conv")) != 2:
            raise ValueError("an entry of its conv is not a size and a number of filters")
        for one in filters:
            whole(one, "conv", 1, LARGEST)
    for neurons in entry(settings, "fc", list):
        whole(neurons, "fc", 1, LARGEST)


def misfit(folder: Path, problem: str) -> UserError:
    """Return the error for a folder that cannot be a source."""
    return UserError(
        f"cannot transfer from {folder}: {problem}. Name a finished run of {MODEL}.py with --from; "
        f"this makes one: python {MODEL}.py"
    )


def frozen_by_name(graph: tf.Graph, source: Source) -> dict[str, tf.Variable]:
    """Return the variables of the kept layers by the names of their values in the checkpoint.

    Where the source has a moving average of a variable, that is the average.

    Raises:
        UserError: the checkpoint is damaged or belongs to another network.
    """
    try:
        shapes = tf.train.load_checkpoint(source.checkpoint).get_variable_to_shape_map()
    except Exception as error:  # TensorFlow raises many kinds for a damaged file
        raise misfit(source.folder, f"its checkpoint is damaged ({reason_of(error)})") from error
    by_name = {}
    for variable in graph.get_collection(FROZEN):
        name = variable.op.name
        average = f"{name}/ExponentialMovingAverage"
        name = average if average in shapes else name
        if shapes.get(name) != variable.shape.as_list():
            raise misfit(
                source.folder,
                f"its {name} has the shape {shapes.get(name)}, not {variable.shape.as_list()}",
            )
        by_name[name] = variable
    return by_name


def rebuilt_otherwise(source: Source, images: np.ndarray, inputs: np.ndarray, layer: str) -> str:
    """Return a warning if the kept layers compute something else than in the source; "" if not.

    That is so where `build_graph` of the source's script was edited: `common.transfer` has its own.

    Args:
        source: the finished run.
        images: uint8 [n, pixels].
        inputs: float32 [n, features], what the kept layers make of them here.
        layer: the name of the source's last layer.
    """
    try:
        with Model(source.folder) as model:
            expected = model.probabilities(images).argmax(axis=1)
    except UserError:  # the source has left no model
        return ""
    reader = tf.train.load_checkpoint(source.checkpoint)
    values = {}
    for name in (f"{layer}/weights", f"{layer}/biases"):
        average = f"{name}/ExponentialMovingAverage"
        known = next((one for one in (average, name) if reader.has_tensor(one)), None)
        values[name] = None if known is None else reader.get_tensor(known)
    weights, biases = values.values()
    if weights is not None and biases is not None and weights.shape[0] == inputs.shape[1]:
        logits = inputs @ weights + biases
        if source.metrics["settings"].get("relu_last"):
            logits = logits.clip(min=0)
        if np.mean(logits.argmax(axis=1) == expected) >= LEAST_ALIKE:
            return ""
    return (
        f"WARNING: {visible(source.folder)} was trained by a script with another build_graph than "
        "that of common.transfer, which does not repeat its edits before and after the network: "
        "make the same edits there."
    )


def restore_frozen(session: tf.Session, source: Source) -> None:
    """Give the kept layers the weights that the source's report was about.

    Raises:
        UserError: the checkpoint is damaged or belongs to another network.
    """
    by_name = frozen_by_name(session.graph, source)
    try:
        with session.graph.as_default(), tf.device("/cpu:0"):
            tf.train.Saver(by_name).restore(session, source.checkpoint)
    except (tf.errors.OpError, ValueError) as error:
        raise misfit(source.folder, f"its checkpoint is damaged ({reason_of(error)})") from error
