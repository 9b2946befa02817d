"""Keras 3 on TensorFlow: `compile` with `jit_compile` and `steps_per_execution`, then `fit`."""

from __future__ import annotations

from benchmarks.trainer import MiniBatches
from benchmarks.workloads import Workload

import keras
import numpy as np

STEPS_PER_EXECUTION = 50


class Fit:
    """A `Sequential` model. `fit` shuffles the data itself, so its order is not ours."""

    jit_compile = True

    def __init__(self, workload: Workload) -> None:
        self.batches = MiniBatches(workload)
        self.images = self._prepare(self.batches.data.train.images)
        self.labels = self.batches.data.train.labels
        self.restart(0)
        self.num_parameters = self.model.count_params()

    def _prepare(self, images: np.ndarray) -> np.ndarray:
        shape = (*self.batches.data.image_shape, 1) if self.batches.workload.conv else (-1,)
        return images.reshape(len(images), *shape).astype(np.float32) / 255

    def restart(self, seed: int) -> None:
        """See `Trainer.restart`."""
        keras.utils.set_random_seed(seed)
        workload = self.batches.workload
        layers = [keras.Input(self.images.shape[1:])]
        for size, filters in workload.conv:
            layers += [
                keras.layers.Conv2D(filters, size, padding=workload.padding),
                keras.layers.MaxPooling2D(2, padding="same"),
                keras.layers.ReLU(),
            ]
        layers.append(keras.layers.Flatten())
        layers += [keras.layers.Dense(size, activation="relu") for size in workload.hidden]
        layers.append(keras.layers.Dense(self.batches.data.num_classes))
        self.model = keras.Sequential(layers)
        rate = workload.learning_rate
        if workload.decay != "constant":
            rate = OneCycle(rate, self.batches.num_steps)
        if workload.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate)
        else:
            optimizer = keras.optimizers.Adam(rate, workload.beta1, workload.beta2)
        self.model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=self.jit_compile,
            steps_per_execution=STEPS_PER_EXECUTION,
        )

    def steps(self, count: int) -> None:
        """See `Trainer.steps`."""
        batch_size = self.batches.workload.batch_size
        epochs, rest = divmod(count, self.batches.steps_per_epoch)
        if epochs:
            self.model.fit(self.images, self.labels, batch_size, epochs, verbose=0)
        if rest:
            part = slice(rest * batch_size)
            self.model.fit(self.images[part], self.labels[part], batch_size, verbose=0)

    def evaluate(self) -> float:
        """See `Trainer.evaluate`."""
        test = self.batches.data.test
        logits = self.model.predict(self._prepare(test.images), 256, verbose=0)
        return float((logits.argmax(axis=1) == test.labels).mean())


class FitWithoutJit(Fit):
    """The same without `jit_compile`: XLA's convolutions are not always the fastest."""

    jit_compile = False


@keras.saving.register_keras_serializable()
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """The schedule of `Workload.rate`."""

    def __init__(self, peak: float, num_steps: int) -> None:
        self.peak, self.num_steps = peak, num_steps

    def __call__(self, step: object) -> object:
        """Return the rate of a step."""
        progress = keras.ops.cast(step, "float32") / self.num_steps
        rise = progress / 0.25 * 0.96 + 0.04
        fall = 0.5 * (1 + keras.ops.cos(np.pi * (progress - 0.25) / 0.75))
        return self.peak * keras.ops.where(progress < 0.25, rise, fall)

    def get_config(self) -> dict[str, float]:
        """Return the arguments of `__init__`."""
        return {"peak": self.peak, "num_steps": self.num_steps}
