"""Limits on the time that a picture file may take, whatever is in it.

Memory is limited by the numbers of bytes and pixels, see reading.py. Time needs more: a small file
can ask for much work.
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

from common import UserError

MAX_SECONDS = 10  # of processor time in this thread, to decode one picture
MAX_SCANS = 40  # of a progressive JPEG; encoders write about 10, and each goes over all pixels
MAX_HEADER_BYTES = 65_536  # of a PNM file, comments included
MAX_PLAIN_BYTES = 4 * 1024**2  # of a PNM file with numbers as text, which Pillow decodes in Python
PLAIN = (b"P1", b"P2", b"P3")
JPEG_START = b"\xff\xd8"
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
WITHOUT_CONTENT = {0x01, *range(0xD0, 0xD9)}  # markers that no length follows


class PictureError(UserError):
    """A picture that cannot be used. The message names the file and says what to do about it."""


class TimedFile(io.BytesIO):
    """The content of a file, which can be read until MAX_SECONDS are over.

    Pillow's decoders read a little at a time, so that each of them is stopped in this way.
    """

    def __init__(self, content: bytes, path: Path, seconds: float = MAX_SECONDS) -> None:
        super().__init__(content)
        self._path = path
        self._seconds = seconds
        self._end = time.thread_time() + seconds

    def read(self, size: int | None = -1) -> bytes:
        """Read as usual.

        Raises:
            PictureError: the time is over.
        """
        if time.thread_time() > self._end:
            raise PictureError(
                f"{self._path} takes more than {self._seconds:g} seconds to decode; save it as PNG "
                "or JPEG again, or make it smaller."
            )
        return super().read(size)


def check_cost(content: bytes, path: Path) -> None:
    """Refuse content that would take long to decode, without decoding it.

    Raises:
        PictureError: a JPEG with more than MAX_SCANS scans, a PNM file with a long header, or a
            long one with numbers as text.
    """
    if content.startswith(JPEG_START):
        scans = count_scans(content)
        if scans > MAX_SCANS:
            raise PictureError(
                f"{path} is a JPEG file with more than {MAX_SCANS} scans, which takes long to "
                "decode; save it again as PNG or JPEG."
            )
    if not re.match(rb"P[0-9fFy]", content):
        return
    if content.startswith(PLAIN) and len(content) > MAX_PLAIN_BYTES:
        raise PictureError(
            f"{path} has {len(content):,} bytes of numbers as text, more than the limit of "
            f"{MAX_PLAIN_BYTES:,}; save it as PNG."
        )
    # Magic number, width, height and largest value, of which P1 and P4 lack the last.
    front = re.sub(rb"#[^\r\n]*", b"", content[:MAX_HEADER_BYTES])
    words = 3 if content[:2] in (b"P1", b"P4") else 4
    if len(content) > MAX_HEADER_BYTES and len(front.split(None, words)) < words:
        raise PictureError(
            f"{path} has a header of more than {MAX_HEADER_BYTES:,} bytes; save it as PNG."
        )


def count_scans(content: bytes) -> int:
    """Count the scans of the first image of a JPEG file, up to MAX_SCANS + 1.

    It goes from marker to marker as the decoder does: https://www.w3.org/Graphics/JPEG/itu-t81.pdf,
    annex B.
    """
    place, scans = len(JPEG_START), 0
    while scans <= MAX_SCANS and (found := JPEG_MARKER.search(content, place)):
        marker, place = found[1][0], found.end()
        if marker == END_OF_IMAGE:
            break
        if marker not in WITHOUT_CONTENT:
            scans += marker == START_OF_SCAN
            place += int.from_bytes(content[place : place + 2], "big")
    return scans
