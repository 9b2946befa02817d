"""Steps → TensorBoard: what a run writes to event files while it trains.

With `--tensorboard` the output directory gets a folder `tensorboard` with two parts:

    train/        loss, accuracy, learning_rate, the graph, histograms of all weights and biases,
                  and the weights of the first layer as an image
    validation/   loss, accuracy

TensorBoard shows each folder as one run, so one chart has `loss` of both. Nothing here
changes what a run computes.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.data import DataSets
from common.layers import Layer, layers_of
from common.objective import RATES
from common.run.files import explained
from common.run.own import other_variables
from common.session import averaged_weights

import tensorflow.compat.v1 as tf

STEPS_BETWEEN_RATES = 100
# Of the 512 neurons of the MLP the first so many are drawn.
MAX_FILTERS = 100
SPLITS = ("train", "validation")
EVENT_FILE = r"events\.out\.tfevents\.(\d{1,12}\.\d{6})\."


@contextmanager
def summaries(data: DataSets, session: tf.Session, first: int) -> Iterator[Callable[[int], None]]:
    """Give the function that writes the summaries of a step, if `--tensorboard` asks for any.

    After the end of an epoch, when the learning curve has got a new row, that function writes
    everything; in between, every 100 steps, only the learning rate. What it has written is on
    the disk when it returns, so a checkpoint is never ahead of the event files. They can be ahead
    of a checkpoint when a run was killed: then the run that resumes writes the same numbers again,
    after a `SessionLog` START, at which TensorBoard forgets the first copy.

    Args:
        data: gives the image shape.
        session: an open session of `new_session`, its history complete up to step `first`.
        first: steps done before. 0 starts again and removes an earlier run's event files.

    Yields:
        a function of the number of steps done.

    Raises:
        UserError: an event file cannot be written.
    """
    if not session.state.settings.tensorboard:
        yield lambda step: None
        return
    history = session.state.history
    folder = session.state.folder / "tensorboard"
    rates = session.graph.get_collection(RATES)[:1]
    weights = _weight_summaries(session.graph, data.image_shape)
    earlier = [file for name in SPLITS for file in (folder / name).glob("events.out.tfevents.*")]
    files: dict[str, EventFile] = {}
    try:
        with explained(folder):
            if first == 0:
                for file in earlier:
                    file.unlink()
            for name in SPLITS:
                files[name] = EventFile(folder / name)
                # Everything after step `first` is written again.
                start = tf.SessionLog(status=tf.SessionLog.START)
                files[name].write(first + bool(first), session_log=start)
            graph = session.graph.as_graph_def(add_shapes=True)
            files["train"].write(0, graph_def=graph.SerializeToString())
            if not earlier:
                for row in history:  # of a run that was started without --tensorboard
                    _write_row(files, row)

        def write(step: int) -> None:
            """Write what is due after this number of steps."""
            end_of_epoch = bool(history) and history[-1]["step"] == step
            if not end_of_epoch and step % STEPS_BETWEEN_RATES:
                return
            # The schedule counts the steps done: this is the rate of the step to come.
            values = dict(zip(["learning_rate"], session.run(rates), strict=False))
            summary = None
            if end_of_epoch or step == 0:
                with averaged_weights(session):
                    summary = session.run(weights)
            with explained(folder):
                files["train"].write(step, summary=_scalars(**values))
                if end_of_epoch:
                    _write_row(files, history[-1])
                if summary is not None:
                    files["train"].write(step, summary=tf.Summary.FromString(summary))
                for file in files.values():
                    file.flush()

        if first == 0:
            write(0)
        yield write
        with explained(folder):
            for file in files.values():
                file.close()
    finally:
        for file in files.values():
            with suppress(tf.errors.OpError):  # after a failure; a second time does no harm
                file.close()


class EventFile:
    """A file that TensorBoard reads: a TFRecord file in which each record is a `tf.Event`.

    `tf.summary.FileWriter` writes the same, but in a thread of its own, where an error of the disk
    is lost. Here it raises.

    Args:
        folder: where to make a new event file; created when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names. A clock may have been
        # ahead when an earlier one was written.
        found = (re.match(EVENT_FILE, path.name) for path in folder.iterdir())
        stamp = max([time.time(), *(float(one[1]) + 0.001 for one in found if one)])
        name = f"events.out.tfevents.{stamp:017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._writer = tf.io.TFRecordWriter(str(folder / name))
        self.write(0, file_version="brain.Event:2")

    def write(self, step: int, **content: Any) -> None:
        """Write one event, of which `content` is a `summary`, a `session_log` or a `graph_def`."""
        event = tf.Event(wall_time=time.time(), step=step, **content)
        self._writer.write(event.SerializeToString())

    def flush(self) -> None:
        """Hand everything to the operating system: it is kept even if this process is killed."""
        self._writer.flush()

    def close(self) -> None:
        """Flush, and end the file."""
        self._writer.close()


