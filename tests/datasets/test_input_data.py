"""common/datasets/input_data.py: the interface of TensorFlow 1's module, on this loader."""

import sys

from common.data import DEFAULT_DATA_DIR, DataError, load_data
from common.datasets import input_data
from common.datasets.idx import read_idx

import numpy as np
import pytest
import shell
import tensorflow as tf
from idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    sentence_of,
    write_data_set,
    write_idx,
)
from PIL import Image


@pytest.fixture(scope="module")
def mnist():
    return input_data.read_data_sets(one_hot=True, seed=1)


@pytest.fixture
def small(tmp_path):
    """Ten training images that can be told apart, two test images, no validation."""
    write_data_set(tmp_path, 10, 10)
    return input_data.read_data_sets(tmp_path, validation_size=0, seed=3)


def numbers_of(split, images):
    """Which examples these images are."""
    return [int(np.flatnonzero((split.images == image).all(axis=1))[0]) for image in images]


def test_the_default_split_is_that_of_load_data(mnist):
    """And 55,000, 5,000 and 10,000, as the tutorials print it."""
    reference = load_data()
    assert input_data.MNIST_FOLDER == DEFAULT_DATA_DIR
    assert [split.num_examples for split in mnist] == [55_000, 5_000, 10_000]
    for name in ("train", "validation", "test"):
        found, expected = getattr(mnist, name), getattr(reference, name)
        images = found.images[::25]  # some of them: it takes time
        assert images.dtype == np.float32
        np.testing.assert_array_equal(np.rint(images * 255), expected.images[::25])
        assert (images.min(), images.max()) == (0, 1)
        np.testing.assert_array_equal(found.cls, expected.labels)
        assert found.labels.shape == (len(expected), 10)
        np.testing.assert_array_equal(found.labels.sum(axis=1), 1)
        np.testing.assert_array_equal(found.labels.argmax(axis=1), expected.labels)


