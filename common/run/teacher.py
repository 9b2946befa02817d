"""A trained net in the graph of another one, which learns from its probabilities."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from common import UsageError, UserError
from common.process.text import visible
from common.run.files import reason_of
from common.run.own import images_for
from common.run.signature import find_saved_model, find_tensors

import tensorflow.compat.v1 as tf

if TYPE_CHECKING:
    from common.data import Split

TEACHERS = "teachers"  # collection of a graph: folders and probabilities
# The logarithms of the teacher's probabilities are divided by this. So the small ones count, too,
# which say that this 4 is more like a 9 than like a 0.
TEMPERATURE = 4.0
NUM_TRIED = 1_000  # training images that tell whether it knows these data
WEIGHT = 0.9  # of the teacher; the rest is that of the label


def with_teacher(one_hot: tf.Tensor, images: tf.Tensor, folder: Path) -> tf.Tensor:
    """Mix labels with the probabilities that a trained net, the teacher, has for the images.

    Args:
        one_hot: float32 [n, classes], 1 for the true class and zeros.
        images: float32 [n, pixels], 0 to 1, distorted or not.
        folder: the output directory of the run that trained the teacher.

    Returns:
        float32 [n, classes]: 0.1 · one_hot + 0.9 · softmax(log(probabilities) / 4).

    Raises:
        UserError: there is no such net, or it takes images of another size or has other classes.

    Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015 (arXiv
    1503.02531). There the student's logits are divided by the temperature, too.
    """
    probabilities = _probabilities(folder, images, one_hot.shape.as_list()[1])
    tf.add_to_collection(TEACHERS, (folder, probabilities))
    # In float32 a probability may be 0, which has no logarithm.
    softened = tf.nn.softmax(tf.log(probabilities + 1e-30) / TEMPERATURE)
    return (1 - WEIGHT) * one_hot + WEIGHT * softened


def introduction(session: tf.Session, train: Split) -> str:
    """Return a line on how good the teacher of a graph is; an empty text if it has none.

    Args:
        session: a session of `new_session`.
        train: the training examples; the first of them are used.

    Raises:
        UsageError: the run would overwrite its teacher.
    """
    lines = []
    for folder, probabilities in session.graph.get_collection(TEACHERS):
        if session.state.folder.resolve() in (
            Path(folder).resolve(),
            _saved_model(folder).resolve().parent,
        ):
            raise UsageError(
                f"the run would overwrite its teacher {visible(folder)}. Choose another "
                "--output-dir."
            )
        some = train.first(NUM_TRIED)
        net = session.state.net
        answers = session.run(probabilities, {net.x: images_for(net, some.images)})
        right = int((answers.argmax(axis=1) == some.labels).sum())
        line = f"Teacher: {visible(folder)}, right on {right:,} of {len(some):,} training images"
        if right < len(some) / 2:
            line = f"WARNING: {line}. Was it trained with the same data?"
        lines.append(line)
    return "\n".join(lines)


def checksum(folder: Path | str) -> str:
    """Return a checksum of a trained net, by which a resumed run tells that it is still the same.

    Raises:
        UserError: there is no such net.
    """
    return f"{zlib.crc32((_saved_model(folder) / 'saved_model.pb').read_bytes()):08x}"


def _saved_model(folder: Path | str) -> Path:
    model = find_saved_model(folder)
    if model is None:
        raise UserError(
            f"no trained net in {visible(folder)}: it has no saved_model/saved_model.pb. Train a "
            "teacher first, for example with python mnist_cnn.py, or name another with --teacher."
        )
    return model


def _probabilities(folder: Path, images: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Add the net to the default graph; its weights are constants there, which nothing trains."""
    model = _saved_model(folder)
    try:
        with tf.Session(graph=tf.Graph()) as session:
            loaded = tf.saved_model.load(session, ["serve"], str(model))
            x, y_pred = find_tensors(loaded, session.graph, model)
            graph_def = session.graph.as_graph_def()
    except (tf.errors.OpError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise UserError(
            f"{visible(model)} cannot be loaded as a teacher: {visible(reason_of(error))}. Train "
            "it again, or name another with --teacher."
        ) from error
    if any("Var" in node.op for node in graph_def.node):
        raise UserError(
            f"{visible(model)} cannot be a teacher, since its weights are variables. Name a net "
            "with --teacher that mnist_softmax.py, mnist_mlp.py or mnist_cnn.py trained."
        )
    expected = (num_classes, images.shape.as_list()[1])
    found = (y_pred.shape.as_list()[1], x.shape.as_list()[1])
    if found != expected:
        raise UserError(
            f"the teacher {visible(folder)} has {found[0]} classes of images with {found[1]} "
            f"pixels, and these data have {expected[0]} classes and {expected[1]} pixels. Name a "
            "teacher with --teacher that was trained with the same data."
        )
    pixels = tf.cast(tf.round(255 * images), tf.uint8)  # as it was trained and exported
    (probabilities,) = tf.import_graph_def(
        graph_def, {x.name: pixels}, return_elements=[y_pred.name], name="teacher"
    )
    return probabilities
