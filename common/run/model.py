"""A SavedModel, loaded to be used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common import UserError
from common.datasets.orientation import POLARITIES
from common.run import familiarity
from common.run.contents import number, parse_json, require, texts
from common.run.export import CLASSES_FILE
from common.run.metrics import require_shape
from common.run.signature import check_probabilities, find_saved_model, find_tensors

import numpy as np
import tensorflow.compat.v1 as tf

BATCH_SIZE = 256  # images that are classified at a time


class Note(NamedTuple):
    """What a run notes about its data beside the net."""

    image_shape: tuple[int, int]
    class_names: tuple[str, ...]
    polarity: str | None = POLARITIES[0]  # of the training images; None: of both kinds
    transposed: bool = False
    largest_pixel: float = 255.0
    grey_levels: bool = True
    centred: bool = False


class Model:
    """A trained net, loaded from disk. It may be used in a `with` block, which closes its session.

    Args:
        path: an output directory with `saved_model/` in it, or a SavedModel itself.

    Attributes:
        image_shape: height and width of the images.
        class_names: one for each class.
        polarity, transposed, largest_pixel, grey_levels, centred: how the training images were
            made, see `common.datasets.arrays.Conventions`.
        name: what tables call it.
        familiarity: what the run noted about its training images, or None.
        session, images, output: the session, and the tensors of its graph that are fed and fetched.

    Raises:
        UserError: there is no SavedModel, or not one of this signature.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.resolve().name
        folder = find_saved_model(self.path)
        if folder is None:
            raise UserError(
                f"no trained model in {self.path}: it has no saved_model/saved_model.pb. Train one "
                "first, for example with python mnist_cnn.py, or name another with --model."
            )
        self.session = tf.Session(graph=tf.Graph())
        try:
            with self.session.graph.as_default():
                loaded = tf.saved_model.load(self.session, ["serve"], str(folder))
        except Exception as error:  # TensorFlow raises many kinds for a damaged file
            self.close()
            raise UserError(
                f"{folder} cannot be loaded as a model of these scripts: {_first_line(error)}. "
                "Train again, or name another with --model."
            ) from error
        self.images, self.output = find_tensors(loaded, self.session.graph, folder)
        num_pixels, num_classes = self.images.shape.as_list()[1], self.output.shape.as_list()[1]
        note = _read_note(folder, num_pixels, num_classes)
        self.image_shape, self.class_names, self.polarity = note[:3]
        self.transposed, self.largest_pixel, self.grey_levels, self.centred = note[3:]
        self.familiarity = familiarity.read(
            folder / familiarity.FILE, self.image_shape, len(self.class_names)
        )

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the session, which gives its memory back; the net cannot be used after that."""
        self.session.close()

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, classes] for uint8 images [n, height, width] or [n, pixels].

        Raises:
            UserError: the net fails, or what it returns are no probabilities.
        """
        rows = images.reshape(len(images), math.prod(self.image_shape))
        answers = [np.empty((0, len(self.class_names)), np.float32)]
        for start in range(0, len(rows), BATCH_SIZE):
            batch = rows[start : start + BATCH_SIZE]
            try:
                answer = self.session.run(self.output, {self.images: batch})
            except tf.errors.OpError as error:
                raise UserError(
                    f"{self.path} fails while it classifies {len(batch)} images: "
                    f"{_first_line(error)}. Train again, or name another with --model."
                ) from error
            check_probabilities(answer, (len(batch), len(self.class_names)), self.path)
            answers.append(answer)
        return np.concatenate(answers)


def load_models(paths: Sequence[Path]) -> list[Model]:
    """Load models and give each its own name, for tables.

    Raises:
        UserError: one cannot be loaded, or their images have different sizes or polarities.
    """
    models = [Model(path) for path in paths]
    for model in models[1:]:
        if model.image_shape != models[0].image_shape:
            raise UserError(
                f"{model.path} takes images of {_by(model.image_shape)} pixels and "
                f"{models[0].path} of {_by(models[0].image_shape)}; use them one at a time."
            )
        if model.polarity != models[0].polarity:
            raise UserError(
                f"{model.path} was trained with images {_kind(model.polarity)} and "
                f"{models[0].path} with images {_kind(models[0].polarity)}; use them one at a time."
            )
    if len({model.name for model in models}) < len(models):
        for model in models:
            model.name = str(model.path)
    return models


def _read_note(folder: Path, num_pixels: int, num_classes: int) -> Note:
    """Read what the run noted about its data; without a note, guess a square image of numbers.

    Raises:
        UserError: the note does not fit the net, or there is none and the image is not square.
    """
    path = folder / CLASSES_FILE
    try:
        values = require(parse_json(path.read_bytes()), dict, "content")
        note = Note(
            require_shape(values.get("image_shape")),
            tuple(texts(values.get("class_names"), "class_names")),
        )
        # Older runs did not note these.
        note = note._replace(**{name: values[name] for name in Note._fields[2:] if name in values})
        if note.polarity not in (*POLARITIES, None):
            raise ValueError(f"its polarity is none of {', '.join(POLARITIES)}")
        require(note.transposed, bool, "transposed")
        require(note.grey_levels, bool, "grey_levels")
        require(note.centred, bool, "centred")
        number(note.largest_pixel, "largest_pixel", 1e-30, 1e30)
    except FileNotFoundError:
        side = math.isqrt(num_pixels)
        note = Note((side, side), tuple(map(str, range(num_classes))))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: {_first_line(error)}. Train again.") from None
    if math.prod(note.image_shape) != num_pixels or len(note.class_names) != num_classes:
        raise UserError(
            f"{path} names {len(note.class_names)} classes of images with "
            f"{math.prod(note.image_shape):,} pixels, and this model has {num_classes} outputs for "
            f"{num_pixels:,} pixels. Train again, with an output for each class."
        )
    repeated = {name for name in note.class_names if note.class_names.count(name) > 1}
    if repeated:  # names are keys in the answers
        names = (f"{n} ({k})" if n in repeated else n for k, n in enumerate(note.class_names))
        note = note._replace(class_names=tuple(names))
    return note


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]} × {shape[1]}"


def _kind(polarity: str | None) -> str:
    return polarity or "of no common polarity"