def test_each_example_once_in_an_epoch_and_the_rest_with_the_next(small):
    """Three epochs of ten examples in mini-batches of four: all have four."""
    shown, states = [], []
    for _ in range(8):
        images, labels = small.train.next_batch(4)
        shown += numbers_of(small.train, images)
        np.testing.assert_array_equal(labels, small.train.labels[shown[-4:]])
        states.append((small.train.epochs_completed, small.train.index_in_epoch))
    epochs = [shown[start : start + 10] for start in (0, 10, 20)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert list(range(10)) not in epochs
    # The original counts an epoch when a mini-batch needs examples of the next one.
    assert states == [(0, 4), (0, 8), (1, 2), (1, 6), (1, 10), (2, 4), (2, 8), (3, 2)]


def test_a_mini_batch_may_be_larger_than_the_split(small):
    images, labels = small.train.next_batch(25)
    assert images.shape == (25, 784)
    assert labels.shape == (25,)
    counts = np.bincount(numbers_of(small.train, images))
    assert sorted(set(counts)) == [2, 3]
    assert (small.train.epochs_completed, small.train.index_in_epoch) == (2, 5)


def test_without_shuffling_the_order_is_that_of_the_file(small):
    batches = [small.test.next_batch(4, shuffle=False)[0] for _ in range(3)]
    assert numbers_of(small.test, np.concatenate(batches)) == [*range(10), 0, 1]


def test_batches_are_rows_of_images(tmp_path):
    """Before `images` is asked for, and after it was changed in place."""
    write_data_set(tmp_path)
    train = input_data.read_data_sets(tmp_path).train
    first, labels = train.next_batch(55)
    assert first.dtype == np.float32
    found = numbers_of(train, first)
    np.testing.assert_array_equal(labels, train.labels[found])
    train.images[:] *= 0.5
    again, _ = train.next_batch(55)
    np.testing.assert_array_equal(np.sort(again, axis=0), np.sort(0.5 * first, axis=0))


def test_batches_are_copies(small):
    before = small.train.images.copy()
    images, labels = small.train.next_batch(10)
    images[:], labels[:] = 0, 0
    np.testing.assert_array_equal(small.train.images, before)


def test_the_seed_decides_the_order(tmp_path):
    write_data_set(tmp_path, 60, 60)

    def orders(seed):
        sets = input_data.read_data_sets(tmp_path, seed=seed, validation_size=0)
        return [numbers_of(s, s.next_batch(60)[0]) for s in (sets.train, sets.test)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)
    assert orders(None) != orders(None)
    train, test = orders(1)
    assert train != test


@pytest.mark.parametrize("dtype", [tf.uint8, np.uint8, "uint8", tf.float32, np.float32, "float32"])
def test_dtype_and_reshape(tmp_path, dtype):
    write_data_set(tmp_path, 60, 20, image_shape=(20, 30))
    sets = input_data.read_data_sets(tmp_path, dtype=dtype, reshape=False)
    flat = input_data.read_data_sets(tmp_path, dtype=dtype)
    assert [s.images.shape for s in sets] == [(55, 20, 30, 1), (5, 20, 30, 1), (20, 20, 30, 1)]
    assert [s.images.shape for s in flat] == [(55, 600), (5, 600), (20, 600)]
    np.testing.assert_array_equal(sets.test.images.reshape(20, 600), flat.test.images)
    is_float = getattr(dtype, "name", str(dtype)).find("float") >= 0
    assert flat.train.images.dtype == (np.float32 if is_float else np.uint8)
    assert flat.train.images.max() == (1 if is_float else 255)
    assert flat.train.next_batch(3)[0].dtype == flat.train.images.dtype
    assert flat.train.labels.dtype == np.uint8


@pytest.mark.parametrize(("size", "sizes"), [(0, (60, 0)), (7, (53, 7)), (60, (0, 60))])
def test_the_size_of_the_validation_split(tmp_path, size, sizes):
    write_data_set(tmp_path)
    sets = input_data.read_data_sets(tmp_path, validation_size=size)
    assert (sets.train.num_examples, sets.validation.num_examples) == sizes
    whole = input_data.read_data_sets(tmp_path, validation_size=0).train.images
    both = np.concatenate([sets.validation.images, sets.train.images])
    np.testing.assert_array_equal(both, whole)  # it is taken from the front


def test_classes_may_be_named(small):
    """As Hvass's tutorials do, in the object of the test split."""
    np.testing.assert_array_equal(small.test.cls, small.test.labels)
    small.test.cls = np.argmax(small.test.labels, axis=0)


@pytest.mark.parametrize("one_hot", [False, True])
def test_fake_data(one_hot, mnist):
    fake = input_data.read_data_sets("nowhere", fake_data=True, one_hot=one_hot)
    assert [split.num_examples for split in fake] == [10_000] * 3
    label = [1, *[0] * 9] if one_hot else 0
    for images, labels in (fake.train.next_batch(3), fake.test.next_batch(3, fake_data=True)):
        assert images.tolist() == [[1.0] * 784] * 3
        assert labels.tolist() == [label] * 3
    before = mnist.train.index_in_epoch
    images, labels = mnist.train.next_batch(2, fake_data=True)
    assert images.tolist() == [[1.0] * 784] * 2
    assert labels.tolist() == [[1, *[0] * 9]] * 2
    assert mnist.train.index_in_epoch == before


# Where the files are.


@pytest.mark.parametrize(
    ("folder", "url"),
    [("MNIST_data/", None), ("", "http://yann.lecun.com/exdb/mnist/"), ("empty", "")],
)
def test_a_folder_without_data_means_mnist_and_one_line(folder, url, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("1,2\n")  # no data of this kind
    sets = input_data.read_data_sets(folder, source_url=url, dtype=np.uint8)
    assert sets.train.num_examples == 55_000
    printed, said = capsys.readouterr()
    assert printed == ""
    (line,) = said.splitlines()
    assert line.endswith(f"has no data, so MNIST is read from {DEFAULT_DATA_DIR}")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "table.csv"]


def test_pictures_and_tables_are_not_replaced_by_mnist(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        for k, name in enumerate("ab"):
            (tmp_path / "letters" / part / name).mkdir(parents=True)
            for n in range(12):
                picture = Image.fromarray(np.full((28, 28), 100 * k + n, np.uint8))
                picture.save(tmp_path / "letters" / part / name / f"{n}.png")
    sets = input_data.read_data_sets("letters", validation_size=0, one_hot=True)
    assert sets.train.labels.shape == (24, 2)
    for file in ("letters.csv", "letters.npz"):
        (tmp_path / file[-3:]).mkdir()
        (tmp_path / file[-3:] / file).write_text("1,2\n")
        with pytest.raises(DataError, match=f"but {file}; if .* name it: train_dir {file[-3:]}"):
            input_data.read_data_sets(file[-3:])
    assert "MNIST" not in capsys.readouterr().err


def test_other_data_are_read_and_never_downloaded(tmp_path, capsys):
    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    with pytest.raises(ValueError, match="nothing is downloaded from source_url http://fash") as e:
        input_data.read_data_sets(tmp_path / "fashion", source_url=url)
    assert "put its four files into" in sentence_of(e)
    write_data_set(tmp_path / "fashion")
    sets = input_data.read_data_sets(str(tmp_path / "fashion"), source_url=url)
    assert [split.num_examples for split in sets] == [55, 5, 20]
    assert capsys.readouterr() == ("", "")


def test_more_than_ten_classes_and_transposed_images(tmp_path, capsys):
    write_data_set(tmp_path, 120, 52, num_classes=26, image_shape=(20, 30))
    sets = input_data.read_data_sets(tmp_path, one_hot=True, transpose=True, reshape=False)
    assert sets.train.labels.shape == (110, 26)
    assert sets.train.images.shape == (110, 30, 20, 1)
    images, labels = (read_idx(tmp_path / name) for name in (TEST_IMAGES, TEST_LABELS))
    np.testing.assert_array_equal(np.rint(sets.test.images[..., 0] * 255), images.swapaxes(1, 2))
    np.testing.assert_array_equal(sets.test.cls, labels)


def test_what_the_loader_says_is_said_without_flags(tmp_path, capsys):
    write_data_set(tmp_path)
    for path in tmp_path.glob("t*-ubyte.gz"):
        path.rename(tmp_path / f"emnist-{path.name.replace('t10k', 'test')}")
    input_data.read_data_sets(tmp_path)
    said = capsys.readouterr().err
    assert said.startswith("input_data: WARNING: the images of EMNIST's files are transposed")
    assert said.endswith("use transpose=True\n")


# What is refused, in a sentence.


def test_a_damaged_or_incomplete_folder_is_not_replaced_by_mnist(tmp_path):
    write_data_set(tmp_path)
    (tmp_path / TEST_LABELS).unlink()
    with pytest.raises(DataError, match=f"has no {TEST_LABELS}.*choose one with train_dir") as e:
        input_data.read_data_sets(tmp_path)
    assert "--" not in sentence_of(e)
    write_idx(tmp_path / TEST_LABELS, np.arange(20, dtype=np.uint8) % 10)
    (tmp_path / TEST_IMAGES).write_text("<html>")
    with pytest.raises(DataError, match="a web page") as e:
        input_data.read_data_sets(tmp_path)
    sentence_of(e)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"validation_size": -1}, ValueError, "from 0 to 60, .*, not -1"),
        ({"validation_size": 61}, ValueError, "from 0 to 60, .*, not 61"),
        ({"dtype": tf.float64}, TypeError, "dtype must be float32, .* or uint8"),
        ({"dtype": "pixels"}, TypeError, "not 'pixels'"),
        ({"seed": -1}, ValueError, "non-negative"),
    ],
)
def test_arguments_that_cannot_be(tmp_path, arguments, kind, words):
    write_data_set(tmp_path)
    with pytest.raises(kind, match=words):
        input_data.read_data_sets(tmp_path, **arguments)


def test_mini_batches_that_cannot_be(tmp_path):
    write_data_set(tmp_path)
    sets = input_data.read_data_sets(tmp_path, validation_size=0)
    for size in (0, -3):
        with pytest.raises(ValueError, match=f"at least 1 example, not {size}"):
            sets.train.next_batch(size)
    with pytest.raises(ValueError, match="no examples; choose another validation_size"):
        sets.validation.next_batch(1)


def test_it_loads_no_tensorflow():
    program = (
        "import sys; from common.datasets import input_data; "
        "print([name for name in sys.modules if name.startswith(('tensorflow', 'scipy', 'PIL'))])"
    )
    assert shell.run("-c", program)[0] == "[]\n"
    assert "tensorflow" in sys.modules  # here it is
