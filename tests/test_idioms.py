"""docs/tensorflow-1-today.md: its code runs, and its messages are the printed ones."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import shell
import tensorflow as tf

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tensorflow-1-today.md"
TABLE = "Old and new, line by line"
# What the first line of a block of old code says about it.
OLD, AFTER, BY_LINE, NOT_RUN = "# old code", "after the two lines", "line by line", "not run"


class Block(NamedTuple):
    """A block of code, with the heading above it and the block of text below it."""

    heading: str
    text: str
    printed: str


def blocks_of(page):
    """The blocks of Python of a page."""
    found = re.finditer(
        r"^(?:#+ (?P<heading>[^\n]*)|```(?P<language>\w+)\n(?P<text>.*?)^```)$", page, re.M | re.S
    )
    blocks, heading = [], ""
    for match in found:
        heading = match["heading"] or heading
        if match["language"] == "python":
            blocks.append(Block(heading, match["text"], ""))
        elif match["language"] == "text":
            blocks[-1] = blocks[-1]._replace(printed=match["text"])
    return blocks


BLOCKS = blocks_of(PAGE.read_text())
OLD_CODE = [block for block in BLOCKS if block.text.startswith(OLD)]
FAILING = [block for block in OLD_CODE if NOT_RUN not in block.text.splitlines()[0]]
TODAY = [block for block in BLOCKS if block not in OLD_CODE]
# Programs for TensorFlow 2; all others stand after the two lines.
EAGER = [block for block in TODAY if block.text.startswith("import tensorflow as tf\n")]
GRAPH = [block for block in TODAY if block not in EAGER]


def message_of(code, after_the_two_lines):
    """What Python prints last when this code fails."""
    assert tf.executing_eagerly()
    try:
        if after_the_two_lines:
            tf.compat.v1.disable_resource_variables()  # as tf.disable_v2_behavior() does
            with tf.Graph().as_default():
                exec(code, {"tf": tf.compat.v1, "np": np})
        else:
            exec(code, {"tf": tf, "np": np})
    except Exception as error:
        kind = type(error)
        # As Python writes it: its own exceptions without their module.
        name = kind.__qualname__
        if kind.__module__ not in ("builtins", "__main__"):
            name = f"{kind.__module__}.{name}"
        return f"{name}: {error}"
    finally:
        tf.compat.v1.enable_resource_variables()
    return None


def same(found, shown):
    """Whether a message is the shown one, which is cut where it has an ellipsis.

    TensorFlow's module of old names has another name once some of its parts were loaded lazily.
    """
    found, shown = (text.replace("tensorflow._api.v2.", "tensorflow.") for text in (found, shown))
    pattern = ".*".join(map(re.escape, shown.strip().split("…")))
    return re.fullmatch(pattern, found.strip(), re.DOTALL)


def first_in_quotes(heading):
    """The first message of a heading, in pieces where something is left out."""
    return re.search(r"(`+) ?(.+?) ?\1(?!`)", heading)[2].split("…")


@pytest.mark.parametrize("block", FAILING, ids=lambda block: block.heading[:60])
def test_old_code_fails_with_the_messages_of_the_page(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, _, code = block.text.partition("\n")
    pieces = re.findall(".+", code) if BY_LINE in first else [code]
    found = []
    for piece in pieces:
        with ThreadPoolExecutor() as threads:  # a new thread has an empty default graph
            found.append(threads.submit(message_of, piece, AFTER in first).result())
    assert None not in found, pieces[found.index(None)]
    for piece in first_in_quotes(block.heading):
        assert any(piece.strip() in message for message in found), piece
    if tf.__version__ == "2.21.0" and np.__version__ == "2.4.6":  # the page names them
        shown = block.printed.strip().splitlines() if BY_LINE in first else [block.printed]
        assert len(shown) == len(found)
        for message, line in zip(found, shown, strict=True):
            if BY_LINE in first:  # NumPy adds a paragraph
                message = message.splitlines()[0]
            assert same(message, line), message


@pytest.mark.parametrize("block", EAGER, ids=lambda block: block.heading[:60])
def test_tensorflow_2_code_runs(block, trained_run, tmp_path, monkeypatch, capsys):
    """Where a finished run is."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mnist_cnn").symlink_to(trained_run("mnist_cnn").folder)
    monkeypatch.chdir(tmp_path)
    exec(block.text, {})
    assert capsys.readouterr().out


def rows_of_the_table():
    """The three cells of each row."""
    section = PAGE.read_text().partition(f"## {TABLE}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [row.split("|")[1:4] for row in rows]


def middle_column():
    """The first piece of code in the second cell of each row; cells without code are words."""
    for _, cell, _ in rows_of_the_table():
        code = re.search(r"`([^`]+)`", cell)
        if code and ("=" in code[1] or "import" in code[1] or "(" in code[1]):
            yield code[1]


PROGRAM = """
{first}
for block in {blocks!r}:
    print("block:", block)
    with tf.Graph().as_default():
        exec(block, {{"tf": tf, "input_data": input_data}})
exec({table!r})
assert value > 0
assert path.startswith("checkpoints")
"""


def test_all_other_code_of_the_page_runs(tmp_path):
    """In one new process: the two lines, each block in a graph of its own, the middle column."""
    lines = list(middle_column())
    assert len(lines) > 30
    assert len(GRAPH) >= 8
    parts = {
        "first": "\n".join(re.findall(r"^\+(.+)$", PAGE.read_text(), re.MULTILINE)),
        "blocks": [block.text for block in GRAPH],
        "table": "\n".join(lines),
    }
    shell.run("-c", PROGRAM.format(**parts), cwd=tmp_path)
    assert list((tmp_path / "logs").iterdir())


def test_rows_that_say_the_same_are_the_same():
    """The old code stands in the new one, which the test above runs."""
    compared = 0
    for old, new, _ in rows_of_the_table():
        if new.strip().startswith("the same: `") and "`" in old and "…" not in old:
            old, new = (re.findall(r"`([^`]+)`", cell)[0] for cell in (old, new))
            assert old in new
            compared += 1
    assert compared >= 18
