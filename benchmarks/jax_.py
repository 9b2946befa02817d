"""JAX: the whole step is one jitted function with donated buffers; the optimizer is from Optax."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.trainer import MiniBatches, feature_size
from benchmarks.workloads import Workload

import jax
import jax.numpy as jnp
import numpy as np
import optax

State = tuple[list[dict[str, jax.Array]], Any]


class Jitted:
    """The net as a function of its parameters.

    The images are on JAX's device as bytes; the mini-batch is gathered inside the jitted step.
    """

    def __init__(self, workload: Workload) -> None:
        self.batches = MiniBatches(workload)
        self.workload, data = workload, self.batches.data
        self.shape = data.image_shape
        self.images = jnp.asarray(data.train.images)
        self.labels = jnp.asarray(data.train.labels)
        self.test_images = jnp.asarray(data.test.images)
        rate = workload.learning_rate if workload.decay == "constant" else self._rate
        if workload.optimizer == "sgd":
            self.optimizer = optax.sgd(rate)
        else:
            self.optimizer = optax.adam(rate, workload.beta1, workload.beta2)
        self.restart(0)
        parameters, _ = self.state
        self.num_parameters = sum(leaf.size for leaf in jax.tree.leaves(parameters))

    def _rate(self, step: jax.Array) -> jax.Array:
        """Return the one-cycle learning rate of a step, as `Workload.rate` does."""
        progress = step / self.batches.num_steps
        rise = progress / 0.25 * 0.96 + 0.04
        fall = 0.5 * (1 + jnp.cos(jnp.pi * (progress - 0.25) / 0.75))
        return self.workload.learning_rate * jnp.where(progress < 0.25, rise, fall)

    def restart(self, seed: int) -> None:
        """See `Trainer.restart`."""
        workload, data = self.workload, self.batches.data
        shapes, channels = [], 1
        for size, filters in workload.conv:
            shapes.append((size, size, channels, filters))
            channels = filters
        num_inputs = feature_size(workload, self.shape) if workload.conv else data.num_pixels
        for num_outputs in (*workload.hidden, data.num_classes):
            shapes.append((num_inputs, num_outputs))
            num_inputs = num_outputs
        keys = jax.random.split(jax.random.key(seed), len(shapes))
        initializer = jax.nn.initializers.lecun_normal()
        parameters = [
            {"weights": initializer(key, shape), "biases": jnp.zeros(shape[-1])}
            for key, shape in zip(keys, shapes, strict=True)
        ]
        self.state: State = parameters, self.optimizer.init(parameters)
        self.batches.restart(seed)

    def _logits(self, parameters: list[dict[str, jax.Array]], images: jax.Array) -> jax.Array:
        layer = images.astype(jnp.float32) / 255
        convolutions = parameters[: len(self.workload.conv)]
        if convolutions:
            layer = layer.reshape(-1, *self.shape, 1)
        for one in convolutions:
            layer = jax.lax.conv_general_dilated(
                layer,
                one["weights"],
                window_strides=(1, 1),
                padding=self.workload.padding.upper(),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            layer = jax.lax.reduce_window(
                layer + one["biases"], -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME"
            )
            layer = jax.nn.relu(layer)
        layer = layer.reshape(len(images), -1)
        for one in parameters[len(convolutions) : -1]:
            layer = jax.nn.relu(layer @ one["weights"] + one["biases"])
        return layer @ parameters[-1]["weights"] + parameters[-1]["biases"]

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _step(
        self, state: State, images: jax.Array, labels: jax.Array, indices: jax.Array
    ) -> State:
        parameters, optimizer_state = state

        def loss(parameters: list[dict[str, jax.Array]]) -> jax.Array:
            logits = self._logits(parameters, images[indices])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels[indices]).mean()

        gradients = jax.grad(loss)(parameters)
        updates, optimizer_state = self.optimizer.update(gradients, optimizer_state)
        return optax.apply_updates(parameters, updates), optimizer_state

    @partial(jax.jit, static_argnums=0)
    def _predict(self, parameters: list[dict[str, jax.Array]], images: jax.Array) -> jax.Array:
        return self._logits(parameters, images).argmax(axis=1)

    def steps(self, count: int) -> None:
        """See `Trainer.steps`."""
        for indices in self.batches.take(count):
            self.state = self._step(self.state, self.images, self.labels, indices)
        jax.block_until_ready(self.state)

    def evaluate(self) -> float:
        """See `Trainer.evaluate`."""
        parameters, _ = self.state
        test = self.batches.data.test
        correct = 0
        for start in range(0, len(test), 256):
            batch = slice(start, start + 256)
            predicted = self._predict(parameters, self.test_images[batch])
            correct += int((np.asarray(predicted) == test.labels[batch]).sum())
        return correct / len(test)
