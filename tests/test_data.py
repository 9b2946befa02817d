"""common/data.py: the splits of a data set, and its mini-batches."""

from dataclasses import replace

from common import data
from common.data import DataError, TrainSizeError, load_data, mini_batch_indices
from common.datasets.idx import read_idx

import numpy as np
import pytest
import shell
from hypothesis import given, settings
from hypothesis import strategies as st
from idx_files import MEGABYTE, MNIST, TRAIN_IMAGES, TRAIN_LABELS, memory_below, write_data_set


@pytest.fixture(scope="module")
def mnist():
    return load_data()


def test_mnist_has_the_splits_of_read_data_sets(mnist):
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert mnist.image_shape == (28, 28)
    assert mnist.class_names == tuple("0123456789")
    assert (mnist.num_pixels, mnist.num_classes) == (784, 10)
    assert mnist.conventions == ("light on dark", False, 255, (), True, True)
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.images.shape == (len(split), 784)
        assert split.images.dtype == np.uint8
        assert split.labels.shape == (len(split),)
        assert split.labels.dtype == np.int32


def test_mnist_keeps_the_order_of_the_files(mnist):
    assert mnist.validation.labels[:5].tolist() == [5, 0, 4, 1, 9]
    all_labels = read_idx(MNIST / TRAIN_LABELS)
    all_images = read_idx(MNIST / TRAIN_IMAGES)
    assert mnist.train.labels[0] == all_labels[5_000]
    assert np.array_equal(mnist.train.images[-1], all_images[-1].ravel())
    assert np.array_equal(mnist.validation.images[4_999], all_images[4_999].ravel())
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_mnist_can_be_transposed_but_not_without_a_warning(mnist):
    other = load_data(transpose=True)
    for name in ("train", "validation", "test"):
        images = getattr(mnist, name).images[:50].reshape(-1, 28, 28)
        found = getattr(other, name).images[:50].reshape(-1, 28, 28)
        assert np.array_equal(found, images.transpose(0, 2, 1))
    assert "MNIST's images are upright" in other.describe()


def test_mnist_takes_no_memory_twice():
    content = 60_000 * 784 + 10_000 * 784
    with memory_below(content * 9 // 8 + 4 * MEGABYTE, expect_reached=content):
        load_data()


def test_train_size_takes_the_first_examples_and_leaves_the_other_splits(mnist):
    small = load_data(train_size=1_000)
    assert np.array_equal(small.train.images, mnist.train.images[:1_000])
    assert np.array_equal(small.train.labels, mnist.train.labels[:1_000])
    assert (len(small.validation), len(small.test)) == (5_000, 10_000)


@pytest.mark.parametrize("train_size", [5_501, 0, -1])
def test_train_size_out_of_range_says_how_many_there_are(tmp_path, train_size):
    write_data_set(tmp_path, num_train=6_000, image_shape=(1, 1))
    assert len(load_data(tmp_path, train_size=5_500).train) == 5_500
    with pytest.raises(TrainSizeError, match=r"from 1 to 5,500, not .* 500 for validation"):
        load_data(tmp_path, train_size)
    assert TrainSizeError.exit_status == 2  # wrong usage; all other errors here are 1
    assert DataError.exit_status == 1


def test_the_fingerprint_is_of_all_that_training_sees_and_of_nothing_else(tmp_path):
    sets = load_data(write_data_set(tmp_path))
    assert load_data(tmp_path).fingerprint() == sets.fingerprint()

    def changed(split, field):
        array = getattr(getattr(sets, split), field).copy()
        array.flat[-1] ^= 1
        return replace(sets, **{split: replace(getattr(sets, split), **{field: array})})

    assert changed("train", "images").fingerprint() != sets.fingerprint()
    assert changed("train", "labels").fingerprint() != sets.fingerprint()
    assert changed("validation", "images").fingerprint() != sets.fingerprint()
    assert changed("validation", "labels").fingerprint() != sets.fingerprint()
    assert changed("test", "labels").fingerprint() == sets.fingerprint()


def test_this_module_does_not_need_tensorflow():
    program = "import common.data, sys; assert 'tensorflow' not in sys.modules"
    shell.run("-c", program)


# Mini-batches.

some_examples = st.integers(1, 200)
some_batch_size = st.integers(1, 250)
some_seed = st.integers(0, 2**32)


@settings(deadline=None, max_examples=50)
@given(some_examples, some_batch_size, some_seed, st.integers(0, 5))
def test_every_example_stands_once_in_an_epoch(num_examples, batch_size, seed, epoch):
    steps = data.steps_per_epoch(num_examples, batch_size)
    batches = [
        mini_batch_indices(num_examples, batch_size, seed, step)
        for step in range(epoch * steps, (epoch + 1) * steps)
    ]
    assert sorted(np.concatenate(batches).tolist()) == list(range(num_examples))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) == num_examples - batch_size * (steps - 1)


@settings(deadline=None, max_examples=50)
@given(some_examples, some_batch_size, some_seed, st.lists(st.integers(0, 300), max_size=10))
def test_a_mini_batch_depends_on_seed_and_step_only(num_examples, batch_size, seed, steps):
    def batch(step):
        return mini_batch_indices(num_examples, batch_size, seed, step).tolist()

    forth = {step: batch(step) for step in steps}
    data._order_of_epoch.cache_clear()
    assert {step: batch(step) for step in reversed(steps)} == forth


def test_seeds_and_epochs_differ():
    orders = {
        tuple(mini_batch_indices(100, 100, seed, epoch))
        for seed in range(20)
        for epoch in range(20)
    }
    assert len(orders) == 400
    assert tuple(range(100)) not in orders


def test_the_order_is_the_one_of_the_recorded_results():
    """If a new NumPy shuffles differently, the numbers in the README must be measured again."""
    assert mini_batch_indices(55_000, 4, seed=0, step=0).tolist() == [42515, 13075, 39798, 29444]
    assert mini_batch_indices(55_000, 4, seed=1, step=13_750).tolist() == [
        17495,
        25109,
        25830,
        29469,
    ]


def test_a_batch_has_each_image_with_its_label():
    split = data.Split(np.arange(12, dtype=np.uint8).reshape(4, 3), np.arange(4, dtype=np.int32))
    images, labels = split.take(np.array([3, 0]))
    assert images.tolist() == [[9, 10, 11], [0, 1, 2]]
    assert labels.tolist() == [3, 0]


def test_steps_per_epoch_rounds_up():
    assert data.steps_per_epoch(55_000, 64) == 860
    assert data.steps_per_epoch(55_000, 100) == 550
    assert data.steps_per_epoch(10, 64) == 1


def test_a_batch_larger_than_the_set_is_the_whole_set():
    assert sorted(mini_batch_indices(10, 64, 0, 7)) == list(range(10))


def test_the_order_is_made_once_per_epoch_and_cannot_be_changed():
    data._order_of_epoch.cache_clear()
    for step in range(1_000):
        batch = mini_batch_indices(1_000, 10, 3, step)
    assert data._order_of_epoch.cache_info().misses == 10
    with pytest.raises(ValueError, match="read-only"):
        batch[0] = 0
