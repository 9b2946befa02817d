"""Compare softmax regression, the MLP and the CNN on the same images, in one table.

    python -m common.compare --seeds 5
    python -m common.compare --seeds 5 --robustness

This command trains the recipe of each script with several seeds, by calling the script's own
`main`. It then prints the accuracy of each model with its spread over the seeds, and whether the
models differ significantly. Finished runs are kept: an interrupted comparison continues where it
stopped, and a comparison with more seeds or more `--run` options trains only what is missing.

With `--robustness` the trained models are also tested on shifted, rotated, noisy, … test images and
on the corruptions of MNIST-C, and the calibration of their probabilities is measured. With
`--train-sizes 100 1000 10000` they are trained on fewer images, too.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

from common import UserError
from common.comparison.figures import draw_figures
from common.comparison.pressure import Loaded, report_robustness, shifted_accuracies
from common.comparison.runs import RESERVED, SCRIPTS, Model, parse_model, train_all
from common.comparison.sizes import report_sizes
from common.comparison.statistics import Run, compare_two, summarise
from common.comparison.tables import markdown_table, name_machines, terminal_table
from common.data import DEFAULT_DATA_DIR, DataSets, load_data
from common.process.arguments import (
    command_line,
    dashes,
    new_parser,
    parse_count,
    typed_arguments,
)
from common.process.errors import InterruptedRunError
from common.process.streams import complain
from common.process.text import visible
from common.run.files import atomic_path, require_writable_folder, write_json

import numpy as np

COMMAND = "python -m common.compare"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train the missing runs; compare all runs; print and write the results.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        what results.json holds: `command`, `machine`, `seeds`, `models` (see `summarise`) and
        `differences` (see `compare_two`).

    Raises:
        UserError: a run failed or a file cannot be written.
        InterruptedRunError: Ctrl-C or SIGTERM; the message says how to continue.
        SystemExit: a usage error (status 2).
    """
    options, models = _parse(argv)
    root = require_writable_folder(options.output_dir)
    data = load_data(options.data_dir, transpose=options.transpose)
    for remark in data.conventions.remarks:
        print(visible(remark))
    with suppress(KeyboardInterrupt):  # between two steps it is an InterruptedRunError already
        return _compare(options, models, data, root)
    raise InterruptedRunError(options.how_to_continue, signal.SIGINT)


def _compare(
    options: argparse.Namespace, models: list[Model], data: DataSets, root: Path
) -> dict[str, Any]:
    runs = train_all(models, range(options.seeds), root, options)
    names = [model.name for model in models]
    labels = [model.label for model in models]
    others = [label for label, of_one in zip(labels, runs, strict=True) if _differs(of_one, data)]
    if others:
        print(
            f"{visible(', '.join(others))}: tested on other labels than those of the data set, so "
            "tests of significance, shifted images and pictures are left out."
        )
    results = _results(options, names, runs, not others)
    loaded = None if others else _load(labels, runs, data, options)
    with closing(loaded) if loaded else nullcontext():
        if loaded:
            for row, accuracy in zip(results["models"], shifted_accuracies(loaded), strict=True):
                row["shifted_mean"] = accuracy
        files = _write_results(results, root)
        if options.robustness and loaded:
            files += report_robustness(loaded, results, root)
    if options.train_sizes:
        files += report_sizes(models, data, root, options, results)
    files += [] if others else draw_figures(root, labels, runs, data)
    print("Files written:", *(visible(root / file) for file in files), sep="\n  ")
    return results


def _write_results(results: dict[str, Any], root: Path) -> list[str]:
    """Print the table, write it, and return the names of the files."""
    print(terminal_table(results))
    write_json(root / "results.json", results)
    with atomic_path(root / "results.md") as temporary:
        temporary.write_text(markdown_table(results), encoding="utf-8")
    return ["results.json", "results.md"]


def _differs(runs: list[Run], data: DataSets) -> bool:
    """Tell whether a script has tested its net on other labels than those on disk."""
    return not all(np.array_equal(run["true"], data.test.labels) for run in runs)


