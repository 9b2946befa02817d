"""Flags that several commands have: which nets, which images of MNIST, and a page to update."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pages import require_markers
from common.process.arguments import parse_count, typed_arguments


def command_line(command: str, argv: Sequence[str] | None) -> str:
    """Return what was typed, without `--update-docs`: the line that measures the same again."""
    words = [word for word in typed_arguments(argv) if word != "--update-docs"]
    return shlex.join([*command.split(), *words])


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, to be given once or several times."""
    parser.add_argument(
        "--model",
        action="append",
        type=Path,
        required=True,
        metavar="DIR",
        help="the output directory of a run; may be repeated",
    )


def add_images(parser: argparse.ArgumentParser, number: int, help_text: str) -> None:
    """Add `--split`, `--images` with its default and help, and `--update-docs`."""
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="use MNIST's test images or its validation images",
    )
    parser.add_argument("--images", type=parse_count, default=number, metavar="N", help=help_text)
    parser.add_argument(
        "--update-docs",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also put the tables into docs/preparation.md; requires --split test",
    )


def parse_with_page(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, page: Path, tables: Sequence[str]
) -> argparse.Namespace:
    """Parse the command line; check that the page can be updated before minutes of measuring.

    Raises:
        UserError: the page cannot be read or lacks markers.
        SystemExit: a usage error (status 2).
    """
    options = parser.parse_args(argv)
    if options.update_docs:
        if options.split != "test":
            parser.error("--update-docs requires --split test: validation images choose settings")
        require_markers(page, tables)
    return options
