"""Folders of pictures → the arrays of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common import UserError
from common.datasets.arrays import Arrays
from common.datasets.idx import MAX_ARRAY_BYTES, DataError, times
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError, list_pictures, read_picture

import numpy as np
from tqdm import tqdm

# A folder tree is sorted by class, and the validation split is taken from the front.
SHUFFLE_SEED = 0


def read_folder_tree(folder: Path | str, prepared_shape: tuple[int, int] | None = None) -> Arrays:
    """Read `train/<class name>/*` and `test/<class name>/*`: grey pictures of one size.

    The classes are numbered in the order of their names (2 before 10). The training pictures are
    put into a random order that is always the same.

    Args:
        folder: the folder with `train` and `test` in it.
        prepared_shape: prepare each picture as MNIST was, for images of this height and width;
            None takes them as they are.

    Raises:
        DataError: no test folder, fewer than two classes, a class without pictures, pictures of
            several sizes, or one that cannot be read.
    """
    folder = Path(folder)
    names = _class_names(folder / "train")
    test_names = _class_names(folder / "test")
    for name in sorted(set(names) ^ set(test_names)):
        there, missing = ("train", "test") if name in names else ("test", "train")
        raise DataError(
            f"{folder / there} has a class {name!r} but {folder / missing} has not; put pictures "
            "of every class into both."
        )
    if len(names) < 2:
        raise DataError(
            f"{folder / 'train'} has only the class {names[0]!r}; to tell classes apart, two or "
            "more folders of pictures are needed."
        )
    shape: list[tuple[int, int]] = [prepared_shape] if prepared_shape else []
    images, labels = _read_classes(folder / "train", names, shape, prepared_shape is not None)
    test = _read_classes(folder / "test", names, shape, prepared_shape is not None)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(images))
    return Arrays(images[order], labels[order], *test, names)


def _class_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in `folder`, numbers in the order of their values."""
    try:
        names = [path.name for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"{folder} cannot be read ({reason}); a data set of pictures has "
            f"{folder.parent}/train/CLASS/*.png and {folder.parent}/test/CLASS/*.png: move about "
            "one picture in seven from each class of train to test."
        ) from None
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise DataError(f"{folder} has no folders in it; make one with pictures for each class.")
    for name in names:
        if not name.isprintable():
            raise DataError(
                f"{folder} has a folder whose name cannot be printed: {name!r}; rename it."
            )
    return tuple(sorted(names, key=lambda n: (0, int(n), n) if n.isdecimal() else (1, 0, n)))


def _read_classes(
    folder: Path, names: Sequence[str], shape: list[tuple[int, int]], prepared: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of all classes; `shape` gets the size of the first and binds the others."""
    try:
        files = [(path, k) for k, name in enumerate(names) for path in list_pictures(folder / name)]
    except PictureError as problem:
        raise DataError(f"{problem}") from None
    labels = np.array([label for _, label in files], np.int32)
    images: np.ndarray | None = None
    for k, (path, _) in enumerate(tqdm(files, desc=f"Pictures of {folder.name}", disable=None)):
        try:
            if prepared:
                image = prepare(path, shape[0], unchanged=False).images[0]
            else:
                picture = read_picture(path, working_side=2**16)
                image = picture.grey()
        except UserError as problem:
            raise DataError(f"{problem}") from None
        shape = shape or [image.shape]
        if image.shape != shape[0]:
            raise DataError(
                f"{path} has {times(image.shape)} pixels and the pictures before it "
                f"{times(shape[0])}; bring all to one size, for example with python -m "
                f"common.datasets {folder.parent} prepared.npz, which prepares them as MNIST was."
            )
        if images is None:
            if len(files) * image.nbytes > MAX_ARRAY_BYTES:
                raise DataError(
                    f"{folder} has {len(files):,} pictures of {times(image.shape)} pixels, more "
                    f"than the {MAX_ARRAY_BYTES:,} bytes allowed; make them smaller."
                )
            images = np.empty((len(files), *image.shape), np.uint8)
        images[k] = image
    return images, labels
