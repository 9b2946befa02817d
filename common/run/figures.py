"""The pictures of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from common import MODEL_NAMES, plots
from common.augmentation import AUGMENTED
from common.data import DataSets
from common.evaluation import Evaluation
from common.layers import Layer, layers_of
from common.run.own import as_pixels, images_for, other_variables
from common.run.patches import exciting_patches, has_receptive_field

import numpy as np
import tensorflow.compat.v1 as tf

# The two test images whose layer outputs are drawn, as in Hvass's tutorial.
IMAGES_FOLLOWED = [0, 13]
# How often the picture of --augment shows each image.
NUM_COPIES = 17


def draw(data: DataSets, session: tf.Session, test: Evaluation, matrix: np.ndarray) -> list[str]:
    """Draw every picture of a run into its folder.

    A picture that cannot be drawn or written is reported, and the others are drawn.

    Args:
        data: the three splits.
        session: the session in which the net was trained.
        test: the predictions on the test split.
        matrix: the confusion matrix, integers [classes, classes].

    Returns:
        the names of the files that were written.
    """
    return plots.draw_each(
        session.state.folder,
        _pictures(data, session, test, matrix),
        "Metrics, predictions and model are complete; to draw again without training: "
        f"{session.state.settings.command} --resume",
    )


def _pictures(
    data: DataSets, session: tf.Session, test: Evaluation, matrix: np.ndarray
) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Give the name of each picture, and the function that draws it into a file."""
    state = session.state
    shape, names = data.image_shape, data.class_names
    settings = state.settings
    show = {"show": settings.show}
    images, labels, predicted = as_pixels(test.images), test.labels, test.predicted
    wrong = np.flatnonzero(predicted != labels)
    # The errors of which the net is surest tell most about it, and about the labels.
    confidence = test.probabilities[np.arange(len(labels)), predicted]
    first = wrong[np.argsort(-confidence[wrong], kind="stable")][:9]
    yield (
        "images.png",
        lambda path: plots.plot_images(
            path,
            *(images[:9], shape, labels[:9], predicted[:9], names),
            title="The first test images, their true class and the class that the net predicts",
            **show,
        ),
    )
    yield (
        "errors.png",
        lambda path: plots.plot_images(
            path,
            *(images[first], shape, labels[first], predicted[first], names),
            title=f"The {len(first)} most confident of {len(wrong)} errors on {test.total:,} test "
            "images, with the probability of the predicted class",
            probabilities=confidence[first],
            **show,
        ),
    )
    title = f"Which class is taken for which: {len(wrong)} errors on {test.total:,} test images"
    yield (
        "confusion_matrix.png",
        lambda path: plots.plot_confusion_matrix(path, matrix, names, title=title, **show),
    )
    yield (
        "mosaic.png",
        lambda path: plots.plot_mosaic(path, images, shape, labels, predicted, **show),
    )
    yield "curves.png", lambda path: plots.plot_curves(path, state.history, **show)
    if state.frames:  # with --film only
        yield "film.gif", partial(_draw_film, data, session)
    for nodes in session.graph.get_collection(AUGMENTED):  # with --augment only
        yield "augmented.png", partial(_draw_augmented, data, session, nodes)
    for layer in layers_of(session.graph):
        dimensions = layer.weights.shape.as_list()
        if len(dimensions) == 4:  # a convolution: [height, width, input channels, filters]
            if dimensions[2] == 1 or getattr(settings, "input_channel", None) is not None:
                yield f"{layer.name}_filters.png", partial(_draw_filters, session, layer)
            if dimensions[2] > 1 and has_receptive_field(layer.output):
                yield f"{layer.name}_patches.png", partial(_draw_patches, data, session, layer)
            yield f"{layer.name}_outputs.png", partial(_draw_outputs, data, session, layer)
        elif len(dimensions) == 2 and dimensions[0] == data.num_pixels:
            # Neurons that are connected with the pixels.
            yield f"{layer.name}_weights.png", partial(_draw_weights, data, session, layer)
    for variable in other_variables(session.graph):  # the weights of a layer of the script's own
        if variable.shape.rank == 2 and variable.shape[0] == data.num_pixels:
            layer = Layer(variable.op.name.replace("/", "_"), None, variable, None, 0)
            yield f"{layer.name}_weights.png", partial(_draw_weights, data, session, layer)


def _draw_film(data: DataSets, session: tf.Session, path: Path) -> None:
    frames = session.state.frames
    shown = data.validation.first(len(frames[0].predicted))
    plots.plot_film(
        path,
        frames,
        layers_of(session.graph)[0].name,
        *(as_pixels(shown.images), data.image_shape, shown.labels),
        title=f"{MODEL_NAMES.get(session.state.settings.model, 'A net')} learns",
    )


def _draw_augmented(data: DataSets, session: tf.Session, nodes: tuple, path: Path) -> None:
    (augmented, strength, _), net, shape = nodes, session.state.net, data.image_shape
    copies = np.repeat(data.train.images[:2], NUM_COPIES, axis=0)
    # In full strength, as in the first steps.
    feed_dict = {net.x: images_for(net, copies), net.is_training: True, strength: 1.0}
    copies = session.run(augmented, feed_dict).reshape(-1, NUM_COPIES, *shape)
    plots.plot_copies(
        path,
        as_pixels(data.train.images[:2]).reshape(-1, *shape),
        copies,
        title=f"Two training images, each distorted in {NUM_COPIES} ways by --augment",
        show=session.state.settings.show,
    )


def _draw_filters(session: tf.Session, layer: Layer, path: Path) -> None:
    settings, weights = session.state.settings, session.run(layer.weights.value())
    channel = min(getattr(settings, "input_channel", None) or 0, weights.shape[2] - 1)
    of_channel = f" for input channel {channel}" if weights.shape[2] > 1 else ""
    plots.plot_filters(
        path,
        weights,
        channel,
        title=f"The filters of {layer.name}{of_channel}: red adds, blue takes away",
        show=settings.show,
    )


def _draw_patches(data: DataSets, session: tf.Session, layer: Layer, path: Path) -> None:
    patches = exciting_patches(session, layer, data)
    plots.plot_patches(
        path,
        patches,
        title=f"What the filters of {layer.name} look for: the parts of test images that excite "
        "each of them most",
        show=session.state.settings.show,
    )


def _draw_outputs(data: DataSets, session: tf.Session, layer: Layer, path: Path) -> None:
    net, followed = session.state.net, [k for k in IMAGES_FOLLOWED if k < len(data.test)]
    images = data.test.images[followed]
    plots.plot_layer_outputs(
        path,
        as_pixels(images).reshape(-1, *data.image_shape),
        session.run(layer.output, {net.x: images_for(net, images)}),
        [f"test image {index}" for index in followed],
        title=f"What the filters of {layer.name} find in two test images: "
        "bright where the image has the filter's pattern",
        show=session.state.settings.show,
    )


def _draw_weights(data: DataSets, session: tf.Session, layer: Layer, path: Path) -> None:
    weights, names = session.run(layer.weights.value()), data.class_names
    titles = names if weights.shape[1] == len(names) else None
    show = session.state.settings.show
    layers = layers_of(session.graph)
    for after in layers[layers.index(layer) + 1 :] if layer in layers else ():
        if after.weights.shape.rank == 2 and after.weights.shape[0] == weights.shape[1]:
            outgoing = np.linalg.norm(session.run(after.weights.value()), axis=1)
            plots.plot_weights(
                path, weights, data.image_shape, titles, outgoing=outgoing, show=show
            )
            return
    plots.plot_weights(path, weights, data.image_shape, titles, show=show)
