"""What a script may do by itself, beside the functions of common/: variables, shapes, steps."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable
from functools import wraps
from typing import Any

from common import UsageError, UserError
from common.layers import layers_of
from common.run.signature import MOST_OFF

import numpy as np
import tensorflow.compat.v1 as tf

# Types of operations that change a variable.
CHANGING = re.compile("^(ResourceApply|ResourceSparseApply|Assign)")


def other_variables(graph: tf.Graph) -> list[tf.Variable]:
    """Return what `graph` trains in addition to `layers_of`: variables of the script's own."""
    noted = {
        variable.ref()
        for layer in layers_of(graph)
        for variable in (layer.weights, layer.biases)
        if variable is not None
    }
    trained = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    return [variable for variable in trained if variable.ref() not in noted]


def without_padding(network: Callable[..., Any]) -> Callable[..., Any]:
    """Let a network whose layers lose rows and columns say so where an image has too few of them.

    Raises:
        UsageError: when the network is called with such images.
    """

    @wraps(network)
    def build(x_image: tf.Tensor, settings: Namespace, *rest: Any) -> tuple[tf.Tensor, int]:
        try:
            return network(x_image, settings, *rest)
        except ValueError as error:
            if "Negative dimension" not in str(error):
                raise
            height, width = x_image.shape.as_list()[1:3]
            raise UsageError(
                f"images of {height} × {width} pixels are too small for the network "
                f"{settings.network}, whose convolutions have no padding. Use --network two-conv."
            ) from error

    return build


def rates_in_use(rates: list[tf.Tensor], step: set[tf.Operation]) -> list[tf.Tensor]:
    """Return those learning rates on which a training step depends.

    They are all of them where the step changes no weight: it accumulates gradients, which
    another operation applies.

    Args:
        rates: of the optimizers of a graph, one or more.
        step: the operations of the training step.
    """
    trained = rates[0].graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    handles = {v.handle.ref() for v in trained if hasattr(v, "handle")}
    changing = [op for op in step if CHANGING.search(op.type) and op.inputs[0].ref() in handles]
    return [rate for rate in rates if rate.op in step] if changing or not handles else rates


def require_ready(session: Any, data: Any) -> None:
    """Raise a UserError where there is nothing to train with, or the graph is closed."""
    for name in ("train", "validation", "test"):
        if not len(getattr(data, name)):
            raise UserError(f"data.{name} has no images: keep at least one in each split.")
    if session.graph.finalized:
        raise UserError(
            "the graph is finalized before mini_batches, which adds the nodes of checkpoints to "
            "it: call graph.finalize() in the loop, or not at all."
        )


def state_of(session: tf.Session) -> Any:
    """Return the state of the run; a UserError if this is not an open session of `new_session`."""
    if not hasattr(session, "state"):
        raise UserError(
            f"{type(session).__name__} is no session of new_session: open it by new_session(net, "
            "settings), which returns a tf.Session that knows these and the output directory."
        )
    if not getattr(session, "is_open", True):
        raise UserError(
            "the session is closed: write what needs it inside the block of "
            "`with new_session(net, settings) as session:`, as far to the right."
        )
    return session.state


def images_for(net: Any, images: np.ndarray) -> np.ndarray:
    """Return images, [n, pixels], in the shape of the placeholder `net.x`: [n, 28, 28, 1], say."""
    shape = net.x.shape
    if shape.rank is None or shape.rank < 3 or not shape[1:].is_fully_defined():
        return images
    return images.reshape(-1, *shape[1:].as_list())


def labels_for(net: Any, labels: np.ndarray) -> np.ndarray:
    """Return labels, integers [n], as `net.y_true` takes them: [n, classes] if it is one-hot."""
    shape = net.y_true.shape
    if shape.rank != 2 or not shape[1:].is_fully_defined():
        return labels
    return np.eye(shape.as_list()[1], dtype=net.y_true.dtype.as_numpy_dtype)[labels]


