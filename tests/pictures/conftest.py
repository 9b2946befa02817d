"""Digits for the tests of pictures."""

from common.data import load_data

import numpy as np
import pytest


@pytest.fixture(scope="module")
def digits():
    """The first test image of each digit: uint8 [10, 28, 28]."""
    test = load_data().test
    first = [np.flatnonzero(test.labels == digit)[0] for digit in range(10)]
    return test.images[first].reshape(-1, 28, 28)
