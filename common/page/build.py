"""Template, style, scripts and data → one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.run.files import atomic_path, json_text

# The parts of the page lie beside this file. The project is run from its folder, not installed.
FOLDER = Path(__file__).parent
START = "page.js"  # uses all the other scripts, so it comes last


def build_page(path: Path, content: dict[str, Any]) -> int:
    """Write the page.

    Args:
        path: the HTML file.
        content: what the script with the id `data` holds.

    Returns:
        the number of bytes.

    Raises:
        UserError: the file cannot be written.
    """
    text = page_text(content)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return len(text.encode("utf-8"))


def page_text(content: dict[str, Any]) -> str:
    """Return the page as text."""
    scripts = sorted(FOLDER.glob("*.js"), key=lambda path: (path.name == START, path.name))
    styles = sorted(FOLDER.glob("*.css"))
    parts = {
        "style": "\n".join(f"<style>\n{_read(path.name)}</style>" for path in styles),
        # Nothing in it can end the script that holds it: "</script" needs this character.
        "data": '<script type="application/json" id="data">\n'
        + json_text(content).replace("<", "\\u003c")
        + "\n</script>",
        "scripts": "\n".join(f"<script>\n{_read(path.name)}</script>" for path in scripts),
    }
    text = _read("page.html")
    for name, part in parts.items():
        before, found, after = text.partition(f"<!-- {name} -->")
        assert found, f"page.html has no place for {name}"
        text = f"{before}{part}{after}"
    return text


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