def _weight_summaries(graph: tf.Graph, image_shape: tuple[int, int]) -> tf.Tensor:
    """Add the operations that describe the weights; return them merged, a string scalar.

    Running it gives a serialised `tf.Summary`. A summary is named after its name scope: that of
    conv1's weights is `histograms/conv1/weights`.
    """
    layers = layers_of(graph)
    with graph.as_default(), tf.device("/cpu:0"):
        with tf.name_scope("histograms"):
            parts = [
                tf.summary.histogram(variable.op.name, variable)
                for layer in layers
                for variable in (layer.weights, layer.biases)
                if variable is not None
            ]
            parts += [tf.summary.histogram(v.op.name, v) for v in other_variables(graph)]
        with tf.name_scope("images"):
            parts += [
                tf.summary.image(layer.weights.op.name, _grid(filters))
                for layer in layers[:1]
                for filters in _filters(layer, image_shape)
            ]
        return tf.summary.merge(parts)


def _filters(layer: Layer, image_shape: tuple[int, int]) -> list[tf.Tensor]:
    """Return a layer's weights as pictures, float32 [n, height, width], if it has any.

    These are the filters of a convolution (for its first input channel), and the weights of neurons
    that are connected with the pixels.
    """
    weights = layer.weights
    if weights.shape.ndims == 4:  # [height, width, input channels, filters]
        return [tf.transpose(weights[:, :, 0, :MAX_FILTERS], [2, 0, 1])]
    if weights.shape.ndims == 2 and weights.shape[0] == math.prod(image_shape):
        return [tf.reshape(tf.transpose(weights[:, :MAX_FILTERS]), [-1, *image_shape])]
    return []


def _grid(filters: tf.Tensor) -> tf.Tensor:
    """Lay small pictures in rows and columns, one pixel of zeros between them.

    So all of them have one scale of grey: TensorFlow scales each picture by itself.

    Args:
        filters: float32 [n, height, width].

    Returns:
        float32 [1, rows · (height + 1), columns · (width + 1), 1].
    """
    count, height, width = filters.shape.as_list()
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    filters = tf.pad(filters, [[0, rows * columns - count], [0, 1], [0, 1]])
    filters = tf.reshape(filters, [rows, columns, height + 1, width + 1])
    grid = tf.transpose(filters, [0, 2, 1, 3])  # [rows, height + 1, columns, width + 1]
    return tf.reshape(grid, [1, rows * (height + 1), columns * (width + 1), 1])


def _write_row(files: dict[str, EventFile], row: dict[str, float]) -> None:
    """Write one row of the learning curve."""
    for name, file in files.items():
        scalars = _scalars(loss=row[f"{name}_loss"], accuracy=row[f"{name}_accuracy"])
        file.write(row["step"], summary=scalars)


def _scalars(**values: float) -> tf.Summary:
    parts = [tf.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return tf.Summary(value=parts)
