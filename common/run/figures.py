"""The pictures of a run."""

from __future__ import annotations

from common import plots
from common.augmentation import AUGMENTED
from common.data import DataSets
from common.evaluation import Evaluation
from common.layers import layers_of

import numpy as np
import tensorflow.compat.v1 as tf

# The two test images whose layer outputs are drawn, as in Hvass's tutorial.
IMAGES_FOLLOWED = [0, 13]
# How often the picture of --augment shows each image.
NUM_COPIES = 16


def draw(data: DataSets, session: tf.Session, test: Evaluation, matrix: np.ndarray) -> list[str]:
    """Draw every picture of a run into its folder.

    Args:
        data: the three splits.
        session: the session in which the net was trained.
        test: what the net makes of the test split.
        matrix: the confusion matrix, integers [classes, classes].

    Returns:
        the file names.

    Raises:
        UserError: a file cannot be written.
    """
    state = session.state
    folder, shape, names = state.folder, data.image_shape, data.class_names
    settings = state.settings
    show = {"show": settings.show}
    files = ["images.png", "errors.png", "confusion_matrix.png", "curves.png"]
    images, labels, predicted = data.test.images, test.labels, test.predicted
    plots.plot_images(
        folder / files[0],
        *(images[:9], shape, labels[:9], predicted[:9], names),
        title="The first test images, their true class and the class that the net predicts",
        **show,
    )
    wrong = np.flatnonzero(predicted != labels)
    first = wrong[:9]
    plots.plot_images(
        folder / files[1],
        *(images[first], shape, labels[first], predicted[first], names),
        title=f"The first {len(first)} of {len(wrong)} errors on {test.total:,} test images",
        **show,
    )
    plots.plot_confusion_matrix(
        folder / files[2],
        matrix,
        names,
        title=f"Which class is taken for which: {len(wrong)} errors on {test.total:,} test images",
        **show,
    )
    plots.plot_curves(folder / files[3], state.history, **show)
    for augmented, strength, _ in session.graph.get_collection(AUGMENTED):  # with --augment only
        files.append("augmented.png")
        copies = np.repeat(data.train.images[:2], NUM_COPIES, axis=0)
        # In full strength, as in the first steps.
        feed_dict = {state.net.x: copies, state.net.is_training: True, strength: 1.0}
        copies = session.run(augmented, feed_dict).reshape(-1, NUM_COPIES, *shape)
        plots.plot_layer_outputs(
            folder / files[-1],
            data.train.images[:2].reshape(-1, *shape),
            np.moveaxis(copies, 1, -1),
            ["a training image", "another one"],
            title=f"What --augment makes of two training images: {NUM_COPIES} of many ways",
            **show,
        )
    followed = [index for index in IMAGES_FOLLOWED if index < test.total]
    for layer in layers_of(session.graph):
        weights = session.run(layer.weights.value())
        if weights.ndim == 4:  # a convolution: [height, width, input channels, filters]
            channel = min(settings.input_channel, weights.shape[2] - 1)
            files += [f"{layer.name}_filters.png", f"{layer.name}_outputs.png"]
            plots.plot_filters(
                folder / files[-2],
                weights,
                channel,
                title=f"The filters of {layer.name} for input channel {channel}: "
                "red adds to the output, blue takes from it",
                **show,
            )
            outputs = session.run(layer.output, {state.net.x: images[followed]})
            plots.plot_layer_outputs(
                folder / files[-1],
                images[followed].reshape(-1, *shape),
                outputs,
                [f"test image {index}" for index in followed],
                title=f"What the filters of {layer.name} find in two test images: "
                "bright where the image has the filter's pattern",
                **show,
            )
        elif (
            weights.ndim == 2 and len(weights) == data.num_pixels
        ):  # neurons that are connected with the pixels
            files.append(f"{layer.name}_weights.png")
            titles = names if weights.shape[1] == len(names) else None
            plots.plot_weights(folder / files[-1], weights, shape, titles, **show)
    return files
