"""Compare softmax regression, the MLP and the CNN on the same images, in one table.

    python -m common.compare --seeds 5

This command trains the recipe of each script with several seeds, by calling the script's own
`main`. It then prints the accuracy of each model with its spread over the seeds, and whether the
models differ significantly. Finished runs are kept: an interrupted comparison continues where it
stopped, and a comparison with more seeds or more `--run` options trains only what is missing.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

from common import UsageError
from common.comparison.figures import draw_figures
from common.comparison.statistics import Run, compare_two, summarise
from common.comparison.tables import UNKNOWN_MACHINE, markdown_table, name_machines
from common.data import DEFAULT_DATA_DIR, load_data
from common.process.arguments import new_parser, parse_count
from common.process.errors import InterruptedRunError
from common.run.files import atomic_path, require_writable_folder, write_json

import numpy as np
from tqdm import tqdm

SCRIPTS = ("mnist_softmax", "mnist_mlp", "mnist_cnn")
COMMAND = "python -m common.compare"
# Flags that the comparison itself passes to the scripts, or that make no sense in a comparison.
RESERVED = {
    *("--seed", "--data-dir", "--transpose", "--no-transpose", "--output-dir"),
    *("--resume", "--no-resume", "--show", "--no-show", "--help", "-h"),
}


class Model(NamedTuple):
    """One row of the table: a script with its flags."""

    script: str
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a user types after `python` to train this model."""
        return shlex.join([f"{self.script}.py", *self.flags])

    def folder(self, root: Path) -> Path:
        """Return the folder of this model's runs; its name contains script and flags."""
        words = re.sub(r"[^\w.=-]+", "_", " ".join((self.script, *self.flags)))
        return root / "runs" / words


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
    names = [model.name for model in models]
    data = load_data(options.data_dir, transpose=options.transpose)
    for remark in data.conventions.remarks:
        print(remark)
    runs = None
    with suppress(KeyboardInterrupt):  # between two steps it is an InterruptedRunError already
        runs = _train_all(models, range(options.seeds), root, options)
    if runs is None:
        raise InterruptedRunError(_how_to_continue(options), signal.SIGINT)
    results = {
        "command": options.command,
        "machine": name_machines(run.get("machine") for of_one in runs for run in of_one),
        "seeds": options.seeds,
        "models": [summarise(name, of_one) for name, of_one in zip(names, runs, strict=True)],
        "differences": [
            compare_two((names[a], runs[a]), (names[b], runs[b])) for a, b in _pairs(len(runs))
        ],
    }
    table = markdown_table(results)
    print(table)
    write_json(root / "results.json", results)
    with atomic_path(root / "results.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    figures = draw_figures(root, names, runs, data)
    files = ("results.json", "results.md", *figures)
    print("Files written:", *(root / file for file in files), sep="\n  ")
    return results


def _pairs(count: int) -> list[tuple[int, int]]:
    """Return which models are compared: all pairs of up to three, else each with the first."""
    pairs = list(itertools.combinations(range(count), 2))
    return pairs if count <= 3 else [pair for pair in pairs if pair[0] == 0]


def _parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[Model]]:
    parser = new_parser(COMMAND, __doc__)
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
    typed = sys.argv[1:] if argv is None else argv
    options.command = shlex.join([*COMMAND.split(), *typed])
    lines = ([] if options.only else [f"{script}.py" for script in SCRIPTS]) + options.run
    models = list(dict.fromkeys(_parse_model(parser, line) for line in lines))
    if not models:
        parser.error("--only without --run leaves nothing to compare; add --run")
    return options, models


def _parse_model(parser: argparse.ArgumentParser, line: str) -> Model:
    """Read one value of `--run`; the script's own parser checks the script's flags."""
    try:
        script, *flags = shlex.split(line) or [""]
    except ValueError as error:
        parser.error(f"--run {line!r} cannot be read: {error}")
    script = script.removesuffix(".py")
    if script not in SCRIPTS:
        known = ", ".join(f"{known}.py" for known in SCRIPTS)
        parser.error(f"--run {line!r} must begin with one of {known}")
    reserved = {flag.partition("=")[0] for flag in flags} & RESERVED
    if reserved:
        parser.error(
            f"--run {line!r} must not contain {', '.join(sorted(reserved))}, which the comparison "
            "sets for all rows"
        )
    importlib.import_module(script).read_settings(flags)
    return Model(script, tuple(flags))


def _train_all(
    models: list[Model], seeds: range, root: Path, options: argparse.Namespace
) -> list[list[Run]]:
    """Return the runs of each model, one per seed."""
    runs: list[list[Run]] = [[] for _ in models]
    # The seed is the outer loop, so the first results of all models are available early.
    tasks = list(itertools.product(seeds, range(len(models))))
    with tqdm(tasks, unit="run", disable=None, dynamic_ncols=True) as bar:
        for seed, index in bar:
            model = models[index]
            bar.set_description(f"{model.name}, seed {seed}")
            run = _train(model, seed, model.folder(root) / f"seed-{seed}", options)
            runs[index].append(run)
            bar.write(
                f"{model.name}, seed {seed}: validation {run['validation_accuracy']:.2%}, "
                f"test {run['test_accuracy']:.2%}, {run['train_seconds']:.0f} s of training"
            )
    return runs


def _train(model: Model, seed: int, folder: Path, options: argparse.Namespace) -> Run:
    """Train one run, or the rest of an interrupted one, or nothing if it is finished."""
    script = importlib.import_module(model.script)
    argv = [*model.flags, "--seed", str(seed), "--output-dir", str(folder)]
    argv += ["--data-dir", str(options.data_dir)]
    argv += ["--transpose"] * options.transpose
    folder.mkdir(parents=True, exist_ok=True)
    metrics_file = folder / "metrics.json"
    kept = json.loads(metrics_file.read_text(encoding="utf-8")) if metrics_file.exists() else None
    with (folder / "output.txt").open("a", encoding="utf-8") as log, redirect_stdout(log):
        try:
            metrics = script.main([*argv, "--resume"])
        except InterruptedRunError as error:
            error.args = (_how_to_continue(options),)
            raise
        except UsageError as error:
            # The kept run has other settings, because the recipe of the script has changed.
            print(error)
            metrics = script.main(argv)
    if kept and kept["train_seconds"] == metrics["train_seconds"]:
        # No step was taken: the numbers are those of the machine that trained the kept run.
        metrics["machine"] = kept.get("machine", UNKNOWN_MACHINE)
        write_json(metrics_file, metrics)
    true, predicted = np.load(folder / "predictions.npy").T
    return metrics | {"true": true, "predicted": predicted}


def _how_to_continue(options: argparse.Namespace) -> str:
    return f"interrupted; continue with: {options.command}"


if __name__ == "__main__":
    main()
