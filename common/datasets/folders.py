"""Folders of pictures → the contents of a data set.

train/CLASS/1.png    test/CLASS/8.png    and, if there is one, val/CLASS/9.png
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from common import UserError
from common.datasets.arrays import Contents, Part
from common.datasets.idx import MAX_ARRAY_BYTES, DataError, times
from common.datasets.labels import in_order
from common.pictures.listing import LeftOut, list_pictures
from common.pictures.preparation import prepare
from common.pictures.reading import PictureError, read_picture

import numpy as np
from tqdm import tqdm

# The names that the folders of the three parts may have, in small or capital letters.
TRAIN, TEST = ("train", "training"), ("test", "testing")
VALIDATION = ("val", "valid", "validation")
# A picture whose lightest pixel is below the first step of 8 bits has 8 bits in a place for 16.
DARKEST = 1 / 255.5
# Least difference of red, green and blue, from 0 to 1: compression makes smaller ones.
COLOURED = 0.1


def is_folder_tree(folder: Path) -> bool:
    """Say whether a folder holds a folder of training pictures."""
    with suppress(OSError):  # what cannot be read is reported elsewhere
        return any(path.name.lower() in TRAIN and path.is_dir() for path in folder.iterdir())
    return False


def read_folder_tree(folder: Path | str, prepared_shape: tuple[int, int] | None = None) -> Contents:
    """Read `train/<class name>/*` and `test/<class name>/*`: grey pictures of one size.

    The classes are numbered in the order of their names (2 before 10). `val/` is the
    validation split, if there is one. What is in the folders but is no picture is left out, and a
    remark says so.

    Args:
        folder: the folder with `train` and `test` in it.
        prepared_shape: prepare each picture as MNIST was, for images of this height and width;
            None takes them as they are.

    Raises:
        DataError: no test folder, fewer than two classes, a class without pictures, pictures of
            several sizes, or one that cannot be read.
    """
    folder = Path(folder)
    left_out = LeftOut()
    train, test, validation = _parts_of(folder, left_out)
    names, test_names = _class_names(train, left_out), _class_names(test, left_out)
    for name in in_order(set(names) ^ set(test_names)):
        there, missing = (train, test) if name in names else (test, train)
        raise DataError(
            f"{there} has a class {name!r} but {missing} has not; put pictures of every class "
            "into both."
        )
    if len(names) < 2:
        raise DataError(
            f"{train} has only the class {names[0]!r}; to tell classes apart, two or more folders "
            "of pictures are needed."
        )
    shape: list[tuple[int, int]] = [prepared_shape] if prepared_shape else []
    prepared = prepared_shape is not None
    remarks: list[str] = []
    images, labels = _read_classes(train, names, shape, prepared, left_out, remarks)
    parts = [(images, labels, train)]
    parts += [(*_read_classes(test, names, shape, prepared, left_out, remarks), test)]
    if validation:
        own = _class_names(validation, left_out)
        if unknown := sorted(set(own) - set(names)):
            raise DataError(
                f"{validation} has a class {unknown[0]!r} but {train} has not; put pictures of it "
                "into both."
            )
        read = _read_classes(validation, names, shape, prepared, left_out, remarks, own)
        parts.append((*read, validation))
    sentence = left_out.sentence(folder)
    remarks += [sentence] if sentence else []
    return Contents(
        *(Part(x, y, str(where), str(where)) for x, y, where in parts),
        class_names=names,
        names_from=str(train),
        remarks=tuple(remarks),
        in_order=True,
    )


def _parts_of(folder: Path, left_out: LeftOut) -> tuple[Path, Path, Path | None]:
    """Return the folders for training, testing and, if there is one, validation."""
    found: dict[tuple[str, ...], Path] = {}
    for path in _entries(folder):
        part = next((p for p in (TRAIN, TEST, VALIDATION) if path.name.lower() in p), None)
        if part and path.is_dir():
            if part in found:
                raise DataError(
                    f"{found[part]} and {path} both look like the folder for one part of the data; "
                    "keep one of them there."
                )
            found[part] = path
        elif not path.name.startswith("."):
            left_out.add(path, f"beside {TRAIN[0]}")
    train = found.get(TRAIN, folder / TRAIN[0])
    return train, found.get(TEST, folder / TEST[0]), found.get(VALIDATION)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"{folder} cannot be read ({reason}); a data set of pictures has "
            f"{folder.parent}/train/CLASS/*.png and {folder.parent}/test/CLASS/*.png: move about "
            "one picture in seven from each class of train to test."
        ) from None


def _class_names(folder: Path, left_out: LeftOut) -> tuple[str, ...]:
    """Return the names of the folders in `folder`, numbers in the order of their values."""
    names = []
    for path in _entries(folder):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            names.append(path.name)
        else:
            left_out.add(path, "outside the folders of the classes")
    if not names:
        raise DataError(f"{folder} has no folders in it; make one with pictures for each class.")
    for name in names:
        if not name.isprintable():
            raise DataError(
                f"{folder} has a folder whose name cannot be printed: {name!r}; rename it."
            )
    return tuple(in_order(names))


def _read_classes(
    folder: Path,
    names: Sequence[str],
    shape: list[tuple[int, int]],
    prepared: bool,
    left_out: LeftOut,
    remarks: list[str],
    present: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures of all classes; `shape` gets the size of the first and binds the others."""
    present = names if present is None else present
    try:
        files = [
            (path, k)
            for k, name in enumerate(names)
            if name in present
            for path in list_pictures(folder / name)
        ]
    except PictureError as problem:
        raise DataError(f"{problem}") from None
    for name in present:
        left_out.add_from(folder / name, "inside the folder of a class")
    labels = np.array([label for _, label in files], np.int32)
    images: np.ndarray | None = None
    coloured = narrow = 0
    for k, (path, _) in enumerate(tqdm(files, desc=f"Pictures of {folder.name}", disable=None)):
        try:
            if prepared:
                image = prepare(path, shape[0], unchanged=False).images[0]
            else:
                picture = read_picture(path, working_side=2**16)
                coloured += bool(np.ptp(picture.colours, axis=2).max() > COLOURED)
                if 0 < picture.colours.max() < DARKEST:
                    narrow += 1
                    picture = replace(picture, colours=picture.colours * 257)
                image = picture.grey()
        except UserError as problem:
            raise DataError(f"{problem}") from None
        if not shape:
            shape.append(image.shape)
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
    if coloured:
        remarks.append(
            f"{coloured:,} of {len(files):,} pictures in {folder.name} are in colour and were made "
            "grey"
        )
    if narrow:
        remarks.append(
            f"{narrow:,} of {len(files):,} pictures in {folder.name} have numbers of 8 bits in 16, "
            "and were read as 8 bits"
        )
    return images, labels
