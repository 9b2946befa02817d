"""Files on disk: every file is written whole to a temporary name, then renamed."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO

from common import UserError
from common.process.text import visible

from filelock import lock_descriptor

LOCK = ".lock"
# `is_locked` takes the lock for a moment to look, so one refusal does not mean another run.
ATTEMPTS, PAUSE = 10, 0.02  # number, seconds
_locks: weakref.WeakSet[TextIO] = weakref.WeakSet()  # that this process has taken
# TensorFlow's reader of checkpoints takes a path for a pattern. On Windows names do not have the
# first two of these signs, and the others mean something else.
PATTERN_SIGNS = "*?[\\" if os.name == "posix" else ""


def reason_of(error: Exception) -> str:
    """Return why a file could not be read or written, without internal details."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # A TensorFlow message names the operation and its source; the reason stands before [[{{node …
    message = str(getattr(error, "message", error))
    found = re.search(r"([^\n]+)\n\s*\[\[", message)
    return (found[1] if found else message.partition("\n")[0]).rpartition("; ")[2]


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn a failure to write `path` inside the block into a sentence.

    Raises:
        UserError: the operating system or TensorFlow could not write (read-only, disk full).
    """
    try:
        yield
    except Exception as error:
        # TensorFlow's own writers raise tf.errors; this module need not import TensorFlow.
        if not isinstance(error, OSError) and "tensorflow" not in type(error).__module__:
            raise
        reason = reason_of(error)
        signs = ("ermission denied", "not permitted", "Read-only")
        remedy = "Choose"
        if any(sign in reason for sign in signs):
            remedy = "Check its permissions or choose"
        elif any(sign in reason for sign in ("o space", "uota", "File too large")):
            remedy = "Free some space or choose"
        raise UserError(
            f"cannot write {path}: {reason}. {remedy} another name or folder; what was there "
            "before is unchanged."
        ) from error


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well.

    A reader never sees a half-written file. A failure leaves the old file as it was, and no
    temporary file. The temporary name keeps the suffix, from which writers such as Matplotlib tell
    the format.

    Args:
        path: the file to write; its folder is created when missing.

    Raises:
        UserError: the folder or the file cannot be written (read-only, disk full).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically (see `atomic_path` for the errors)."""
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(value, indent=2) + "\n", encoding="utf-8")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON. NaN and infinity, which JSON has not, become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def require_writable_folder(folder: Path | str) -> Path:
    """Create `folder` and prove that a file can be written there, before hours are spent.

    Returns:
        the folder as a Path.

    Raises:
        UserError: it is a file, or cannot be created or written, or its name is one with which
            TensorFlow does something else than Python: no Unicode text, or a pattern.
    """
    folder = Path(folder)
    if os.fsencode(folder) != str(folder).encode("utf-8", "replace"):
        raise UserError(
            f"cannot write to the output directory {folder}: its name is not in UTF-8. Choose "
            "another one with --output-dir."
        )
    found = [sign for sign in PATTERN_SIGNS if sign in str(folder)]
    if found:
        raise UserError(
            f"cannot write to the output directory {folder}: TensorFlow would take its name for a "
            f"pattern and not find its checkpoints again, because of {' and '.join(found)}. Choose "
            "another one with --output-dir."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"cannot write to the output directory {folder}: {error.strerror or error}. "
            "Choose another one with --output-dir."
        ) from error
    return folder


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Give a temporary folder beside `path`; let it take the place of `path` when all is well.

    The counterpart of `atomic_path` for things that are folders, such as a SavedModel. The
    temporary folder does not exist yet: the writer makes it.

    Raises:
        UserError: the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        with explained(path):
            yield temporary
            if path.exists():
                path.rename(old)
            try:
                temporary.rename(path)
            except BaseException:
                with suppress(OSError):
                    old.rename(path)
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def lock_folder(folder: Path) -> TextIO:
    """Keep other runs out of `folder` until the returned file is closed or this process ends.

    The lock belongs to the process, not to the file: a run that was killed leaves none. On a file
    system without locks a line says so, and the run goes on.

    Raises:
        UserError: another run holds the lock, or the lock file cannot be written.
    """
    path = folder / LOCK
    with explained(path):
        file = path.open("w", encoding="utf-8")
    try:
        locked = _take(file)
    except OSError as error:
        reason = f"{folder} cannot be locked ({reason_of(error)})"
        print(f"{visible(reason)}: see that no other run writes to it.", file=sys.stderr)
        return file
    if not locked:
        file.close()
        if any(not one.closed and one.name == file.name for one in _locks):
            raise UserError(
                f"a session of this program is open that writes to {folder}. Close it "
                "(session.close(), or `with new_session(net, settings) as session:`) or choose "
                "another folder with --output-dir."
            )
        raise UserError(
            f"another run is writing to {folder}. Wait for its end or choose another folder with "
            "--output-dir."
        )
    _locks.add(file)
    return file


def is_locked(folder: Path) -> bool:
    """Tell whether a run is writing to `folder` now; False where that cannot be known."""
    try:
        with (folder / LOCK).open("r+b") as file:
            return not _take(file)
    except OSError:
        return False


def _take(file: IO[Any]) -> bool:
    """Take the lock of an open file, and say whether that succeeded; try for 0.2 seconds."""
    for _ in range(ATTEMPTS):
        if lock_descriptor(file.fileno(), blocking=False):
            return True
        time.sleep(PAUSE)
    return False
