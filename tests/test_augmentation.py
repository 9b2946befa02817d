"""common/augmentation.py against SciPy's interpolation, and what a distortion may depend on."""

from argparse import Namespace

import mnist_cnn
from common import augmentation
from common.data import load_data
from common.session import new_session

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy import ndimage

AUGMENT = Namespace(augment=True, fading=0.5)
NUM_STEPS = 100


def distorted(pixels, image_shape, is_training=True, seed=0, step=0, settings=AUGMENT):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        result = augmentation.augment(
            tf.constant(pixels), image_shape, settings, tf.constant(is_training), NUM_STEPS
        )
        global_step = tf.train.get_or_create_global_step()
        session.run(global_step.initializer)
        session.run(tf.assign(global_step, step))
        return session.run(result)


@pytest.fixture(scope="module")
def digits():
    return (load_data(train_size=64).train.images / 255).astype(np.float32)


def test_sampling_is_what_scipy_interpolates(digits):
    images = digits[:5].reshape(-1, 28, 28)[:, :, :20]  # not square
    places = np.random.default_rng(0).uniform(-0.7, 0.7, [2, 5, 300]).astype(np.float32)
    with tf.Session() as session:
        result = session.run(augmentation.sample(tf.constant(images), *map(tf.constant, places)))
    height_and_width = np.array([[[28]], [[20]]])
    pixels = (places + 0.5) * height_and_width - 0.5
    expected = [
        ndimage.map_coordinates(image, pixels[:, i], order=1, mode="grid-constant")
        for i, image in enumerate(images)
    ]
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_each_image_is_distorted_in_its_own_way_while_training_only(digits):
    same = np.repeat(digits[:1], 10, axis=0)
    results = distorted(same, (28, 28))
    assert results.shape == same.shape
    assert len(np.unique(results, axis=0)) == 10
    assert results.min() >= 0
    assert results.max() <= 1
    np.testing.assert_array_equal(distorted(same, (28, 28), is_training=False), same)


def test_the_distortion_is_a_function_of_seed_and_step(digits):
    first = distorted(digits, (28, 28), seed=3, step=7)
    np.testing.assert_array_equal(first, distorted(digits, (28, 28), seed=3, step=7))
    for seed, step in ((3, 8), (4, 7)):
        assert not np.array_equal(first, distorted(digits, (28, 28), seed=seed, step=step))


@pytest.mark.parametrize("fading", [0.5, 0.2])
def test_the_distortions_fade_in_the_last_part_of_the_training(digits, fading):
    """Measured as the mean change of a pixel: all until then, half in its middle, none at last."""
    settings = Namespace(augment=True, fading=fading)
    begin = round(NUM_STEPS * (1 - fading))
    middle, late = (begin + NUM_STEPS) // 2, NUM_STEPS - round(NUM_STEPS * fading / 10)
    changes = {
        step: np.abs(distorted(digits, (28, 28), step=step, settings=settings) - digits).mean()
        for step in (0, begin, middle, late, NUM_STEPS)
    }
    assert changes[begin] == pytest.approx(changes[0], rel=0.1)
    assert 0.4 < changes[middle] / changes[0] < 0.8
    assert 0 < changes[late] / changes[0] < 0.2
    np.testing.assert_allclose(changes[NUM_STEPS], 0, atol=1e-4)


def test_they_need_not_fade(digits):
    first, last = (
        distorted(digits, (28, 28), step=step, settings=Namespace(augment=True, fading=0.0))
        for step in (0, NUM_STEPS - 1)
    )
    assert np.abs(last - digits).mean() == pytest.approx(np.abs(first - digits).mean(), rel=0.1)


def test_without_the_flag_nothing_is_added(digits):
    with tf.Graph().as_default():
        pixels = tf.constant(digits)
        no = Namespace(augment=False)
        result = augmentation.augment(pixels, (28, 28), no, tf.constant(True), NUM_STEPS)
        assert result is pixels


def test_no_distortion_of_size_zero_changes_anything(digits, monkeypatch):
    for size in ("ROTATION", "SCALING", "SLANT", "SHIFT", "PUSH"):
        monkeypatch.setattr(augmentation, size, 0.0)
    np.testing.assert_allclose(distorted(digits, (28, 28)), digits, atol=1e-4)
    np.testing.assert_allclose(distorted(digits, (14, 56)), digits, atol=1e-4)


def test_a_distorted_digit_is_still_there(digits):
    """Nothing is thrown out of the image: the ink stays, but for the change of its size."""
    ink = distorted(digits, (28, 28)).sum(axis=1) / digits.sum(axis=1)
    assert 0.9 < ink.mean() < 1.15
    assert ink.min() > 0.5


def test_bfloat16_moves_no_pixel(digits, tmp_path):
    """It rounds what is multiplied, brightness too, but not the place from which a pixel comes."""
    data = load_data(train_size=64)
    results = []
    for flags in ([], ["--bfloat16"]):
        settings = mnist_cnn.read_settings(["--augment", *flags, "--output-dir", str(tmp_path)])
        net = mnist_cnn.build_graph(settings, data)
        with new_session(net, settings) as session:
            ((images, _, _),) = net.graph.get_collection(augmentation.AUGMENTED)
            feed_dict = {net.x: data.train.images, net.y_true: data.train.labels}
            # With the loss, so that what is computed on the way to it is rounded.
            _, result = session.run([net.loss, images], feed_dict | {net.is_training: True})
            results.append(result)
    assert np.abs(results[0] - digits).mean() > 0.05
    np.testing.assert_allclose(results[1], results[0], atol=0.02)
