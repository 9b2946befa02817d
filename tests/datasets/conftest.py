"""Images of MNIST as an .npz file, changed as a test likes."""

from common.data import DataError, load_data

import numpy as np
import pytest
from idx_files import sentence_of


@pytest.fixture(scope="module")
def digits():
    """The arrays of an .npz file: 600 and 200 images of MNIST."""
    train, test = load_data(train_size=600).train, load_data().test.first(200)
    return {
        "x_train": train.images.reshape(-1, 28, 28),
        "y_train": train.labels.astype(np.int64),
        "x_test": test.images.reshape(-1, 28, 28),
        "y_test": test.labels.astype(np.int64),
    }


@pytest.fixture
def load(digits, tmp_path):
    """Load these arrays, changed by functions for all x or y, or by name."""

    def load(x=None, y=None, transpose=False, train_size=None, **changes):
        arrays = {}
        for name, array in digits.items():
            change = {"x": x, "y": y}[name[0]]
            arrays[name] = change(array) if change else array
        np.savez(tmp_path / "data.npz", **arrays | changes)
        return load_data(tmp_path / "data.npz", train_size, transpose)

    return load


@pytest.fixture
def refused(load):
    """Load arrays that are refused; return the sentence."""

    def refused(*args, **kwargs):
        with pytest.raises(DataError) as error:
            load(*args, **kwargs)
        return sentence_of(error)

    return refused