def _results(
    options: argparse.Namespace, names: Sequence[str], runs: Sequence[list[Run]], same: bool
) -> dict[str, Any]:
    """Return what results.json holds, but for the shifted images.

    Predictions are compared only if all are for the `same` images.
    """
    pairs = _pairs(options.baseline, names) if same else []
    return {
        "command": options.command,
        "machine": visible(name_machines(run["machine"] for of_one in runs for run in of_one)),
        "seeds": options.seeds,
        "models": [summarise(name, of_one) for name, of_one in zip(names, runs, strict=True)],
        "differences": [compare_two((names[a], runs[a]), (names[b], runs[b])) for a, b in pairs],
    }


def _load(
    labels: list[str], runs: list[list[Run]], data: DataSets, options: argparse.Namespace
) -> Loaded | None:
    """Load the trained models; None where one left no model, unless --robustness needs it."""
    try:
        return Loaded(labels, runs, data)
    except UserError as error:
        if options.robustness:
            raise
        complain(f"shifted images are left out: {error}")
        return None


def _pairs(baseline: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Return which models are compared: each with the one before it, or with a chosen one."""
    if baseline == "previous":
        return [(k - 1, k) for k in range(1, len(names))]
    base = 0 if baseline == "first" else names.index(baseline)
    return [(base, k) for k in range(len(names)) if k != base]


def _parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[Model]]:
    parser = new_parser(COMMAND, __doc__, _flags_of_the_scripts)
    parser.add_argument(
        "--seeds",
        type=parse_count,
        default=5,
        metavar="N",
        help="number of runs per model, with the seeds 0 to N-1",
    )
    parser.add_argument(
        "--run",
        action="append",
        default=[],
        metavar='"SCRIPT FLAGS"',
        help='add a row, as in --run "mnist_mlp.py --dropout 0"; may be repeated (default: none)',
    )
    parser.add_argument(
        "--only",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="compare only the rows of --run, without the recipes of the three scripts",
    )
    parser.add_argument(
        "--baseline",
        default="previous",
        metavar="ROW",
        help="the row with which each row is compared: previous, first, or its name, as in "
        '--baseline "mnist_mlp.py"',
    )
    parser.add_argument(
        "--robustness",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also test the trained models on distorted test images and measure the calibration of "
        "their probabilities, without training again",
    )
    parser.add_argument(
        "--train-sizes",
        type=parse_count,
        nargs="+",
        default=[],
        metavar="N",
        help="also train each row on the first N training images, for each N, beside "
        "scikit-learn's logistic regression, nearest neighbours and SVM (default: none)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        metavar="DIR",
        help="the data for all runs (default: the MNIST files of this repository)",
    )
    parser.add_argument(
        "--transpose",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="exchange rows and columns of all images, as EMNIST's files need",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("runs/compare"),
        metavar="DIR",
        help="folder for the runs and the results",
    )
    options = parser.parse_args(argv)
    typed = typed_arguments(argv)
    options.command = visible(command_line([*COMMAND.split(), *typed]))
    options.how_to_continue = f"interrupted; continue with: {options.command}"
    lines = ([] if options.only else [f"{script}.py" for script in SCRIPTS]) + options.run
    models = list(dict.fromkeys(parse_model(parser, line) for line in lines))
    if not models:
        parser.error("--only without --run leaves nothing to compare; add --run")
    names = [model.name for model in models]
    if options.baseline not in ("previous", "first"):
        row = parse_model(parser, options.baseline, "--baseline").name
        if row not in names:
            parser.error(f"--baseline {row!r} is none of the rows {', '.join(map(repr, names))}")
        options.baseline = row
    return options, models


def _flags_of_the_scripts() -> dict[str, str]:
    """Return the flags that stand in --run, for the error message about a wrong one."""
    from common.settings import ALL

    flags = {f"--{dashes(name)}" for name in ALL} - RESERVED - {"--from"}
    return dict.fromkeys(flags, "the scripts, which take it in --run")


if __name__ == "__main__":
    main()
