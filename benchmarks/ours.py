"""The scripts of this repository: their `build_graph` in the Session of common/session.py."""

from __future__ import annotations

import importlib
import tempfile

from benchmarks.trainer import MiniBatches
from benchmarks.workloads import Workload
from common.evaluation import evaluate
from common.layers import layers_of
from common.session import new_session

import tensorflow.compat.v1 as tf


class Ours:
    """A net of ours; `steps` is the loop of the scripts, without progress, validation and files."""

    def __init__(self, workload: Workload) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.batches = MiniBatches(workload)
        self._build(seed=0)
        layers = layers_of(self.net.graph)
        self.num_parameters = sum(layer.num_parameters for layer in layers)
        # Per layer: its result, the gradient of its weights and the gradient of its input. The
        # gradient of the images, the input of the first layer, is not computed.
        multiply_adds = [layer.multiply_adds for layer in layers]
        self.flops = 2 * workload.batch_size * (3 * sum(multiply_adds) - multiply_adds[0])
        self.session = new_session(self.net, self.settings)

    def _build(self, seed: int) -> None:
        """Build the script's graph. The seed is part of the graph, as in the scripts."""
        workload = self.batches.workload
        script = importlib.import_module(workload.script)
        flags = [*workload.flags, "--seed", str(seed), "--output-dir", self.folder.name]
        self.settings = script.read_settings(flags)
        # The nets of the other frameworks have neither: see docs/performance.md.
        self.settings.dropout, self.settings.batch_norm = 0.0, False
        self.net = script.build_graph(self.settings, self.batches.data)

    def restart(self, seed: int) -> None:
        """See `Trainer.restart`."""
        self.session.close()
        self._build(seed)
        with self.net.graph.as_default():
            initialize = tf.global_variables_initializer()
        self.session = new_session(self.net, self.settings)
        # TensorFlow prepares a graph in its first run, which is not part of the training time.
        self.batches.restart(seed)
        self.steps(1)
        self.session.run(initialize)
        self.batches.restart(seed)

    def steps(self, count: int) -> None:
        """See `Trainer.steps`."""
        net, session, train = self.net, self.session, self.batches.data.train
        training = {} if net.is_training is None else {net.is_training: True}
        for indices in self.batches.take(count):
            images, labels = train.take(indices)
            session.run(net.train_step, {net.x: images, net.y_true: labels, **training})

    def evaluate(self) -> float:
        """See `Trainer.evaluate`."""
        return evaluate(self.session, self.batches.data.test).accuracy
