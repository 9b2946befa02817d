"""docs/tensorflow-1-today.md: the middle column is code, and it runs."""

import re
from pathlib import Path

import shell
import tensorflow as tf

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tensorflow-1-today.md"


def middle_column():
    """The first piece of code in the second cell of each row; cells without code are words."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    for row in rows:
        cell = row.split("|")[2]
        code = re.search(r"`([^`]+)`", cell)
        if code and ("=" in code[1] or "import" in code[1] or "(" in code[1]):
            yield code[1]


def test_the_middle_column_runs_from_top_to_bottom(tmp_path):
    lines = ["import common", *middle_column()]
    assert len(lines) > 20
    program = "\n".join([*lines, "assert value > 0", "assert path.startswith('checkpoints')"])
    output, _ = shell.run("-c", program, cwd=tmp_path)
    assert output == ""
    assert list((tmp_path / "logs").iterdir())


def test_the_left_column_is_why_the_page_is_needed():
    assert not hasattr(tf, "placeholder")
    assert not hasattr(tf, "Session")
