"""A SavedModel, loaded to be used."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from common import UserError
from common.run.export import CLASSES_FILE

import numpy as np
import tensorflow.compat.v1 as tf

BATCH_SIZE = 256  # images that are classified at a time


class Model:
    """A trained net, loaded from disk.

    Args:
        path: an output directory with `saved_model/` in it, or a SavedModel itself.

    Attributes:
        image_shape: height and width of the images.
        class_names: one for each class.
        name: what tables call it.

    Raises:
        UserError: there is no SavedModel, or not one of this signature.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.resolve().name
        inner = self.path / "saved_model"
        folder = inner if inner.is_dir() else self.path
        if not (folder / "saved_model.pb").is_file():
            raise UserError(
                f"no trained model in {self.path}: it has no saved_model/saved_model.pb. Train one "
                "first, for example with python mnist_cnn.py, or name another with --model."
            )
        self._session = tf.Session(graph=tf.Graph())
        try:
            with self._session.graph.as_default():
                loaded = tf.saved_model.load(self._session, ["serve"], str(folder))
            signature = loaded.signature_def["serving_default"]
            self._images = signature.inputs["images"].name
            self._probabilities = signature.outputs["probabilities"].name
            num_pixels = self._session.graph.get_tensor_by_name(self._images).shape.as_list()[1]
            num_classes = self._session.graph.get_tensor_by_name(self._probabilities).shape[1]
        except Exception as error:  # TensorFlow raises many kinds for a damaged file
            raise UserError(
                f"{folder} cannot be loaded as a model of these scripts: {_first_line(error)}. "
                "Train again, or name another with --model."
            ) from error
        self.image_shape, self.class_names = _classes(folder, num_pixels, int(num_classes))

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, classes] for uint8 images [n, height, width] or [n, pixels]."""
        rows = images.reshape(len(images), -1)
        batches = [
            self._session.run(self._probabilities, {self._images: rows[start : start + BATCH_SIZE]})
            for start in range(0, len(rows), BATCH_SIZE)
        ]
        return np.concatenate(batches or [np.empty((0, len(self.class_names)), np.float32)])


def load_models(paths: Sequence[Path]) -> list[Model]:
    """Load models and give each its own name, for tables.

    Raises:
        UserError: one cannot be loaded, or their images have different sizes.
    """
    models = [Model(path) for path in paths]
    for model in models[1:]:
        if model.image_shape != models[0].image_shape:
            raise UserError(
                f"{model.path} takes images of {_by(model.image_shape)} pixels and "
                f"{models[0].path} of {_by(models[0].image_shape)}; use them one at a time."
            )
    if len({model.name for model in models}) < len(models):
        for model in models:
            model.name = str(model.path)
    return models


def _classes(
    folder: Path, num_pixels: int, num_classes: int
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Read what the run noted about its data; without a note, guess a square image of numbers.

    Raises:
        UserError: the note does not fit the net, or there is none and the image is not square.
    """
    path = folder / CLASSES_FILE
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        height, width = map(int, note["image_shape"])
        names = tuple(map(str, note["class_names"]))
    except FileNotFoundError:
        height = width = math.isqrt(num_pixels)
        names = tuple(map(str, range(num_classes)))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged: {_first_line(error)}. Train again.") from None
    if height * width != num_pixels or len(names) != num_classes:
        raise UserError(
            f"{path} does not say how the {num_pixels:,} pixels of this model make an image and "
            f"what its {num_classes} classes are called. Train again to have it written."
        )
    return (height, width), names


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]} × {shape[1]}"
