"""Steps → an animated picture of the training, for `--film`.

What the frames show is kept while the net trains and drawn when it is trained. Nothing here changes
what a run computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common.data import DataSets
from common.evaluation import evaluate
from common.layers import layers_of
from common.plots.film import Frame
from common.session import averaged_weights

import numpy as np
import tensorflow.compat.v1 as tf

NUM_FRAMES = 40
NUM_IMAGES = 1_000  # validation images, and as many training images, that each frame measures
MAX_UNITS = 40
PERCENTILES = (5, 25, 50, 75, 95)


@contextmanager
def filming(
    data: DataSets, session: tf.Session, first: int, num_steps: int
) -> Iterator[Callable[[int], None]]:
    """Give the function that keeps a frame after some of the steps, if `--film` asks for it.

    The steps lie closer together at the beginning, where most happens: their logarithms are evenly
    spaced. The frames go to `session.state.frames`.

    Args:
        data: the three splits; the film shows validation images.
        session: an open session of `new_session`.
        first: steps done before. A resumed run is filmed from there on.
        num_steps: of the whole run.

    Yields:
        a function of the number of steps done.
    """
    layers = layers_of(session.graph)
    if session.state.settings.film and not layers:
        print("No film: it shows a layer of common/layers.py, and this net has none.")
    if not (session.state.settings.film and layers):
        yield lambda step: None
        return
    steps = {0, *np.geomspace(1, num_steps, NUM_FRAMES - 1).round().astype(int).tolist()}
    with session.graph.as_default():
        weights = layers[0].weights.value()
    train, validation = data.train.first(NUM_IMAGES), data.validation.first(NUM_IMAGES)

    def keep(step: int) -> None:
        if step not in steps:
            return
        with averaged_weights(session):
            values = session.run(weights)
        trained, checked = (evaluate(session, split, None) for split in (train, validation))
        session.state.frames.append(
            Frame(
                step=step,
                units=_units(values, data),
                accuracy=(trained.accuracy, checked.accuracy),
                loss=(trained.loss, checked.loss),
                band=np.percentile(values, PERCENTILES),
                predicted=checked.predicted,
            )
        )

    if first == 0:
        keep(0)
    yield keep


def _units(weights: np.ndarray, data: DataSets) -> np.ndarray:
    """Return the first layer's weights as images: float32 [units, height, width]."""
    if weights.ndim == 4:  # a convolution: [height, width, input channels, filters]
        return weights[:, :, 0].transpose(2, 0, 1)[:MAX_UNITS].astype(np.float32)
    if weights.ndim == 2 and len(weights) == data.num_pixels:
        return weights.T[:MAX_UNITS].reshape(-1, *data.image_shape).astype(np.float32)
    return np.zeros((0, 1, 1), np.float32)
