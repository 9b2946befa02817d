"""Nets and test images → what the page holds beside its code, as JSON."""

from __future__ import annotations

import base64
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from common import UserError
from common.data import DataSets
from common.page.chain import read_chain
from common.page.examples import NUM_HARD, NUM_PLAIN, choose
from common.page.facts import read_facts
from common.page.layers import Layer
from common.page.weights import KINDS, pack, probabilities
from common.process.text import visible
from common.run.model import Model

import numpy as np

MOST, CODE = 2_500_000, 200_000  # bytes of a page, and of its code
CHECKED = 256  # test images with which a chain is compared with its net
# By how much probabilities may differ there. Those of --bfloat16 have three digits.
TOLERANCE, ROUGH_TOLERANCE = 1e-3, 0.1
ALIKE = 0.001  # accuracies that differ by less are those of the same test images


def page_content(models: Sequence[Model], data: DataSets, source: str) -> dict[str, Any]:
    """Return what the page holds: the nets with rounded weights, and test images.

    Args:
        models: of `load_models`, which makes sure that their images have one size.
        data: with the test images, on which the rounded weights are tested.
        source: what the page calls the data.

    Raises:
        UserError: the models or the data do not fit each other, or a net cannot be drawn.
    """
    require_fit(models, data)
    images, labels = data.test.images, data.test.labels
    chains = [read_chain(model) for model in models]
    kinds = choose_kinds(chains, images.shape[1])
    networks, predicted = [], []
    for model, chain, kind in zip(models, chains, kinds, strict=True):
        expected = model.probabilities(images)
        _require_equal(model, chain, images[:CHECKED], expected[:CHECKED])
        exact = expected.argmax(axis=1)
        packed, layers = pack(chain, kind)
        predicted.append(probabilities(layers, images).argmax(axis=1))
        facts = read_facts(model.path)
        _compare_accuracies(model, facts, float(np.mean(exact == labels)), len(labels), source)
        facts.pop("test_total", None)  # that of the run; the page says that of its own images
        rounding = {
            "kind": kind,
            "test_accuracy": float(np.mean(predicted[-1] == labels)),
            "test_total": len(labels),
            "different": int(np.count_nonzero(predicted[-1] != exact)),
        }
        networks.append({**facts, "rounding": rounding, "layers": packed})
    _name_apart(networks, models)
    chosen = choose(labels, predicted, data.num_classes)
    indices = np.concatenate([chosen.plain, chosen.hard])
    pixels = images[indices].reshape(-1, *data.image_shape)
    return {
        "classes": list(models[0].class_names),
        "shape": list(data.image_shape),
        "polarity": models[0].polarity,
        "networks": networks,
        "images": {
            "shape": list(pixels.shape),
            "data": base64.b64encode(pixels.tobytes()).decode("ascii"),
        },
        "labels": labels[indices].tolist(),
        "hard": list(range(len(chosen.plain), len(indices))),
        "disputed": np.flatnonzero(np.isin(indices, chosen.disputed)).tolist(),
        "source": source,
    }


def require_fit(models: Sequence[Model], data: DataSets) -> None:
    """Check that models and data have the same classes and the same kind of images.

    Raises:
        UserError: they have not, or a directory is named twice.
    """
    first = models[0]
    for number, model in enumerate(models):
        if any(model.path.resolve() == other.path.resolve() for other in models[:number]):
            raise UserError(f"--model names {model.path} twice; name each model once.")
        if model.class_names != first.class_names:
            raise UserError(
                f"{model.path} has the classes {_listed(model.class_names)} and {first.path} the "
                f"classes {_listed(first.class_names)}; make a page for each."
            )
        if model.transposed != first.transposed:
            raise UserError(
                f"one of {model.path} and {first.path} was trained with --transpose and the other "
                "one without; make a page for each."
            )
    repeated = len(set(data.class_names)) < data.num_classes  # a model has other names for them
    names = first.class_names if repeated else data.class_names
    own = _kind(first.image_shape, first.class_names, first.polarity)
    test = _kind(data.image_shape, names, data.conventions.polarity)
    if own != test or len(first.class_names) != data.num_classes:
        raise UserError(
            f"{first.path} was trained with {own}, and the test images are {test}; name the data "
            "of the model with --data-dir."
        )


def _kind(shape: Sequence[int], names: Sequence[str], polarity: str | None) -> str:
    look = polarity or "of no common polarity"
    return f"{shape[0]} × {shape[1]} pixels, {look}, with the classes {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(names[:12])
    return f"{text}, … ({len(names)} of them)" if len(names) > 12 else text


def choose_kinds(chains: Sequence[Sequence[Layer]], num_pixels: int) -> list[str]:
    """Return how the weights of each net are kept: in int8 if the page gets too large.

    Args:
        chains: the nets.
        num_pixels: of an image.
    """
    sizes = [sum(array.size for layer in one for array in layer.arrays.values()) for one in chains]
    limit = (MOST - CODE) * 3 // 4 - (NUM_PLAIN + NUM_HARD) * num_pixels  # bytes before base64
    kinds = [KINDS[0]] * len(chains)
    for number in np.argsort(sizes)[::-1]:
        total = sum(size * (2 - (kind == "int8")) for size, kind in zip(sizes, kinds, strict=True))
        if total > limit:
            kinds[number] = "int8"
    return kinds


def _require_equal(
    model: Model, chain: Sequence[Layer], images: np.ndarray, expected: np.ndarray
) -> None:
    """Compare a chain with its net.

    Raises:
        UserError: it gives other probabilities, because the net draws random numbers, for example.
    """
    operations = model.session.graph.get_operations()
    rough = any(op.outputs and op.outputs[0].dtype.name == "bfloat16" for op in operations)
    difference = np.abs(probabilities(chain, images) - expected).max(initial=0)
    if not difference < (ROUGH_TOLERANCE if rough else TOLERANCE):
        raise UserError(
            f"{model.path} cannot be drawn, because its probabilities are others when its layers "
            "are computed one after the other. Leave this model out."
        )


def _compare_accuracies(
    model: Model, facts: dict[str, Any], accuracy: float, total: int, source: str
) -> None:
    """Say so if the test images are probably not those of the run."""
    noted = facts.get("test_accuracy")
    if noted is not None and facts.get("test_total") == total and abs(noted - accuracy) > ALIKE:
        remark = (
            f"{model.path} classifies {accuracy:.2%} of the test images of {source} correctly, "
            f"and {noted:.2%} in its metrics.json; name its own data with --data-dir"
        )
        print(f"{visible(remark)}.", file=sys.stderr)


def _name_apart(networks: Sequence[dict[str, Any]], models: Sequence[Model]) -> None:
    """Add its folder to the name of a net that another one has, too."""
    counts = Counter(network["name"] for network in networks)
    for network, model in zip(networks, models, strict=True):
        if counts[network["name"]] > 1:
            network["name"] += f" ({model.path})"
