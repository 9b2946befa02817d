"""One .npz file → the arrays of a data set, and back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.datasets.arrays import Contents, Part
from common.datasets.idx import MAX_ARRAY_BYTES, DataError, read_at_most, times
from common.run.files import atomic_path

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
# The names of images and labels of each part; of the last three parts at most one is used.
PARTS = ("train", "test", "val", "valid", "validation")
PAIRS = [(f"x_{part}", f"y_{part}") for part in PARTS]
OTHER_PAIRS = [(f"{part}_images", f"{part}_labels") for part in PARTS]  # as MedMNIST has them


def read_npz(path: Path | str) -> Contents:
    """Read `x_train`, `y_train`, `x_test`, `y_test` and, where they are, two more things.

    `x_val` and `y_val` are the validation split (also with `valid` or `validation` for `val`), and
    `class_names` names the classes. The arrays may also be called `train_images`, `train_labels`,
    and so on.

    Nothing is ever unpickled: a pickle can run any program. What an array's header announces is
    compared with the size of the file before memory is taken for it.

    Args:
        path: a file as `numpy.savez` writes it.

    Raises:
        DataError: it is no such file.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy") for name in archive.namelist()}
            known = OTHER_PAIRS if found.issuperset({*OTHER_PAIRS[0], *OTHER_PAIRS[1]}) else PAIRS
            missing = [name for name in (*known[0], *known[1]) if name not in found]
            if missing:
                raise DataError(
                    f"{path} has no {' and no '.join(missing)}; a data set needs the arrays "
                    f"{', '.join(ARRAYS)}."
                )
            pairs = [pair for pair in known if found.issuperset(pair)][:3]
            train, test, *validation = (
                Part(
                    *(_member(path, archive, name) for name in pair),
                    *(f"{name} in {path}" for name in pair),
                )
                for pair in pairs
            )
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
    if names is not None:
        if names.ndim != 1 or names.dtype.kind not in "SU":
            raise DataError(f"class_names in {path} are not strings; write them as strings.")
        if names.dtype.kind == "S":
            names = np.char.decode(names, "utf-8", "replace")
        names = tuple(map(str, names))
    used = {"class_names", *(name for pair in pairs for name in pair)}
    remarks = ()
    if found - used:
        unused = ", ".join(map(repr, sorted(found - used)[:5]))
        remarks = (
            f"left out of {path.name}: {unused}, since only {', '.join(sorted(used))} count",
        )
    return Contents(
        train, test, next(iter(validation), None), names, f"class_names in {path}", remarks
    )


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
                "an array of numbers or strings."
            )
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size != info.file_size - file.tell():
            raise DataError(
                f"{name} in {path} announces {times(shape)} values but holds another number of "
                "them; write it again with numpy.savez."
            )
        array = np.frombuffer(read_at_most(file, size), dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def write_npz(path: Path | str, data: Contents) -> None:
    """Write a data set as `read_npz` reads it.

    Raises:
        UserError: the file cannot be written.
    """
    parts = (data.train, data.test, data.validation)
    arrays = {
        name: array
        for pair, part in zip(PAIRS, parts, strict=False)
        if part is not None
        for name, array in zip(pair, part[:2], strict=True)
    }
    if data.class_names is not None:
        arrays["class_names"] = np.array(data.class_names)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
