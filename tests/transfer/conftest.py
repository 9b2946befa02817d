"""Digits split by class, and a CNN trained on the first half of them."""

import mnist_cnn
from common.datasets.idx import read_idx

import idx_files
import numpy as np
import pytest
import transfers


@pytest.fixture(scope="session")
def digits(shared):
    """Two folders with real images: of the digits 0 to 4, and of 5 to 9 with labels 0 to 4."""

    def write(folder):
        for name, first in (("low", 0), ("high", 5)):
            (folder / name).mkdir()
            for images_name, labels_name, part in (
                (idx_files.TRAIN_IMAGES, idx_files.TRAIN_LABELS, slice(6_500)),
                # MNIST's first 5,000 test images are easier than the others: take some of both.
                (idx_files.TEST_IMAGES, idx_files.TEST_LABELS, slice(None, None, 2)),
            ):
                images = read_idx(idx_files.MNIST / images_name)
                labels = read_idx(idx_files.MNIST / labels_name)
                chosen = np.flatnonzero((labels >= first) & (labels < first + 5))[part]
                idx_files.write_idx(folder / name / images_name, images[chosen])
                idx_files.write_idx(folder / name / labels_name, labels[chosen] - np.uint8(first))

    folder = shared.folder("digits", write)
    return {name: folder / name for name in ("low", "high")}


@pytest.fixture(scope="session")
def source(shared, digits):
    """A CNN trained a little on 0 to 4."""

    def train(folder):
        flags = ["--data-dir", digits["low"], "--epochs", 2, "--output-dir", folder]
        transfers.run(*flags, script=mnist_cnn)

    return shared.folder("source", train)