def fed_otherwise(session: Any, images: np.ndarray) -> str:
    """Return a line where the loop has fed something else than the script means; or "".

    That is: no `is_training`, or other values for `net.x` than the loop got.

    Tests feed the pixels as they are, so a net that was trained with pixels from 0 to 1, or with
    negative ones, is tested with images of another kind.
    """
    net, call = session.state.net, session.first_call(session.state.net.train_step)
    if call is None:
        return ""
    training = net.is_training
    if (
        training is not None
        and training.consumers()
        and all(t is not training for t in call.tensors)
    ):
        return (
            "The loop does not feed is_training, so dropout, batch normalisation and the like "
            "compute as in a test: feed net.is_training: True with each mini-batch."
        )
    fed = net.x.dtype.is_floating and call.ranges.get(net.x.ref())
    least, largest = images.min(initial=0), images.max(initial=0)
    if not fed or not largest or (fed[0] >= least and fed[1] > largest / 2):
        return ""
    return (
        f"The loop feeds pixels from {fed[0]:.3g} to {fed[1]:.3g} for {net.x.op.name}, where "
        f"mini_batches yields {least:.3g} to {largest:.3g}. Tests feed what it yields: scale "
        "pixels in build_graph, not in the loop."
    )


def unfed(error: tf.errors.InvalidArgumentError) -> UserError | None:
    """Return a sentence for a placeholder of the script's own that only its loop feeds."""
    found = re.search(r"must feed a value for placeholder tensor '([^']+)'", error.message)
    return found and UserError(
        f"the net needs a value for the placeholder {found[1]} when it is tested, too, where only "
        "x and y_true are fed: make it a tf.placeholder_with_default, with the value for tests."
    )


def require_shapes(labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> None:
    """Raise a UserError where NumPy would compute an accuracy of something else."""
    count, most = len(labels), int(labels.max(initial=0))
    single = probabilities.ndim < 2 or probabilities.shape[-1] == 1
    hint = " Of a single sigmoid p: tf.stack([1 - p, p], axis=1)." if single else ""
    if predicted.shape != (count,):
        name, shape, right = "y_pred_cls", predicted.shape, f"({count},), as of tf.argmax"
    elif probabilities.ndim != 2 or len(probabilities) != count:
        name, shape, right = "y_pred", probabilities.shape, f"({count}, classes)"
    elif probabilities.shape[1] <= most:
        raise UserError(
            f"y_pred has {probabilities.shape[1]} columns, which are for the labels 0 to "
            f"{probabilities.shape[1] - 1}, and there is a label {most}: the net needs an output "
            f"for each class, or the data must have only these classes.{hint}"
        )
    else:
        return
    raise UserError(f"{name} has the shape {shape} for {count} images; it must be {right}.{hint}")


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Return labels as integers [n]: of one-hot rows, truth values, or whole numbers as floats.

    Raises:
        UserError: there are none.
    """
    if not len(labels):
        raise UserError("there is nothing to evaluate: the split has no images.")
    if labels.ndim > 1:
        return labels.argmax(axis=1)
    return labels if labels.dtype.kind in "iu" else labels.astype(np.int32)


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Return images for a picture: uint8 as they are, others scaled from 0 to 255."""
    if images.dtype == np.uint8:
        return images
    low, high = float(images.min(initial=0)), float(images.max(initial=0))
    return np.round((images - low) * (255 / ((high - low) or 1))).astype(np.uint8)


def unusual(net: Any, probabilities: np.ndarray) -> list[str]:
    """Return a line for each property of a net that keeps `common.predict` from using it.

    `probabilities` are what `net.y_pred` is for some images, [n, classes].
    """
    lines = []
    if np.abs(probabilities.sum(axis=1) - 1).max(initial=0) > MOST_OFF or probabilities.min() < 0:
        lines.append(
            "y_pred has no probabilities, since its rows do not sum to 1, and common.predict needs "
            "them: y_pred = tf.nn.softmax(logits)."
        )
    if net.x.dtype != tf.uint8 or net.x.shape.rank != 2:
        lines.append(
            f"x is {net.x.dtype.name} {net.x.shape}, and common.predict feeds uint8 [n, pixels]: "
            "make x such a placeholder, and do the rest in the graph (tf.cast, tf.reshape)."
        )
    return lines
