"""common/run/inside.py: the stages of trained nets, computed again from their weights."""

from common.data import load_data
from common.run.inside import look_inside
from common.run.model import Model

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy import signal, special


@pytest.fixture(scope="module")
def images():
    return load_data().test.images[:2].reshape(-1, 28, 28)


def variable(run, name):
    return tf.train.load_checkpoint(str(run.folder / "checkpoints")).get_tensor(name)


def test_what_softmax_regression_adds_up(trained_run, images):
    run = trained_run("mnist_softmax")
    model = Model(run.folder)
    biases = variable(run, "fc1/biases")
    for image in images:
        (stage,) = look_inside(model, image)
        assert stage.maps.shape == (10, 28, 28)
        assert not stage.maps[:, image == 0].any()
        probabilities = special.softmax(stage.maps.sum(axis=(1, 2)) + biases)
        np.testing.assert_allclose(probabilities, model.probabilities(image[None])[0], atol=1e-5)


def test_the_maps_and_neurons_of_the_cnn(trained_run, images):
    run = trained_run("mnist_cnn")
    conv1, conv2, fc1 = look_inside(Model(run.folder), images[0])
    assert [len(stage.maps) for stage in (conv1, conv2, fc1)] == [16, 36, 128]
    assert conv2.maps.shape == (36, 7, 7)
    assert (conv1.caption, fc1.caption) == ("conv1: 16 maps, 14 × 14", "fc1: 128 neurons")
    weights, biases = variable(run, "conv1/weights"), variable(run, "conv1/biases")
    for k in range(16):
        whole = signal.correlate2d(images[0] / 255, weights[:, :, 0, k], "same") + biases[k]
        pooled = whole.reshape(14, 2, 14, 2).max(axis=(1, 3))
        np.testing.assert_allclose(conv1.maps[k], np.maximum(pooled, 0), atol=1e-4)
    weights, biases = variable(run, "fc1/weights"), variable(run, "fc1/biases")
    features = conv2.maps.transpose(1, 2, 0).ravel()
    expected = np.maximum(features @ weights + biases, 0)
    np.testing.assert_allclose(fc1.maps.ravel(), expected, atol=1e-3)


def test_a_model_is_closed_after_its_block(trained_run, images):
    with Model(trained_run("mnist_softmax").folder) as model:
        assert model.probabilities(images).shape == (2, 10)
    with pytest.raises(RuntimeError, match="closed"):
        model.probabilities(images)
