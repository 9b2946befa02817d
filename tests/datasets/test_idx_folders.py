"""common/datasets/idx_folders.py: IDX files named like EMNIST's, and names of classes."""

from common.data import DataError, load_data
from common.datasets.idx import read_idx

import numpy as np
import pytest
from idx_files import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    sentence_of,
    write_data_set,
    write_idx,
)


def digits(count):
    return (np.arange(count) % 10).astype(np.int32)


def write_emnist(folder, split="letters", **changes):
    write_data_set(folder)
    for name, array in changes.items():
        write_idx(folder / {"labels": TRAIN_LABELS, "test_labels": TEST_LABELS}[name], array)
    for path in folder.glob("t*-ubyte.gz"):
        path.rename(folder / f"emnist-{split}-{path.name.replace('t10k', 'test')}")
    return folder


def test_emnist_by_its_names_with_labels_from_one(tmp_path):
    first = {"labels": digits(60) + 1, "test_labels": digits(20) + 1}
    sets = load_data(write_emnist(tmp_path, **first))
    assert sets.class_names == tuple(map(str, range(1, 11)))
    assert sets.test.labels.tolist() == digits(20).tolist()
    numbered, transposed = sets.conventions.remarks
    assert "from 1 to 10 were numbered from 0" in numbered
    assert "use --transpose" in transposed
    assert len(load_data(tmp_path, transpose=True).conventions.remarks) == 1
    (tmp_path / "emnist-letters-mapping.txt").write_text(
        "".join(f"{k} {64 + k} {96 + k}\n" for k in range(1, 11))
    )
    assert load_data(tmp_path).class_names == tuple("ABCDEFGHIJ")
    (tmp_path / "classes.txt").write_text("\n".join("klmnopqrst") + "\n")
    assert load_data(tmp_path).class_names == tuple("klmnopqrst")

    write_emnist(tmp_path, "digits")
    with pytest.raises(
        DataError, match=r"several data sets.*emnist-digits-train.*emnist-letters-tr"
    ):
        load_data(tmp_path)
    (tmp_path / "emnist-letters-test-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(
        DataError, match="one of four files, but those of the test labels are missing"
    ):
        load_data(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz")
    (tmp_path / "classes.txt").unlink()
    chosen = tmp_path / "emnist-digits-train-images-idx3-ubyte.gz"
    assert load_data(chosen).class_names == tuple("0123456789")


def test_conventions_are_those_of_other_files(tmp_path):
    """Rows of floats from 0 to 1, and one-hot labels: the same images and numbers."""
    sets = load_data(write_data_set(tmp_path))
    images, labels = (read_idx(tmp_path / name) for name in (TRAIN_IMAGES, TRAIN_LABELS))
    write_idx(tmp_path / TRAIN_IMAGES, (images / 255).astype("f4").reshape(60, 784))
    write_idx(tmp_path / TRAIN_LABELS, np.eye(10, dtype=np.uint8)[labels])
    test = read_idx(tmp_path / TEST_IMAGES)
    write_idx(tmp_path / TEST_IMAGES, (test / 255).astype("f4"))
    other = load_data(tmp_path)
    assert other.fingerprint() == sets.fingerprint()
    assert np.array_equal(other.test.images, sets.test.images)
    assert "pixels from 0 to 1 were scaled to 0 to 255" in other.describe()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a\nb\n", r"classes.txt: too few names \(2\), since .*train-labels"),
        ("\n".join("abcdefghia"), "classes 0 and 9 are both called 'a'"),
        ("\n".join("abcdefgh\x07i"), "cannot be printed"),
        ("\n".join("abcdefghijk"), "no training image of the class k .*classes.txt"),
        ("\xff", "classes.txt cannot be read"),
    ],
)
def test_bad_names_of_classes_are_refused(tmp_path, text, match):
    write_data_set(tmp_path)
    (tmp_path / "classes.txt").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=match) as error:
        load_data(tmp_path)
    sentence_of(error)
