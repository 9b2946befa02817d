"""Tables in pages, each between the markers `<!-- NAME -->` and `<!-- end of NAME -->`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common import UserError
from common.comparison.durations import in_words
from common.process.machine import describe_machine
from common.run.files import atomic_path, write_json

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


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return a Markdown table whose first column is aligned to the left."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join([name, *cells]) + " |" for name, cells in rows)])


def table_section(measured: dict[str, Any]) -> str:
    """Return the text between the markers of a table: command, machine, duration and table.

    Args:
        measured: an entry of docs/results/PAGE.json, as `publish_tables` writes it.
    """
    took = in_words(measured["seconds"])
    return (
        f"`{measured['command']}`, on {measured['machine']}, in about {took}:\n\n"
        f"{table(measured['head'], measured['rows'])}\n"
    )


def publish_tables(
    page: Path,
    tables: dict[str, tuple[Sequence[str], Sequence[tuple[str, Sequence[str]]]]],
    command: str,
    seconds: float,
) -> None:
    """Put tables into a page and into the file beside it, docs/results/PAGE.json.

    Args:
        page: a page with markers for each table; the other tables of its file are kept.
        tables: for each name the head and the rows.
        command: that measured them on this machine.
        seconds: that it took.

    Raises:
        UserError: the page cannot be read or written, or a marker is missing.
    """
    require_markers(page, tables)
    results = page.parent / "results" / f"{page.stem}.json"
    known = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    about = {"command": command, "machine": describe_machine(), "seconds": seconds}
    for name, (head, rows) in tables.items():
        known[name] = about | {"head": list(head), "rows": [list(row) for row in rows]}
        put_into_page(page, name, table_section(known[name]))
    write_json(results, known)


def _markers(name: str) -> str:
    return f"the markers <!-- {name} --> and <!-- end of {name} -->"
