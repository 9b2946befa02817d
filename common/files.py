"""Files on disk: every file is written whole to a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import UserError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well.

    A reader never sees a half-written file, and a failure leaves the old file as it was and no
    temporary file behind. The temporary name keeps the suffix, from which writers such as
    Matplotlib tell the format.

    Args:
        path: the file to write; its folder is created when missing.

    Raises:
        UserError: the folder or the file cannot be written (read-only, disk full).
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}. "
            "Free some space or choose another folder; what was there before is unchanged."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically (see `atomic_path` for the errors)."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def require_writable_folder(folder: Path | str) -> Path:
    """Create `folder` and prove that a file can be written there, before hours are spent.

    Returns:
        the folder as a Path.

    Raises:
        UserError: it is a file, or cannot be created or written.
    """
    folder = Path(folder)
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
