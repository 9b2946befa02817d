"""The standard streams of scripts and commands: what cannot be printed stops no program.

A closed stream is quiet. Characters that a stream's encoding lacks are replaced. Where the standard
output cannot be written, the work goes on without it, and the program ends with a sentence and
status 1, so that the trained net is not lost. Only a pipe whose reader has closed
it ends the program, as it ends all programs.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from common.process.text import HANDLER, visible

STREAMS = {"stdout": 1, "stderr": 2}
# Python's own ways with characters that an encoding lacks. What a user has chosen stays.
USUAL_HANDLERS = ("strict", "surrogateescape", "backslashreplace")
failures: list[str] = []  # what has failed while the program went on


class _Lasting(io.FileIO):
    """A file to write to that never fails: what comes after a failure is dropped."""

    failure: OSError | None = None
    may_break = False  # a pipe without a reader raises BrokenPipeError

    def write(self, data: bytes) -> int:
        """Write the bytes, or drop them; return their number."""
        rest = memoryview(data).cast("B")
        while rest and self.failure is None:
            try:
                written = super().write(rest)
            except OSError as error:
                if self.may_break and isinstance(error, BrokenPipeError):
                    raise
                self.failure = error
            else:
                if written is None:
                    select.select([], [self], [])  # a stream that does not wait by itself
                rest = rest[written or 0 :]
        return memoryview(data).nbytes


def guard_streams() -> None:
    """Let the standard streams of this process work on, even if their files fail."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file that is opened would get this number, and with it what
            # compiled code writes to the standard error.
            os.open(os.devnull, os.O_RDWR)
    for name, number in STREAMS.items():
        stream = getattr(sys, name)
        if stream is None or (isinstance(stream, io.TextIOWrapper) and stream.fileno() == number):
            setattr(sys, name, _guarded(stream, number))


def _guarded(stream: io.TextIOWrapper | None, number: int) -> TextIO:
    file = _Lasting(number, "w", closefd=False)
    file.may_break = number == STREAMS["stdout"]
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(file), "utf-8", HANDLER)
    stream.flush()
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
        # A console of Windows, which takes Unicode text and not bytes, and is never full.
        stream.reconfigure(errors=HANDLER)
        return stream
    return io.TextIOWrapper(
        file if stream.write_through else io.BufferedWriter(file),
        stream.encoding,
        HANDLER if stream.errors in USUAL_HANDLERS else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


@contextmanager
def lasting_log(path: Path) -> Iterator[TextIO]:
    """Open a file of text to be continued. If it cannot be written, that is reported."""
    try:
        file = _Lasting(path, "a")
    except OSError as error:
        complain(f"cannot write {path}: {error.strerror}.")
        file = _Lasting(os.devnull, "a")
    with io.TextIOWrapper(io.BufferedWriter(file), "utf-8", HANDLER) as log:
        yield log
        log.flush()
        if file.failure:
            complain(f"cannot write {path}: {file.failure.strerror}. Its end is missing.")


def complain(sentence: str) -> None:
    """Report what has failed, and go on; a script or command then ends with status 1."""
    failures.append(sentence)
    if sys.stdout is not None:
        sys.stdout.flush()  # so that both stand in the right order
    print(f"Error: {visible(sentence)}", file=sys.stderr)


def complain_of_output() -> None:
    """Flush the standard output, and complain if not all of it could be written."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    file = getattr(buffer, "raw", buffer)
    if isinstance(file, _Lasting) and file.failure:
        complain(
            f"the standard output could not be written: {file.failure.strerror}. All other files "
            "are complete."
        )
