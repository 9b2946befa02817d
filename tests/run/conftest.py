"""A small run, and a session that is restored from any checkpoints of its kind."""

import shutil

import mnist_softmax
from common.data import load_data
from common.run import report
from common.run.checkpoints import Checkpoints
from common.session import new_session
from common.training import num_training_steps

import idx_files
import pytest
import shell
import tensorflow.compat.v1 as tf


class Small:
    """A run of 27 steps on a few small images, whose parts are quickly repeated."""

    def __init__(self, folder):
        self.data = idx_files.write_data_set(folder / "data", 88, 20, (6, 6))
        self.finished = folder / "finished"
        self.train(self.finished)

    def flags(self, folder, *more):
        length = ["--epochs", "3"] if "--epochs" not in more else []
        where = ["--data-dir", self.data, "--output-dir", folder]
        return [str(flag) for flag in ("--batch-size", 10, *length, *where, *more)]

    def train(self, folder, *more):
        mnist_softmax.main(self.flags(folder, *more))
        return shell.metrics_in(folder)

    def copy(self, folder):
        shutil.copytree(self.finished, folder)
        return folder / "checkpoints"


@pytest.fixture(scope="module")
def no_pictures():
    """They would take longer than the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "draw", lambda *_: [])
        yield


@pytest.fixture(scope="module")
def small(no_pictures, tmp_path_factory):
    return Small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def restoring(small, tmp_path_factory):
    """A function of a folder of checkpoints → the step to which they restore a session."""
    settings = mnist_softmax.read_settings(small.flags(tmp_path_factory.mktemp("restoring")))
    data = load_data(settings.data_dir)
    net = mnist_softmax.build_graph(settings, data)
    facts = {"steps": num_training_steps(settings, len(data.train)), "data": data.fingerprint()}
    with new_session(net, settings) as session:
        checkpoints = Checkpoints(session, facts)

        def restore(folder):
            checkpoints._folder = folder
            step, seconds = checkpoints.restore()
            assert seconds >= 0
            return step

        with net.graph.as_default():
            restore.initial = tf.global_variables_initializer()
            restore.variables = [variable.value() for variable in tf.global_variables()]
        restore.session = session
        yield restore


@pytest.fixture(scope="module")
def last(small):
    return small.finished / "checkpoints" / "step-27"
