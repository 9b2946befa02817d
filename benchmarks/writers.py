"""Who wrote the digits: how many people, and what that does to validation and to intervals.

    python -m benchmarks.writers FOLDER --run runs/mnist_softmax runs/mnist_mlp runs/mnist_cnn

MNIST does not say who wrote which digit; QMNIST (https://github.com/facebookresearch/qmnist) found
out again. FOLDER holds two of its files, qmnist-train-labels-idx2-int.gz and
qmnist-test-labels-idx2-int.gz (1 MB together). With `--run` the errors of trained nets are counted
by writer: images of one person are alike, so 10,000 images say less than 10,000 people would.

Source: Yadav and Bottou, "Cold case: the lost MNIST digits", 2019 (arXiv 1905.10498).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import UserError
from common.datasets.idx import read_idx
from common.datasets.order import MAX_VALIDATION_IMAGES
from common.process.arguments import new_parser
from common.process.text import visible

import numpy as np

COMMAND = "python -m benchmarks.writers"
FILES = ("qmnist-train-labels-idx2-int", "qmnist-test-labels-idx2-int")
CLASS, WRITER = 0, 2  # columns of a row of QMNIST's labels
NUM_TRAIN, NUM_TEST = 60_000, 10_000  # QMNIST's first 10,000 test images are those of MNIST


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Count the writers, and the errors of runs by writer.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        what `count_writers` returns, and `runs`: for each run what `clustered_error` returns.

    Raises:
        UserError: a file is missing or is not what it should be.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder with QMNIST's labels")
    parser.add_argument(
        "--run",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="output directories of runs on MNIST (default: none)",
    )
    options = parser.parse_args(argv)
    train, test = (_read(options.folder, name) for name in FILES)
    train, test = train[:NUM_TRAIN], test[:NUM_TEST]
    found = count_writers(train[:, WRITER], test[:, WRITER])
    print(
        f"{found['train_writers']} people wrote the training images, {found['test_writers']} the "
        f"test images, {found['both']} both.\n"
        f"{found['validation_known']:.0%} of the validation images (the first "
        f"{MAX_VALIDATION_IMAGES:,} training images) are by people who also wrote other training "
        "images."
    )
    found["runs"] = {}
    for run in options.run:
        row = clustered_error(_correct(run, test), test[:, WRITER])
        found["runs"][str(run)] = row
        print(
            f"{visible(run)}: accuracy {row['accuracy']:.2%}, standard error {row['binomial']:.3%} "
            f"for independent images, {row['clustered']:.3%} for writers "
            f"({row['clustered'] / row['binomial']:.2f} times); errors in the first half of the "
            f"test images {row['first_half']}, in the second {row['second_half']}"
        )
    return found


def _read(folder: Path, name: str) -> np.ndarray:
    """Read one file of labels: int32 [n, 8]."""
    path = next(
        (folder / other for other in (f"{name}.gz", name) if (folder / other).exists()), None
    )
    if path is None:
        raise UserError(
            f"{folder} has no {name}.gz; take it from https://github.com/facebookresearch/qmnist."
        )
    labels = read_idx(path)
    if labels.ndim != 2 or labels.shape[1] <= WRITER or labels.dtype.kind not in "iu":
        raise UserError(
            f"{path} holds {labels.shape} values of type {labels.dtype}, not QMNIST's labels: a "
            "row of eight numbers for each image."
        )
    return labels


def _correct(run: Path, test: np.ndarray) -> np.ndarray:
    """Return which test images a run has classified correctly: bool [n]."""
    try:
        true, predicted = np.load(run / "predictions.npy").T
    except (OSError, ValueError) as error:
        raise UserError(
            f"{run} is not a finished run: its predictions.npy cannot be read ({error})."
        ) from None
    if len(true) != len(test) or np.any(true != test[:, CLASS]):
        raise UserError(f"{run} was tested on other images than those of QMNIST's label file.")
    return predicted == true


def count_writers(train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    """Count the people who wrote images.

    Args:
        train: integers [n], the writer of each training image; the first ones are for validation.
        test: integers [n], the writer of each test image.

    Returns:
        `train_writers`, `test_writers`, `both`, and `validation_known`, the fraction of the
        validation images whose writer has also written other training images.
    """
    validation, rest = train[:MAX_VALIDATION_IMAGES], train[MAX_VALIDATION_IMAGES:]
    return {
        "train_writers": len(np.unique(train)),
        "test_writers": len(np.unique(test)),
        "both": len(np.intersect1d(train, test)),
        "validation_known": float(np.isin(validation, rest).mean()),
    }


def clustered_error(correct: np.ndarray, writers: np.ndarray) -> dict[str, Any]:
    """Return the standard error of an accuracy, for independent images and for writers.

    Args:
        correct: bool [n], which images were classified correctly.
        writers: integers [n], who wrote them.

    Returns:
        `accuracy`; `binomial`, √(p (1 − p) / n); `clustered`, from the sums of the deviations of
        each writer's images; the numbers of errors in both halves of the images.

    Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models",
    Biometrika 73, 1986, for a mean.
    """
    accuracy, count = correct.mean(), len(correct)
    _, index = np.unique(writers, return_inverse=True)
    sums = np.bincount(index, weights=correct - accuracy)
    number = len(sums)
    half = count // 2
    return {
        "accuracy": float(accuracy),
        "binomial": float(np.sqrt(accuracy * (1 - accuracy) / count)),
        "clustered": float(np.sqrt(number / (number - 1) * np.square(sums).sum()) / count),
        "first_half": int(np.count_nonzero(~correct[:half])),
        "second_half": int(np.count_nonzero(~correct[half:])),
    }


if __name__ == "__main__":
    main()
