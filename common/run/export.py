"""The trained net → a SavedModel."""

from __future__ import annotations

from pathlib import Path

from common.data import DataSets
from common.run.files import atomic_folder, write_json

import tensorflow.compat.v1 as tf

# Where a SavedModel notes the names of the classes, the image size and how its images were made:
# TensorFlow leaves the folder assets.extra to the program that writes the model.
CLASSES_FILE = "assets.extra/classes.json"


def export(session: tf.Session, folder: Path, data: DataSets) -> None:
    """Write the net as a SavedModel: what a program needs to use it, and nothing about training.

    Its signature: `images`, uint8 [n, pixels] → `probabilities`, float32 [n, classes]. The weights
    are constants of its graph, so no program can load it without them.
    """
    net = session.state.net
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
            note = {
                "image_shape": list(data.image_shape),
                "class_names": list(data.class_names),
                "polarity": data.conventions.polarity,
                "transposed": data.conventions.transposed,
                "largest_pixel": data.conventions.largest_pixel,
            }
            write_json(temporary / CLASSES_FILE, note)
