"""A finished run of the CNN whose layers another run keeps: what `common.transfer` starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from common import UserError
from common.run.checkpoints import found_checkpoints
from common.run.files import reason_of

import tensorflow.compat.v1 as tf

MODEL = "mnist_cnn"
# The settings that say how the kept layers are built. They are those of the source.
KEPT_SETTINGS = (
    *("network", "conv", "fc", "pooling", "activate_first", "activation", "batch_norm"),
)
# Collection of a graph: the variables that keep the source's values.
FROZEN = "frozen"


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
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        model, history = metrics["model"], metrics["history"]
        if model != MODEL:
            raise misfit(folder, f"it holds a run of {model}.py, not of {MODEL}.py")
        expected = {"settings": KEPT_SETTINGS, "data": ("image_shape", "classes", "training")}
        for part, names in expected.items():
            for name in names:
                _ = metrics[part][name]
    except OSError as error:
        raise misfit(
            folder, f"its metrics.json cannot be read ({error.strerror or error})"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise misfit(folder, f"its metrics.json is damaged or too old ({error!r})") from error
    for prefix in reversed(found_checkpoints(folder / "checkpoints")):
        try:
            state = json.loads(tf.train.load_checkpoint(prefix).get_tensor("run_state"))
            # The learning curve, seconds included, is that of no other run in this folder.
            if state["history"] == history:
                return Source(folder, metrics, prefix)
        except (tf.errors.OpError, ValueError, LookupError, TypeError, RuntimeError):
            continue  # damaged, or not a checkpoint of ours
    raise misfit(folder, "it has no intact checkpoint of the run that its metrics.json reports")


def misfit(folder: Path, problem: str) -> UserError:
    """Return the error for a folder that cannot be a source."""
    return UserError(
        f"cannot transfer from {folder}: {problem}. Train a source to its end with: "
        f"python {MODEL}.py --output-dir {folder}"
    )


def restore_frozen(session: tf.Session, source: Source) -> None:
    """Give the kept layers the weights that the source's report was about.

    Where the source has a moving average of a variable, that is the average.

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
                raise misfit(
                    source.folder,
                    f"its {name} has the shape {shapes.get(name)}, not {variable.shape.as_list()}",
                )
        with session.graph.as_default(), tf.device("/cpu:0"):
            tf.train.Saver(by_name).restore(session, source.checkpoint)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise misfit(source.folder, f"its checkpoint is damaged ({reason_of(error)})") from error
