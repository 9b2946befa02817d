"""Whether a SavedModel takes images and returns probabilities as those of this program do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import UserError
from common.process.text import visible

import numpy as np
import tensorflow.compat.v1 as tf

SIGNATURE = "serving_default"
EXPECTED = (
    f"This program needs a model with the signature {SIGNATURE}: images, uint8 [n, height · width] "
    "→ probabilities, float32 [n, classes]; mnist_cnn.py writes one"
)
MOST_OFF = 0.01  # by which the sum of probabilities may differ from 1


def find_saved_model(path: Path | str) -> Path | None:
    """Return the SavedModel of an output directory, or `path` if it is one itself; else None."""
    inner = Path(path) / "saved_model"
    folder = inner if inner.is_dir() else Path(path)
    return folder if (folder / "saved_model.pb").is_file() else None


def find_tensors(loaded: Any, graph: tf.Graph, folder: Path) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the tensors of the images and of the probabilities.

    Args:
        loaded: the MetaGraphDef from `tf.saved_model.load`.
        graph: the graph that it was loaded into.
        folder: the SavedModel, for error messages.

    Raises:
        UserError: the model has no such signature, or its tensors have other shapes or types.
    """
    if SIGNATURE not in loaded.signature_def:
        names = visible(", ".join(sorted(loaded.signature_def))) or "none"
        raise UserError(f"{folder} has no signature {SIGNATURE} (but {names}). {EXPECTED}.")
    signature = loaded.signature_def[SIGNATURE]
    found = []
    for name, tensors in (("images", signature.inputs), ("probabilities", signature.outputs)):
        if name not in tensors:
            others = visible(", ".join(sorted(tensors))) or "nothing"
            way = "takes" if name == "images" else "returns"
            raise UserError(f"{folder} {way} {others}, not {name}. {EXPECTED}.")
        try:
            tensor = graph.get_tensor_by_name(tensors[name].name)
        except (KeyError, ValueError, TypeError):
            raise UserError(
                f"{folder} is damaged: its signature names a tensor for {name} that its graph does "
                "not have. Train again, or name another with --model."
            ) from None
        sizes = tensor.shape.as_list() if tensor.shape.rank is not None else None
        types = (tf.uint8,) if name == "images" else (tf.float32,)
        if sizes is None or len(sizes) != 2 or not sizes[1] or tensor.dtype not in types:
            raise UserError(f"{folder} has {name} as {_described(tensor)}. {EXPECTED}.")
        found.append(tensor)
    return found[0], found[1]


def check_probabilities(answer: Any, shape: tuple[int, int], path: Path) -> None:
    """Check what a model returned for a batch of images.

    Raises:
        UserError: not a row of `shape` for each image, not finite, or no probabilities.
    """
    if np.shape(answer) != shape:
        raise UserError(
            f"{path} returns an array of shape {list(np.shape(answer))} for {shape[0]} images, not "
            f"a row of {shape[1]} probabilities for each. {EXPECTED}."
        )
    if not np.isfinite(answer).all():
        raise UserError(
            f"{path} returns numbers that are not finite; its training may have diverged. Train "
            "again with a smaller --learning-rate, or name another with --model."
        )
    if (answer < -MOST_OFF).any() or (np.abs(answer.sum(axis=1) - 1) > MOST_OFF).any():
        raise UserError(
            f"{path} returns numbers from {answer.min():.3g} to {answer.max():.3g} that do not sum "
            f"to 1, so they are not probabilities; logits need a softmax. {EXPECTED}."
        )


def _described(tensor: tf.Tensor) -> str:
    """Return the type and shape of a tensor: `float32 [n, 28, 28, 1]`."""
    if tensor.shape.rank is None:
        return f"{tensor.dtype.name} of unknown shape"
    sizes = ["any" if size is None else str(size) for size in tensor.shape.as_list()]
    return f"{tensor.dtype.name} [{', '.join(['n', *sizes[1:]] if sizes else [])}]"
