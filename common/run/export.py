"""The trained net → a SavedModel."""

from __future__ import annotations

from pathlib import Path

from common.data import DataSets
from common.run.files import atomic_folder, write_json
from common.run.inference import inference_graph

import tensorflow.compat.v1 as tf

# Where a SavedModel notes the image size and the names of the classes: TensorFlow leaves the folder
# assets.extra to the program that writes the model.
CLASSES_FILE = "assets.extra/classes.json"


def export(session: tf.Session, folder: Path, data: DataSets) -> None:
    """Write the net as a SavedModel: what a program needs to use it, and nothing about training.

    Its signature: `images`, uint8 [n, pixels] → `probabilities`, float32 [n, classes]. The weights
    are constants of its graph, so no program can load it without them.
    """
    net = session.state.net
    found = inference_graph(session, net)
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as new_session:
        x, y_pred = tf.import_graph_def(
            found.graph, return_elements=[found.images, found.probabilities], name=""
        )
        with atomic_folder(folder) as temporary:
            tf.saved_model.simple_save(
                new_session, str(temporary), {"images": x}, {"probabilities": y_pred}
            )
            note = {"image_shape": list(data.image_shape), "class_names": list(data.class_names)}
            write_json(temporary / CLASSES_FILE, note)
