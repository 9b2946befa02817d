"""List the runs on disk, and draw their learning curves over each other.

    python -m common.runs
    python -m common.runs runs/compare --sort test
    python -m common.runs runs/mnist_mlp runs/mnist_cnn --plot curves.png

Each run that lies in a folder, or in the folders in it, gets two lines: its folder with the model
and those of its flags that differ from the recipe; then seed, epochs, parameters, accuracy on the
validation and on the test split in percent, seconds of training, date, and state: `finished`,
`interrupted` or `running` with the percentage of the steps that are done, or `damaged`. An
interrupted run can be continued with the command that started it and --resume. Nothing is changed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import MODEL_NAMES, UserError
from common.process.arguments import Choice, new_parser
from common.process.status import status
from common.process.streams import complain
from common.process.text import visible

if TYPE_CHECKING:  # TensorFlow is imported when the command line is right
    from common.run.found import RunOnDisk

COMMAND = "python -m common.runs"
WIDTH = 80  # columns of a terminal
MOST_CURVES = 20  # models whose names find place beside a picture
HEAD = ("seed", "epochs", "params", "val, %", "test, %", "seconds", "date", "state")
ORDERS = {  # the best or newest first
    "directory": lambda run: _natural(run.folder),
    "validation": lambda run: -(run.validation_accuracy or 0),
    "test": lambda run: -(run.test_accuracy or 0),
    "seconds": lambda run: run.seconds or 0,
    "date": lambda run: -run.date.timestamp() if run.date else 0,
}


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """List the runs.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        what --json prints: for each run `directory`, `model`, `flags`, `seed`, `epochs`,
        `parameters`, `validation_accuracy`, `test_accuracy`, `train_seconds`, `date`, `state`,
        `done` and `problem`. Accuracies and `done` are fractions from 0 to 1; what is not known is
        None.

    Raises:
        UserError: there are no runs, or the picture cannot be drawn.
        SystemExit: a usage error (status 2).
    """
    options = _parse(argv)
    from common.run.found import read_run, run_folders

    with status("Reading runs"):
        found = {r: [*filter(None, map(read_run, run_folders(r)))] for r in options.folder}
    missing = [root for root, of_root in found.items() if not of_root]
    # The folders may overlap.
    runs = list({run.folder: run for of_root in found.values() for run in of_root}.values())
    if not runs:
        raise UserError(_nothing_in(missing))
    runs.sort(key=ORDERS[options.sort])
    rows = [_row(run) for run in runs]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(_markdown(rows) if options.markdown else _table(rows))
    if options.plot:
        _plot(options.plot, runs)
        if not options.json:
            print(f"\nFiles written:\n  {visible(options.plot)}")
    if missing:
        complain(_nothing_in(missing))
    return rows


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="*",
        metavar="DIR",
        help="output directory of a run, or a folder with runs in it (default: runs)",
    )
    parser.add_argument(
        "--sort",
        type=Choice(ORDERS),
        default="directory",
        metavar="NAME",
        help=f"order: {', '.join(ORDERS)}",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="draw loss and accuracy on the validation split against the epoch, runs of one model "
        "in one colour",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print the list as Markdown")
    form.add_argument("--json", action="store_true", help="print the list as JSON, for programs")
    options = parser.parse_args(argv)
    if options.plot and options.plot.suffix.lower() != ".png":
        parser.error(f"argument --plot: the name of the picture must end in .png: {options.plot}")
    options.folder = options.folder or [Path("runs")]
    return options


def _nothing_in(roots: Iterable[Path]) -> str:
    return (
        f"{'; '.join(map(_without_runs, roots))}. Name the output directory of a run, or train a "
        "net with: python mnist_softmax.py"
    )


def _without_runs(root: Path) -> str:
    if root.is_dir():
        if not os.access(root, os.R_OK | os.X_OK):
            return f"{root} cannot be read; check its permissions"
        return f"{root} has no runs"
    return f"{root} is no folder" if root.exists() else f"no folder {root}"


def _natural(folder: Path) -> list[Any]:
    from common.run.found import natural_order

    return [natural_order(part) for part in folder.parts]


# A run → a row.


def _row(run: RunOnDisk) -> dict[str, Any]:
    from common.run.flags import flags_of

    return {
        "directory": str(run.folder),
        "model": run.model,
        "flags": flags_of(run.model, run.settings),
        "seed": run.seed,
        "epochs": run.epochs,
        "parameters": run.parameters,
        "validation_accuracy": run.validation_accuracy,
        "test_accuracy": run.test_accuracy,
        "train_seconds": run.seconds,
        "date": run.date and run.date.isoformat(" ", "seconds"),
        "state": run.state,
        "done": run.done,
        "problem": run.problem,
    }


# Rows → text.


def _name(row: dict[str, Any]) -> str:
    model = MODEL_NAMES.get(row["model"]) or row["model"] or ""
    return visible(f"{model} {shlex.join(row['flags'])}".strip())


def _cells(row: dict[str, Any]) -> list[str]:
    state = row["state"]
    if row["done"] is not None and state != "finished":
        state += f" {row['done']:.0%}"
    percents = (row["validation_accuracy"], row["test_accuracy"])
    return [
        _cell(row["seed"], str),
        _cell(row["epochs"], "{:g}".format),
        _cell(row["parameters"], "{:,}".format),
        *(_cell(one, lambda fraction: f"{100 * fraction:.2f}") for one in percents),
        _cell(row["train_seconds"], "{:.1f}".format),
        _cell(row["date"], lambda date: date[:10]),
        state,
    ]


def _cell(value: Any, text: Callable[[Any], str]) -> str:
    return "–" if value is None else visible(text(value))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the list in 80 columns: two lines for each run."""
    table = [list(HEAD), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    gap = "  " if sum(widths) + 2 * len(widths) <= WIDTH else " "
    lines = []
    for cells, row in zip(table, [None, *rows], strict=True):
        if row:
            name = ": ".join(part for part in (visible(row["directory"]), _name(row)) if part)
            lines += textwrap.wrap(name, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        if row and row["problem"]:
            problem = visible(f"{row['state']}: {row['problem']}")
            lines += textwrap.wrap(problem, WIDTH, initial_indent=gap, subsequent_indent=gap)
        else:
            *numbers, state = cells
            numbers = [one.rjust(w) for one, w in zip(numbers, widths[:-1], strict=True)]
            lines.append(gap + gap.join([*numbers, state]))
    return "\n".join(lines)


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    from common.comparison.tables import markdown_rows

    cells = []
    for row in rows:
        words = (row["directory"], _name(row))
        *numbers, state = _cells(row)
        state += f": {visible(row['problem'])}" if row["problem"] else ""
        cells.append([text.replace("|", "\\|") for text in (*words, *numbers, state)])
    return markdown_rows(["directory", "model", *HEAD], cells)


def _plot(path: Path, runs: Sequence[RunOnDisk]) -> None:
    """Draw the learning curves; runs that differ in the seed only share a colour."""
    histories: dict[str, list[Any]] = {}
    for run in runs:
        if run.history:
            histories.setdefault(_name(_row(run)), []).append(run.history)
    if not histories:
        raise UserError("no run has a learning curve: train one for an epoch or more.")
    if len(histories) > MOST_CURVES:
        raise UserError(
            f"{len(histories)} models are too many for one picture, which shows {MOST_CURVES} at "
            "most. Name the folders of some of them."
        )
    from common.plots import plot_validation

    with status("Drawing"):
        plot_validation(path, histories)


if __name__ == "__main__":
    main()
