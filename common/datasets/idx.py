"""One IDX file → one array, or a sentence that says what is wrong with the file.

    read_idx        for a file that the user has put there: a DataError names it and says what to do
    read_content    for a file that was just downloaded: a BadContentError, the middle of a sentence

Both check the file's SHA-256 where one is given, and trust nothing else that the file announces.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from common import UserError

import numpy as np

MAX_ARRAY_BYTES = 2 * 1024**3  # 2 GiB: a header that announces more is not believed
MAX_DIMENSIONS = 32  # the most that every NumPy version can hold
CHUNK_BYTES = 1024**2  # 1 MiB is read at a time, so that little is in memory twice

# The third byte of an IDX file names the type of its values. Big-endian, the highest byte first.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class DataError(UserError):
    """Data that cannot be used. The message names the file and says what to do about it."""


class BadContentError(Exception):
    """What is wrong with a content, as the rest of a sentence that begins with a file or a URL."""


def read_idx(path: Path | str, sha256: str | None = None) -> np.ndarray:
    """Read an array from an IDX file, gzipped or not (the content tells, not the name).

    The format is the one of http://yann.lecun.com/exdb/mnist/: two zero bytes, a byte for the
    type, a byte for the number of dimensions, each dimension as four bytes, then the values,
    all with the highest byte first. The header is not trusted: memory grows with the content
    that is really there (by an eighth more, and a few chunks), not with what is announced.

    Args:
        path: a regular file, or a link to one.
        sha256: the hexadecimal SHA-256 that the uncompressed content must have; None for any.

    Returns:
        an array with the type and the shape of the header, in this machine's byte order.

    Raises:
        DataError: whatever is wrong with the file.
    """
    path = Path(path)
    try:
        return read_content(path, sha256)
    except BadContentError as problem:
        remedy = "put an intact IDX file in its place"
        if sha256 is not None:  # only the default folder asks for checksums, and it can download
            remedy = (
                "git checkout data/MNIST restores it in a clone; or delete it and run again, and "
                "it is downloaded"
            )
        raise DataError(f"{path} {problem}; {remedy}.") from None


def read_content(path: Path, sha256: str | None) -> np.ndarray:
    """Do the work of `read_idx`, with a BadContentError for whatever is wrong with the file."""
    try:
        if not path.exists():
            raise BadContentError("does not exist")
        if not path.is_file():  # to open a FIFO would wait for ever, and a device may have no end
            raise BadContentError("is a folder or a device, not a file")
        with path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return _parse_idx(gzip.GzipFile(fileobj=file) if is_gzip else file, sha256)
    except EOFError:
        raise BadContentError("is cut short: its gzip data have no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadContentError(f"is damaged: its gzip data are wrong ({error})") from None
    except OSError as error:
        raise BadContentError(f"cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise BadContentError("needs more memory than there is") from None


def _parse_idx(stream: Any, sha256: str | None) -> np.ndarray:
    """Read the array from a binary stream: the header first, then exactly what it announces."""
    magic = stream.read(4)
    if not magic:
        raise BadContentError("is empty")
    if magic[:2] != b"\0\0"[: len(magic)]:
        hint = " (a web page?)" if magic.lstrip().startswith(b"<") else ""
        raise BadContentError(
            f"is not an IDX file: it begins with {magic!r} instead of two zero bytes{hint}"
        )
    if len(magic) < 4:
        raise BadContentError(f"is cut short: it ends after {len(magic)} bytes, in its header")
    type_byte, num_dimensions = magic[2:]
    if type_byte not in IDX_TYPES:
        known = ", ".join(f"0x{known:02X}" for known in IDX_TYPES)
        raise BadContentError(
            f"is not an IDX file: its type byte is 0x{type_byte:02X}, not one of {known}"
        )
    if not 1 <= num_dimensions <= MAX_DIMENSIONS:
        raise BadContentError(
            f"announces {num_dimensions} dimensions, where 1 to {MAX_DIMENSIONS} are possible"
        )
    sizes = stream.read(4 * num_dimensions)
    if len(sizes) < 4 * num_dimensions:
        raise BadContentError(f"is cut short: it ends after {4 + len(sizes)} bytes, in its header")

    # Python's integers do not overflow. A dimension of 0 counts as 1 here because NumPy, too,
    # refuses a shape that would be too large without its zeros.
    shape = tuple(np.frombuffer(sizes, dtype=">u4").tolist())
    dtype = np.dtype(IDX_TYPES[type_byte])
    if dtype.itemsize * math.prod(max(size, 1) for size in shape) > MAX_ARRAY_BYTES:
        raise BadContentError(
            f"announces {times(shape)} values, more than the {MAX_ARRAY_BYTES:,} bytes allowed"
        )
    num_bytes = dtype.itemsize * math.prod(shape)

    # One byte more than announced is asked for, and must not be there. So trailing bytes are seen,
    # a gzip bomb is stopped at once, and gzip reaches the end, where it compares its own checksum.
    values = read_at_most(stream, num_bytes + 1)
    if len(values) > num_bytes:
        raise BadContentError(f"is too long: more follows after the {num_bytes:,} bytes announced")
    if len(values) < num_bytes:
        raise BadContentError(
            f"is cut short: its header announces {num_bytes:,} bytes of values, "
            f"but it has {len(values):,}"
        )
    if sha256 is not None:
        digest = hashlib.sha256(magic + sizes)
        digest.update(values)
        if digest.hexdigest() != sha256:
            raise BadContentError(
                f"is not the file of MNIST: its SHA-256 is {digest.hexdigest()}, not {sha256}"
            )
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    if sys.byteorder == "little":
        array.byteswap(inplace=True)  # in place: a copy would double the memory
    return array.view(dtype.newbyteorder("="))


def read_at_most(stream: BinaryIO, num_bytes: int) -> bytearray:
    """Read so many bytes, or all where there are fewer, without holding them twice meanwhile."""
    values = bytearray()
    while chunk := stream.read(min(CHUNK_BYTES, num_bytes - len(values))):
        values += chunk
    return values


def times(shape: Iterable[int]) -> str:
    """Write a shape as it stands in sentences: 60,000 × 28 × 28."""
    return " × ".join(f"{size:,}" for size in shape)
