"""Folders of pictures and .npz files → the arrays of a data set.

    read_folder_tree    train/<class name>/*.png and test/<class name>/*.png
    read_npz            x_train, y_train, x_test, y_test, as Keras and many others have them

data.py asks for them where `--data-dir` names no folder of IDX files. As a command

    python -m common.datasets photos digits.npz

prepares a folder tree of photos as MNIST was prepared (see pictures.py) and keeps the result.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common import UserError
from common.datasets.idx import MAX_ARRAY_BYTES, DataError, read_at_most, times
from common.pictures.preparation import PictureError, list_pictures, prepare, read_picture
from common.run.files import atomic_path

import numpy as np
from tqdm import tqdm

COMMAND = "python -m common.datasets"
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# A folder tree is sorted by class, and the validation split is taken from the front.
SHUFFLE_SEED = 0


class Arrays(NamedTuple):
    """A data set as its files have it, before it is split."""

    images: np.ndarray  # uint8 [n, height, width]
    labels: np.ndarray  # integers [n]
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...] | None  # None: the classes are numbers


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
                f"{times(shape[0])}; bring all to one size, for example with {COMMAND} "
                f"{folder.parent} prepared.npz, which prepares them as MNIST was."
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


def read_npz(path: Path | str) -> Arrays:
    """Read `x_train`, `y_train`, `x_test`, `y_test` and, if it is there, `class_names`.

    Nothing is ever unpickled: a pickle can run any program. What an array's header announces is
    compared with the size of the file before memory is taken for it.

    Args:
        path: a file as `numpy.savez` writes it. The images are uint8 [n, height, width], perhaps
            with one channel more at the end, the labels integers [n], the names strings [classes].

    Raises:
        DataError: it is no such file.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy") for name in archive.namelist()}
            missing = [name for name in ARRAYS if name not in found]
            if missing:
                raise DataError(
                    f"{path} has no {' and no '.join(missing)}; a data set needs the arrays "
                    f"{', '.join(ARRAYS)}."
                )
            arrays = {name: _member(path, archive, name) for name in ARRAYS}
            names = _member(path, archive, "class_names") if "class_names" in found else None
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path} needs more memory than there is; make it smaller.") from None
    except Exception as error:  # damaged archives raise whatever zipfile or zlib meets
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"{path} cannot be read as an .npz file ({reason}); write it again with numpy.savez."
        ) from None
    for name in ARRAYS[::2]:
        x = arrays[name]
        if x.ndim == 4 and x.shape[3] == 1:
            x = arrays[name] = x[..., 0]
        if x.ndim != 3 or x.dtype != np.uint8 or 0 in x.shape:
            raise DataError(
                f"{name} in {path} holds {times(x.shape)} values of type {x.dtype}; it should be "
                "grey images, uint8 from 0 to 255, in three dimensions: number, height, width."
            )
    for name in ARRAYS[1::2]:
        y = arrays[name]
        if y.ndim == 2 and y.shape[1] == 1:
            y = arrays[name] = y[:, 0]
        if y.ndim != 1 or y.dtype.kind not in "iu" or len(y) != len(arrays["x" + name[1:]]):
            raise DataError(
                f"{name} in {path} holds {times(y.shape)} values of type {y.dtype}; it should be "
                f"one whole number for each of the {len(arrays['x' + name[1:]]):,} images."
            )
    if names is not None:
        if names.ndim != 1 or names.dtype.kind != "U" or not all(map(str.isprintable, names)):
            raise DataError(f"class_names in {path} are no printable words; write them as strings.")
        names = tuple(map(str, names))
    return Arrays(*(arrays[name] for name in ARRAYS), names)


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read one array of an archive, if it is as large as it says and holds no Python objects."""
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > MAX_ARRAY_BYTES:
        raise DataError(
            f"{name} in {path} announces {info.file_size:,} bytes, more than the "
            f"{MAX_ARRAY_BYTES:,} allowed; make it smaller."
        )
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header: Callable[..., Any] = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(file)
        if dtype.hasobject:
            raise DataError(
                f"{name} in {path} holds Python objects, which are never unpickled; save it as "
                "an array of numbers."
            )
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size != info.file_size - file.tell():
            raise DataError(
                f"{name} in {path} announces {times(shape)} values but holds another number of "
                "them; write it again with numpy.savez."
            )
        array = np.frombuffer(read_at_most(file, size), dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def write_npz(path: Path | str, data: Arrays) -> None:
    """Write a data set as `read_npz` reads it.

    Raises:
        UserError: the file cannot be written.
    """
    arrays = dict(zip(ARRAYS, data[:4], strict=True))
    if data.class_names is not None:
        arrays["class_names"] = np.array(data.class_names)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare a folder tree of photos and keep the result as one .npz file.

    Raises:
        UserError: a picture cannot be prepared, or the file cannot be written.
        SystemExit: a usage error (status 2).
    """
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Prepare photos of digits as MNIST was, for --data-dir."
    )
    parser.add_argument("folder", type=Path, help="folder with train/CLASS/* and test/CLASS/*")
    parser.add_argument("npz", type=Path, help="the .npz file to write")
    parser.add_argument(
        "--size",
        type=int,
        default=28,
        metavar="N",
        help="height and width of the images; digits take 20/28 of it (default: 28)",
    )
    options = parser.parse_args(argv)
    if not 8 <= options.size <= 256:
        parser.error("--size must be from 8 to 256")
    if options.npz.suffix != ".npz":
        parser.error(f"the name of the file to write must end in .npz, not {options.npz}")
    data = read_folder_tree(options.folder, (options.size, options.size))
    write_npz(options.npz, data)
    print(
        f"{options.npz}: {len(data.images):,} training images and {len(data.test_images):,} test "
        f"images of {options.size} × {options.size} pixels, classes {', '.join(data.class_names)}"
    )


if __name__ == "__main__":
    main()
