"""The trained net → a SavedModel."""

from __future__ import annotations

import shutil
from pathlib import Path

from common.data import DataSets
from common.evaluation import BATCH_SIZE
from common.process.text import visible
from common.run import familiarity
from common.run.files import atomic_folder, reason_of, write_json
from common.run.inference import inference_graph
from common.run.own import images_for

import numpy as np
import tensorflow.compat.v1 as tf

# Where a SavedModel notes the names of the classes, the image size and how its images were made:
# TensorFlow leaves the folder assets.extra to the program that writes the model.
CLASSES_FILE = "assets.extra/classes.json"


def export(session: tf.Session, folder: Path, data: DataSets) -> list[str]:
    """Write the net as a SavedModel: what a program needs to use it, and nothing about training.

    Its signature: `images`, uint8 [n, pixels] → `probabilities`, float32 [n, classes]. The weights
    are constants of its graph, so no program can load it without them.

    Args:
        session: a session in which the net has its weights.
        folder: the folder to write.
        data: the image size and the names of the classes; with a few images of the validation split
            the new graph is compared with the session's.

    Returns:
        the names of what was written: the folder, or nothing for a net that cannot be exported. A
        sentence then says why.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        found = inference_graph(session, session.state.net)
        with tf.Graph().as_default() as graph, tf.Session(graph=graph) as new_session:
            ends = [found.images, found.probabilities]
            x, y_pred = tf.import_graph_def(found.graph, return_elements=ends, name="")
            if not found.random:
                images = images_for(session.state.net, data.validation.images[:BATCH_SIZE])
                answers = new_session.run(y_pred, {x: images})
                _require_equal(session, images, answers)
                if not _are_close(session, new_session.run(y_pred, {x: images[:1]}), answers[:1]):
                    print(
                        "The net's answer for an image depends on the other images that it is "
                        "tested with, such as by their mean (tf.nn.moments): alone, as in "
                        "common.predict, it gets another one."
                    )
            with atomic_folder(folder) as temporary:
                tf.saved_model.simple_save(
                    new_session, str(temporary), {"images": x}, {"probabilities": y_pred}
                )
                note = {"image_shape": [*data.image_shape], "class_names": [*data.class_names]}
                note |= data.conventions._asdict()
                del note["remarks"]  # they are in metrics.json
                write_json(temporary / CLASSES_FILE, note)
                familiarity.note(
                    temporary / familiarity.FILE,
                    data,
                    lambda images: new_session.run(
                        y_pred, {x: images_for(session.state.net, images)}
                    ),
                )
    except (ValueError, TypeError, LookupError, RuntimeError, tf.errors.OpError) as error:
        shutil.rmtree(folder, ignore_errors=True)  # that of an earlier run
        reason = visible(reason_of(error))
        print(f"{folder.name}/ is not written, since the net cannot be exported: {reason}.")
        return []
    if found.random:
        print(
            f"The exported net draws random numbers whenever it is used ({found.random[0]}), as it "
            "did in the test. Let them depend on is_training if only the training needs them."
        )
    return [f"{folder.name}/"]


def _require_equal(session: tf.Session, images: np.ndarray, found: np.ndarray) -> None:
    """Compare probabilities with those of the session.

    Raises:
        ValueError: they differ by more than rounding explains.
    """
    net = session.state.net
    if not _are_close(session, found, session.run(net.y_pred, {net.x: images})):
        raise ValueError("without what only the training needs, its probabilities are others")


def _are_close(session: tf.Session, some: np.ndarray, others: np.ndarray) -> bool:
    # The products of --bfloat16 have three digits.
    most = 0.5 if session.state.settings.bfloat16 else 1e-3
    return np.allclose(some, others, atol=most, equal_nan=True)
