"""One CSV file with an image per row, as Kaggle has it → a table.

    label,pixel0,pixel1,…        a row of names, which may be missing
    7,0,0,…                      the label, then the pixels of a square image, row by row

A column called label, class, target or y, wherever it stands, holds the labels; without a row of
names it is the first. A column called id or ImageId is no pixel.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from common.datasets.idx import MAX_ARRAY_BYTES, DataError

import numpy as np

LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
ID_COLUMNS = ("id", "imageid")
INDEX_COLUMNS = ("", "unnamed: 0", "index")  # as pandas writes them
MAX_LINE_BYTES = 4 * 1024**2  # 4 MiB: a row of 256 × 256 pixels has at most 0.4 MB
ROWS = 1_000  # rows that are parsed at a time


class Table(NamedTuple):
    """One CSV file."""

    images: np.ndarray  # uint8 or float32 [n, side, side]
    labels: np.ndarray | None  # strings [n]
    ids: tuple[str, np.ndarray] | None  # the name of the column, and strings [n]


def read_table(path: Path) -> Table:
    """Read one CSV file: comma, semicolon or tab between the columns, perhaps gzipped.

    Raises:
        DataError: it cannot be read, or has something else than numbers for pixels.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; check its name.")
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file = gzip.GzipFile(fileobj=raw) if is_gzip else raw
            return _read_table(path, io.BufferedReader(file) if is_gzip else file)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path} needs more memory than there is; make it smaller.") from None
    except (OSError, EOFError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        reason = "".join(char if char.isprintable() else " " for char in reason)
        raise DataError(
            f"{path} cannot be read as a table ({reason or type(error).__name__}); it should be "
            "a CSV file with a label and the pixels of one image in each row."
        ) from None


def _read_table(path: Path, file: BinaryIO) -> Table:
    lines = _lines(path, file)
    first = next(lines, "")
    if not first:
        raise DataError(f"{path} is empty; put a label and the pixels of an image into each row.")
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    names = [name.strip().strip("\"'").lower() for name in first.split(delimiter)]
    is_counted = names == [str(k) for k in range(len(names))]  # names that pandas makes up
    has_names = (
        is_counted
        or _place_of(names, LABEL_COLUMNS) is not None
        or sum(map(_is_number, names)) < len(names) / 2
    )
    label, id_ = _place_of(names, LABEL_COLUMNS), _place_of(names, ID_COLUMNS)
    if not has_names or is_counted:
        label = None if _square(len(names)) else 0
    if len(names) * 4 > MAX_LINE_BYTES:
        raise DataError(f"{path} has {len(names):,} columns, too many for an image; check it.")
    columns = [
        k
        for k, name in enumerate(names)
        if k not in (label, id_) and not (has_names and name in INDEX_COLUMNS)
    ]
    if not _square(len(columns)):
        raise DataError(
            f"{path} has {len(columns):,} columns of pixels, which make no square image; each row "
            "should have one label and then the pixels of a grey image, row by row (784 for "
            "28 × 28)."
        )
    pixels, words = [], {k: [] for k in (label, id_) if k is not None}
    number, num_bytes = 1 + has_names, 0
    options = {"delimiter": delimiter, "comments": None, "quotechar": '"'}
    for rows in _blocks(lines if has_names else _again(first, lines)):
        try:
            block = np.loadtxt(rows, np.float32, usecols=columns, ndmin=2, **options)
            for k, found in words.items():
                found.append(np.loadtxt(rows, str, usecols=[k], ndmin=1, **options))
            # loadtxt reads the columns that it is asked for, and does not count the others.
            wrong = next((k for k, r in enumerate(rows) if r.count(delimiter) != len(names) - 1), 0)
            if rows[wrong].count(delimiter) != len(names) - 1:
                raise ValueError("another number of columns")
        except ValueError as error:
            k = _first_bad(rows, delimiter, len(names), columns)
            count = rows[k].count(delimiter) + 1
            problem = f"has {count:,} columns and the first {len(names):,}"
            if count == len(names):
                problem = "has a pixel that is not a number"
            raise DataError(
                f"{path}: line {number + k:,} {problem}; correct or remove it, each row should "
                "have one label and the pixels of one image."
            ) from error
        num_bytes += block.nbytes
        if num_bytes > MAX_ARRAY_BYTES:
            raise DataError(
                f"{path} has more than the {MAX_ARRAY_BYTES:,} bytes of pixels allowed; make it "
                "smaller."
            )
        pixels.append(_smallest(block))
        number += len(rows)
    if not pixels:
        raise DataError(f"{path} has no rows below its names; put an image into each row.")
    columns_of = {k: np.char.strip(np.concatenate(found)) for k, found in words.items()}
    name = first.split(delimiter)[id_].strip().strip("\"'") if id_ is not None else ""
    side = int(len(columns) ** 0.5 + 0.5)
    return Table(
        np.concatenate(pixels).reshape(-1, side, side),
        None if label is None else columns_of[label],
        None if id_ is None else (name, columns_of[id_]),
    )


def _smallest(block: np.ndarray) -> np.ndarray:
    """Return float32 pixels as uint8, in a quarter of the memory, where that loses nothing."""
    with np.errstate(invalid="ignore"):  # NaN has no place among bytes, and is not equal to any
        small = block.astype(np.uint8)
    return small if np.array_equal(small, block) else block


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """Yield the lines of a file that are not empty, without their ends."""
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES:
            raise DataError(
                f"{path} has a line of more than {MAX_LINE_BYTES:,} bytes; it should be a CSV file "
                "with one image in each row."
            )
        text = line.decode("utf-8-sig").strip()
        if text:
            yield text


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _blocks(lines: Iterator[str]) -> Iterator[list[str]]:
    block = []
    for line in lines:
        block.append(line)
        if len(block) == ROWS:
            yield block
            block = []
    if block:
        yield block


def _first_bad(rows: Sequence[str], delimiter: str, width: int, columns: Sequence[int]) -> int:
    """Return the index of the first row that is no row of this table."""
    for k, row in enumerate(rows):
        cells = row.split(delimiter)
        if len(cells) != width or not all(_is_number(cells[column]) for column in columns):
            return k
    return 0


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip("\"'"))
    except ValueError:
        return False
    return True


def _place_of(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the first column with one of these names."""
    return next((k for k, name in enumerate(names) if name in wanted), None)


def _square(count: int) -> bool:
    return count > 0 and int(count**0.5 + 0.5) ** 2 == count
