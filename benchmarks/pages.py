"""Tables in pages, each between the markers `<!-- NAME -->` and `<!-- end of NAME -->`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from common import UserError
from common.run.files import atomic_path

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"


def between(name: str) -> re.Pattern[str]:
    """Return a pattern that matches the text between the markers of `name`."""
    name = re.escape(name)
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)


def require_markers(page: Path, names: Iterable[str]) -> None:
    """Check that a page can be read and has the markers of all names.

    Raises:
        UserError: the page cannot be read, or a marker is missing.
    """
    for name in names:
        require_match(page, between(name), _markers(name))


def require_match(path: Path, pattern: re.Pattern[str], what: str) -> str:
    """Return the text of a file that contains the pattern.

    Args:
        path: a text file.
        pattern: what it must contain.
        what: the name of the pattern in the error message.

    Raises:
        UserError: the file cannot be read or does not contain the pattern.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not pattern.search(text):
        raise UserError(f"{path} does not contain {what}; restore them from the repository.")
    return text


def replace(path: Path, pattern: re.Pattern[str], new: str, what: str) -> None:
    """Replace the first match of a pattern in a file, atomically.

    Args:
        path: a text file.
        pattern: what is replaced.
        new: the text that is inserted as it is.
        what: the name of the pattern in the error message.

    Raises:
        UserError: the file cannot be read or written, or does not contain the pattern.
    """
    text = require_match(path, pattern, what)
    with atomic_path(path) as temporary:
        temporary.write_text(pattern.sub(lambda _: new, text, count=1), encoding="utf-8")


def put_into_page(page: Path, name: str, text: str) -> None:
    """Put `text`, which ends in a newline, between the markers of `name`.

    Raises:
        UserError: the page cannot be read or written, or a marker is missing.
    """
    replace(page, between(name), text, _markers(name))


def _markers(name: str) -> str:
    return f"the markers <!-- {name} --> and <!-- end of {name} -->"
