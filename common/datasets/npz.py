"""One .npz file → the arrays of a data set, and back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.datasets.arrays import Arrays
from common.datasets.idx import MAX_ARRAY_BYTES, DataError, read_at_most, times
from common.run.files import atomic_path

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


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
