"""A line on the terminal while something takes its time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Clears the rest of the line. The console of older Windows knows no such code: there blanks do it.
CLEAR = "\x1b[K" if os.name == "posix" else " " * 40 + "\b" * 40


def show_status(text: str) -> None:
    """Show a line on the terminal in place of the last one; an empty text removes it.

    Where the standard error is not a terminal, nothing is written.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        # Back to the beginning of the line, the text, and clear the rest of the line.
        print(f"\r{text}{CLEAR}", end="", file=sys.stderr, flush=True)


@contextmanager
def status(text: str) -> Iterator[None]:
    """Show `text` and three dots while the block runs, and remove the line when it is done."""
    show_status(f"{text} …")
    try:
        yield
    finally:
        show_status("")
