"""A browser on a drawing page: which program it is, and how the mouse draws there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.strokes import SIDE
from common import UserError

# Without the browser's own traffic: updates, lists of bad addresses, synchronisation.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find_chromium() -> str:
    """Return the path of chromium.

    Raises:
        UserError: it is missing, or is Ubuntu's snap, which sees neither /tmp nor hidden folders.
    """
    program = shutil.which("chromium")
    if program is None or "snap" in (*Path(program).parts, *Path(program).resolve().parts):
        raise UserError(
            "chromium is missing, or is a snap, which cannot open files everywhere; on Debian: "
            "apt-get install chromium"
        )
    return program


def press(page: Any, stroke: Sequence[Sequence[float]], steps: int = 1) -> None:
    """Draw a stroke with the mouse, whose button stays down.

    Args:
        page: Playwright's, with a page of common.page.
        stroke: points, see benchmarks/strokes.py.
        steps: events of the mouse on the way to each point.
    """
    frame = page.locator("#drawing").bounding_box()
    scale = frame["width"] / SIDE
    for k, (x, y) in enumerate(stroke):
        to = frame["x"] + x * scale, frame["y"] + y * scale
        page.mouse.move(*to, steps=steps if k else 1)
        if k == 0:
            page.mouse.down()


def draw(page: Any, drawing: Sequence[Sequence[Sequence[float]]], steps: int = 1) -> None:
    """Draw strokes with the mouse, see `press`."""
    for stroke in drawing:
        press(page, stroke, steps)
        page.mouse.up()


def read(page: Any, drawing: Sequence[Sequence[Sequence[float]]]) -> list[int | None]:
    """Clear the paper and draw strokes.

    Returns:
        the number of the class that each net answers; None where there is nothing to read.
    """
    page.locator("#clear").click()
    draw(page, drawing)
    page.evaluate("() => new Promise(requestAnimationFrame)")  # in which the answers are written
    return page.evaluate("Page.state.answers.map((answer) => answer && answer.best)")
