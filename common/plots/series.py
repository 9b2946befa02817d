"""Several pictures in one folder: one that fails is reported, and the others are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from common import UserError
from common.process.streams import complain
from common.run.files import reason_of


def draw_each(
    folder: Path, pictures: Iterable[tuple[str, Callable[[Path], None]]], advice: str = ""
) -> list[str]:
    """Draw pictures; report in one sentence those that could not be drawn or written.

    The results are worth more than their pictures: a broken Matplotlib, a name that no font can
    show or a full disk ends no run.

    Args:
        folder: where the files are written.
        pictures: the name of each file, and the function that draws it into the file.
        advice: what to do, for the end of the sentence.

    Returns:
        the names of the files that were written.
    """
    written: list[str] = []
    failed: dict[str, list[str]] = {}  # reason → names
    for name, draw in pictures:
        try:
            draw(folder / name)
            written.append(name)
        except Exception as error:  # Matplotlib raises many kinds
            failed.setdefault(_reason(error), []).append(name)
    for reason, names in failed.items():
        complain(f"cannot draw {', '.join(names)} in {folder}: {reason}. {advice}".rstrip())
    return written


def _reason(error: Exception) -> str:
    """Return why a picture could not be drawn, without its name, so that equal reasons are one."""
    cause = error.__cause__ if isinstance(error, UserError) else None
    error = cause if isinstance(cause, Exception) else error
    kind = "" if isinstance(error, OSError | UserError) else f"{type(error).__name__}: "
    return f"{kind}{reason_of(error)}".rstrip(".")
