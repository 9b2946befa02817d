"""PyTorch as in its documentation, and tuned for the processor."""

from __future__ import annotations

from contextlib import nullcontext

from benchmarks.trainer import MATRIX_SIDE, MiniBatches, feature_size
from benchmarks.workloads import Workload

import torch
from torch import nn
from torch.nn import functional


class Documented:
    """Float32 tensors, the layers of `torch.nn`, the optimizer with its defaults, eager execution.

    The mini-batch is taken by indexing the tensors. A `DataLoader` over a `TensorDataset`, which
    the documentation also shows, takes the examples one by one and is slower.
    """

    tuned = compiled = bfloat16 = False

    def __init__(self, workload: Workload) -> None:
        self.batches = MiniBatches(workload)
        train, test = self.batches.data.train, self.batches.data.test
        self.images = self._prepare(torch.from_numpy(train.images.copy()))
        self.labels = torch.from_numpy(train.labels).long()
        self.test_images = self._prepare(torch.from_numpy(test.images.copy()))
        self.test_labels = torch.from_numpy(test.labels).long()
        self.restart(0)
        self.num_parameters = sum(p.numel() for p in self.net.parameters())

    def _prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images as the net needs them: float32 [n, pixels] or [n, 1, height, width]."""
        images = images.float() / 255
        shape = (1, *self.batches.data.image_shape) if self.batches.workload.conv else (-1,)
        return images.reshape(len(images), *shape)

    def _new_net(self) -> nn.Module:
        workload, data = self.batches.workload, self.batches.data
        layers: list[nn.Module] = []
        channels = 1
        for size, filters in workload.conv:
            convolution = nn.Conv2d(channels, filters, size, padding=workload.padding)
            layers += [convolution, nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()]
            channels = filters
        layers.append(nn.Flatten())
        num_inputs = data.num_pixels
        if workload.conv:
            num_inputs = feature_size(workload, data.image_shape)
        for num_outputs in workload.hidden:
            layers += [nn.Linear(num_inputs, num_outputs), nn.ReLU()]
            num_inputs = num_outputs
        return nn.Sequential(*layers, nn.Linear(num_inputs, data.num_classes))

    def restart(self, seed: int) -> None:
        """See `Trainer.restart`."""
        torch.manual_seed(seed)
        workload = self.batches.workload
        self.net = self._new_net()
        if self.tuned:
            self.net = self.net.to(memory_format=torch.channels_last)
        rate, fused = workload.learning_rate, self.tuned or None
        if workload.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(self.net.parameters(), rate, fused=fused)
        else:
            betas = workload.beta1, workload.beta2
            self.optimizer = torch.optim.Adam(self.net.parameters(), rate, betas, fused=fused)
        self.loss_of = self._loss_of
        if self.compiled:
            self.loss_of = torch.compile(self._loss_of, dynamic=False)
        self.batches.restart(seed)

    def _loss_of(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        precision = nullcontext()
        if self.bfloat16:
            precision = torch.autocast("cpu", torch.bfloat16)
        with precision:
            logits = self.net(self._enter(images))
        return functional.cross_entropy(logits.float(), labels)

    def _enter(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def steps(self, count: int) -> None:
        """See `Trainer.steps`."""
        constant = self.batches.workload.decay == "constant"
        for indices in self.batches.take(count):
            indices = torch.from_numpy(indices)
            images, labels = self.images[indices], self.labels[indices]
            if not constant:
                self.optimizer.param_groups[0]["lr"] = self.batches.rate
            self.optimizer.zero_grad()
            self.loss_of(images, labels).backward()
            self.optimizer.step()

    @torch.no_grad()
    def evaluate(self) -> float:
        """See `Trainer.evaluate`."""
        correct = 0
        batches = zip(self.test_images.split(256), self.test_labels.split(256), strict=True)
        for images, labels in batches:
            correct += int((self.net(self._enter(images)).argmax(1) == labels).sum())
        return correct / len(self.test_labels)


class Tuned(Documented):
    """Images stay uint8 until they are gathered; channels last; the fused optimizer."""

    tuned = True

    def _prepare(self, images: torch.Tensor) -> torch.Tensor:
        shape = (1, *self.batches.data.image_shape) if self.batches.workload.conv else (-1,)
        return images.reshape(len(images), *shape)

    def _enter(self, images: torch.Tensor) -> torch.Tensor:
        pixels = images.float() / 255
        if self.batches.workload.conv:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        return pixels


class Compiled(Tuned):
    """The same; net and loss are compiled by `torch.compile`."""

    compiled = True


class Bfloat16(Tuned):
    """The same as `Tuned`; the layers compute in bfloat16 (autocast)."""

    bfloat16 = True


class Matmul:
    """The peak of the machine: one large float32 matrix product per step."""

    num_parameters = 0
    flops = 2 * MATRIX_SIDE**3

    def __init__(self, workload: Workload) -> None:
        torch.manual_seed(0)
        self.matrix = torch.randn(MATRIX_SIDE, MATRIX_SIDE)
        self.product = torch.empty(MATRIX_SIDE, MATRIX_SIDE)

    def restart(self, seed: int) -> None:
        """Do nothing: there are no weights."""

    def steps(self, count: int) -> None:
        """Compute the product `count` times."""
        for _ in range(count):
            torch.matmul(self.matrix, self.matrix, out=self.product)

    def evaluate(self) -> float:
        """Return 0: there is no net to test."""
        return 0.0
