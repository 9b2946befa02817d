"""common/run/familiarity.py and strokes.py: what a run notes about its training images."""

from dataclasses import replace

from common.data import load_data
from common.run import familiarity, strokes

import numpy as np
import pytest
from scipy import ndimage, stats

SHAPE = (20, 26)


@pytest.fixture(scope="module")
def random():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def blobs(random):
    """Images of random blobs, some of them with holes."""
    noise = ndimage.gaussian_filter(random.normal(size=(60, *SHAPE)), (0, 1.2, 1.2))
    return np.where(noise > 0.05, 255, 0).astype(np.uint8)


def test_the_euler_number_is_parts_less_holes(blobs):
    expected = []
    for image in blobs:
        ink = np.pad(image > 127, 1)
        _, parts = ndimage.label(ink, np.ones((3, 3)))
        _, papers = ndimage.label(~ink)  # one of them is around everything
        expected.append(parts - (papers - 1))
    counts = strokes.stroke_counts(blobs, SHAPE)
    np.testing.assert_array_equal(counts[:, 0], expected)
    assert len(set(expected)) > 3


def test_runs_are_the_strokes_that_a_line_crosses():
    image = np.zeros(SHAPE, np.uint8)
    image[4:16, [3, 9, 15]] = 255  # three vertical strokes
    image[4, 3:16] = 255  # joined at the top
    (counts,) = strokes.stroke_counts(image[None], SHAPE)
    _, in_row, mean_in_row, in_column, mean_in_column = counts
    assert in_row == 3
    assert mean_in_row == pytest.approx((1 + 11 * 3) / 12)
    assert in_column == 1
    assert mean_in_column == 1


def test_directions_turn_with_the_image(random):
    image = ndimage.gaussian_filter(random.uniform(0, 255, (1, 28, 28)), (0, 2, 2)).astype(np.uint8)
    found = strokes.edge_directions(image, (28, 28)).reshape(8, 7, 7)
    turned = strokes.edge_directions(np.rot90(image, axes=(1, 2)), (28, 28)).reshape(8, 7, 7)
    # A quarter turn against the clock: each direction becomes the one two places before.
    np.testing.assert_allclose(turned, np.roll(np.rot90(found, axes=(1, 2)), -2, axis=0), atol=1e-5)


def test_an_edge_is_found_where_it_is_and_in_its_direction():
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, :, 14:] = 255  # grows brighter to the right, in the middle
    found = strokes.edge_directions(image, (28, 28)).reshape(8, 7, 7)
    assert found.sum(axis=(1, 2)).argmax() == 0
    assert found.sum(axis=(0, 1)).argmax() == 3
    assert np.square(found).sum() == pytest.approx(1, abs=1e-4)
    assert not strokes.edge_directions(np.full((1, 28, 28), 90, np.uint8), (28, 28)).any()


@pytest.fixture(scope="module")
def learned(random):
    """What is noted about images of two classes, and images that were held out."""
    labels = np.arange(1400) % 2
    places = random.integers(4, 9, 1400)
    images = random.integers(0, 60, (1400, *SHAPE), dtype=np.uint8)
    for image, label, place in zip(images, labels, places, strict=True):
        image[place : place + 3] = 220 - 40 * label
        image[:, place : place + 2 + label] = 200
    images = images.reshape(1400, -1)
    probabilities = random.dirichlet([1, 1], 400).astype(np.float32)
    noted = familiarity.learn(images[:1000], labels[:1000], SHAPE, images[1000:], probabilities)
    return noted, images, labels, probabilities


def test_the_distance_is_that_of_a_normal_distribution(learned):
    noted, images, labels, _ = learned
    directions = strokes.edge_directions(images, SHAPE)
    values = (directions - directions[:1000].mean(axis=0)) @ noted.basis.astype(float)
    values = np.concatenate([values, 0.1 * strokes.stroke_counts(images, SHAPE)], axis=1)
    train = [values[:1000][labels[:1000] == k] for k in (0, 1)]
    pooled = sum(np.cov(v.T, bias=True) * len(v) for v in train) / 1000
    densities = []
    for own in train:
        covariance = np.cov(own.T, bias=True) * len(own) + familiarity.POOLED * pooled
        covariance = covariance / (len(own) + familiarity.POOLED) + 1e-5 * np.eye(len(pooled))
        normal = stats.multivariate_normal(own.mean(axis=0), covariance)
        densities.append(normal.logpdf(values[1000:]))
    expected = -2 * np.max(densities, axis=0) - len(pooled) * np.log(2 * np.pi)
    # The matrices are kept with 11 bits.
    np.testing.assert_allclose(noted._distance(images[1000:]), expected, atol=1.5, rtol=5e-3)


def test_the_scale_is_that_of_the_held_out_images(learned):
    noted, images, _, probabilities = learned
    parts = noted.measure(images[1000:], probabilities)
    measured = parts.sum(axis=1)
    assert np.median(measured) == pytest.approx(0, abs=1e-5)
    assert np.quantile(measured, 1 - familiarity.FALSE_ALARMS) == pytest.approx(1, abs=1e-5)
    # The more undecided the net, the larger its part.
    order = np.argsort(probabilities.max(axis=1))
    assert (np.diff(parts[order, 1]) <= 1e-12).all()


def test_a_file_is_read_as_it_was_written_or_not_at_all(learned, tmp_path):
    noted, images, _, probabilities = learned
    path = tmp_path / "familiarity.npz"
    noted.write(path)
    assert path.stat().st_size < 200_000
    again = familiarity.read(path, SHAPE, 2)
    np.testing.assert_array_equal(
        again.measure(images, probabilities[:1].repeat(1400, axis=0)),
        noted.measure(images, probabilities[:1].repeat(1400, axis=0)),
    )
    assert familiarity.read(path, SHAPE, 3) is None
    assert familiarity.read(path, (26, 20), 2) is None
    assert familiarity.read(tmp_path / "none.npz", SHAPE, 2) is None
    for change in (
        {"scales": noted.scales * np.nan},
        {"mean": noted.mean[1:]},
        {"basis": noted.mean},
    ):
        replace(noted, **change).write(path)
        assert familiarity.read(path, SHAPE, 2) is None
    replace(noted, offsets=np.array(["a", "b"])).write(path)
    assert familiarity.read(path, SHAPE, 2) is None
    content = path.read_bytes()
    for damaged in (b"", b"hello", content[: len(content) // 2], content[:-5]):
        path.write_bytes(damaged)
        assert familiarity.read(path, SHAPE, 2) is None


def test_with_few_validation_images_nothing_is_noted(tmp_path):
    data = load_data(train_size=300)
    answers = []

    def answer(images):
        answers.append(len(images))
        return np.full((len(images), 10), 0.1, np.float32)

    few = replace(data, validation=data.validation.first(familiarity.FEWEST - 1))
    familiarity.note(tmp_path / "few.npz", few, answer)
    assert not (tmp_path / "few.npz").exists()
    enough = replace(data, validation=data.validation.first(familiarity.FEWEST))
    familiarity.note(tmp_path / "enough.npz", enough, answer)
    assert sum(answers) == familiarity.FEWEST
    assert familiarity.read(tmp_path / "enough.npz", (28, 28), 10) is not None


def test_a_class_without_images_is_never_the_nearest(learned):
    noted, images, labels, probabilities = learned
    three = np.pad(probabilities, ((0, 0), (0, 1)))
    again = familiarity.learn(images[:1000], labels[:1000], SHAPE, images[1000:], three)
    np.testing.assert_allclose(
        again._distance(images[1000:]), noted._distance(images[1000:]), atol=0.1, rtol=1e-3
    )
