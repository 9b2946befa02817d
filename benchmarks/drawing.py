"""How a drawing page does in a browser: twenty digits are drawn with the mouse.

    python -m benchmarks.drawing

opens docs/draw.html in chromium, draws ten digits in two hands, and says how many each net reads
and how long it takes from a stroke to the bars. It needs chromium and, of requirements-dev.txt,
Playwright. No other program should run at the same time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.browser import FLAGS, find_chromium, read
from benchmarks.options import command_line
from benchmarks.pages import DOCS, publish_tables, require_markers, table
from benchmarks.strokes import HANDS, digit
from common import UserError
from common.process.arguments import new_parser

import numpy as np

COMMAND = "python -m benchmarks.drawing"
PAGE = DOCS / "draw.md"
TABLE = "drawing"
# Milliseconds of each of 200 preparations of the drawing on the paper; the first ones compile.
PREPARE = """() => Array.from({length: 200}, () => {
  const start = performance.now();
  Preparation.prepare(Drawing.pixels(), {shape: [28, 28], polarity: "light on dark"});
  return performance.now() - start;
}).slice(100)"""


def measure(path: Path) -> dict[str, Any]:
    """Draw all digits on a page.

    Args:
        path: the HTML file.

    Returns:
        `read`: name of a net → how many digits it read; `digits`; milliseconds `bars` and
        `preparation`, float64 [n]; `browser`: its version.

    Raises:
        UserError: there is no page, no browser or no driver.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; write a page with python -m common.page.")
    program = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("Playwright is missing: pip install -r requirements-dev.txt") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(path.resolve().as_uri())
        right = [
            [str(answer) == name for answer in read(page, digit(name, hand))]
            for hand, digits in HANDS.items()
            for name in digits
        ]
        names = page.evaluate(
            "JSON.parse(document.getElementById('data').textContent).networks.map(n => n.name)"
        )
        measured = {
            "read": dict(zip(names, np.sum(right, axis=0).tolist(), strict=True)),
            "digits": len(right),
            "bars": np.array(page.evaluate("Page.times")),
            "preparation": np.array(page.evaluate(PREPARE)),
            "browser": f"Chromium {browser.version}",
        }
        browser.close()
    return measured


def rows_of(measured: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the rows of the table: median and, in brackets, 95th percentile; then counts."""

    def times(values: np.ndarray) -> list[str]:
        return [f"{np.median(values):.1f} ms ({np.percentile(values, 95):.1f} ms)"]

    return [
        ("from a stroke to the bars", times(measured["bars"])),
        ("of this the preparation of a finished digit", times(measured["preparation"])),
        *(
            (f"digits that the {name} reads", [f"{count} of {measured['digits']}"])
            for name, count in measured["read"].items()
        ),
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Draw, print the table and, if requested, write it to docs/draw.md.

    Raises:
        UserError: see `measure`; or docs/draw.md cannot be read or written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "page",
        type=Path,
        nargs="?",
        default=DOCS / "draw.html",
        metavar="FILE",
        help="a page that `python -m common.page` has written (default: docs/draw.html)",
    )
    parser.add_argument(
        "--update-docs",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also put the table into docs/draw.md and docs/results/draw.json",
    )
    options = parser.parse_args(argv)
    if options.update_docs:
        require_markers(PAGE, [TABLE])
    start = time.perf_counter()
    measured = measure(options.page)
    head, rows = ["", measured["browser"]], rows_of(measured)
    print(table(head, rows))
    if options.update_docs:
        command = command_line(COMMAND, argv)
        publish_tables(PAGE, {TABLE: (head, rows)}, command, time.perf_counter() - start)
    return measured


if __name__ == "__main__":
    main()
