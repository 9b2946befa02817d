"""common/comparison/: distorted images and calibration, against NumPy and scikit-learn."""

from common.comparison import distortions, mnist_c, robustness
from common.comparison.distortions import DISTORTIONS

import numpy as np
import pytest
from sklearn.metrics import log_loss


@pytest.fixture(scope="module")
def images():
    """Float32 [20, 28, 28] from 0 to 1: squares of random grey, away from the edge."""
    images = np.zeros((20, 28, 28), np.float32)
    images[:, 8:20, 9:19] = np.random.default_rng(0).random((20, 12, 10), np.float32)
    return images


def distorted(images, name, strength):
    return list(DISTORTIONS[name].apply(images, strength, np.random.default_rng(0)))


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_neutral_strength_changes_nothing_and_the_others_do(images, name):
    for strength in DISTORTIONS[name].strengths:
        for version in distorted(images, name, strength):
            assert version.shape == images.shape
            assert version.dtype == np.float32
            same = np.allclose(version, images, atol=1e-6)
            assert same == (strength == DISTORTIONS[name].neutral)


def test_a_shift_moves_every_pixel_and_loses_what_leaves_the_image(images):
    expected = [
        np.roll(images, 3 * step, axis) for step, axis in [(-1, 1), (1, 2), (1, 1), (-1, 2)]
    ]
    np.testing.assert_array_equal(distorted(images, "shift", 3), expected)
    assert not distortions.shifted(images, 0, 20)[:, :, :20].any()
    assert distortions.shifted(images, 28, 0).sum() == 0


def test_a_quarter_turn_is_that_of_numpy(images):
    left, right = distorted(images, "rotation", 90)
    np.testing.assert_allclose(left, np.rot90(images, 1, (1, 2)), atol=1e-5)
    np.testing.assert_allclose(right, np.rot90(images, -1, (1, 2)), atol=1e-5)


def test_half_the_size_has_a_quarter_of_the_ink_in_half_the_width():
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 6:22, 10:18] = 1
    (smaller,) = distorted(image, "size", 0.5)
    assert smaller.sum() == pytest.approx(image.sum() / 4, rel=0.01)
    rows, columns = np.nonzero(smaller[0] > 0.5)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (8, 4)


def test_strokes_widen_by_a_pixel_on_each_side():
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 10:18, 13:15] = 1
    (wider,), (narrower,) = (distorted(image, "stroke width", pixels) for pixels in (1, -1))
    assert wider[0, 14].sum() == 4
    assert narrower.sum() == 0
    assert distorted(image, "stroke width", 0.5)[0][0, 14].tolist()[12:16] == [0.5, 1, 1, 0.5]


def test_noise_has_the_strength_that_it_says():
    grey = np.full((50, 28, 28), 0.5, np.float32)
    (noisy,) = distorted(grey, "Gaussian noise", 0.1)
    assert noisy.std() == pytest.approx(0.1, rel=0.02)
    (dotted,) = distorted(grey, "salt and pepper", 0.3)
    assert np.mean(dotted == 0) == pytest.approx(0.15, abs=0.01)
    assert np.mean(dotted == 1) == pytest.approx(0.15, abs=0.01)
    (erased,) = distorted(grey, "erased square", 6)
    assert np.all((erased == 0).sum(axis=(1, 2)) == 36)


# MNIST-C.


def corrupted(name, images):
    return mnist_c.CORRUPTIONS[name](images, np.random.default_rng(0))


def test_all_corruptions_keep_the_shape_and_change_the_images(images):
    assert len(mnist_c.CORRUPTIONS) == 12
    for name in mnist_c.CORRUPTIONS:
        result = corrupted(name, images)
        assert result.shape == images.shape
        assert np.isfinite(result).all()
        assert np.abs(result.clip(0, 1) - images).mean() > 0.005, name


def test_corruptions_by_hand(images):
    stripe = corrupted("stripe", images)
    np.testing.assert_allclose(stripe[:, :, :7], 1 - images[:, :, :7])
    np.testing.assert_array_equal(stripe[:, :, 7:21], images[:, :, 7:21])
    np.testing.assert_array_equal(corrupted("brightness", images), images + 0.5)
    moved = corrupted("translate", images)
    corners = [np.roll(images, (3 * dy, 3 * dx), (1, 2)) for dy in (-1, 1) for dx in (-1, 1)]
    assert all(any(np.array_equal(m, c[k]) for c in corners) for k, m in enumerate(moved))
    full = np.ones((2000, 28, 28), np.float32)
    # A count of 3 photons or more is full ink: P(0) = exp(-3).
    assert np.mean(corrupted("shot noise", full) == 0) == pytest.approx(np.exp(-3), abs=0.002)
    assert corrupted("glass blur", full).min() > 0.999  # exchanging equal pixels changes nothing


def test_lines_go_from_edge_to_edge():
    empty = np.zeros((200, 28, 28), np.float32)
    dotted = corrupted("dotted line", empty)
    on = np.arange(28) // 2 % 2 == 1
    assert not dotted[:, :, ~on].any()
    assert (dotted[:, :, on].max(axis=1)[:, :-1] > 0.5).all()
    zigzag = corrupted("zigzag", empty)
    assert not zigzag[:, :, :2].any()
    assert (zigzag[:, :, 4:20].max(axis=1) > 0).mean() > 0.8


# Accuracy and calibration.


def test_accuracies_are_means_over_the_versions_of_an_image():
    """A classifier that says in which half the ink is, by hand."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 13, 13] = 255

    def left_or_right(images):
        left = images[:, :, :14].any(axis=(1, 2))
        return np.stack([left, ~left], axis=1).astype(np.float32)

    found = robustness.measure_distortion(
        [[left_or_right], [left_or_right, left_or_right]][:1],
        *(image, np.array([0]), DISTORTIONS["shift"], (0, 1, 20)),
    )
    # One direction of four moves it into the right half; 20 pixels move it out of the image.
    assert found.tolist() == [[[1.0], [0.75], [0.0]]]


def test_calibration_by_scikit_learn_and_by_hand():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(10, 0.3), 500)
    labels = rng.integers(0, 10, 500)
    found = robustness.calibration(probabilities, labels)
    assert found["log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(10)))
    one_hot = np.eye(10)[labels]
    assert found["brier"] == pytest.approx(((probabilities - one_hot) ** 2).sum(axis=1).mean())
    # Four answers in two bins: 0.9 and 0.9 (one right), 0.6 and 0.6 (both right).
    four = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.4, 0.6]])
    found = robustness.calibration(four, np.array([0, 0, 0, 1]))
    assert found["calibration_error"] == pytest.approx((abs(1.8 - 1) + abs(1.2 - 2)) / 4)
    assert found["confidence"] == pytest.approx(0.75)


def test_perfect_answers_have_no_calibration_error():
    found = robustness.calibration(np.eye(3), np.arange(3))
    assert found == {"log_loss": 0, "brier": 0, "calibration_error": 0, "confidence": 1}
