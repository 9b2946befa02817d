"""The runs of a comparison: which models there are, and the training of what is missing.

A finished run is kept, and an interrupted one is continued.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import re
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from common import UsageError, UserError
from common.comparison.statistics import Run
from common.comparison.tables import UNKNOWN_MACHINE, model_name
from common.process.errors import InterruptedRunError
from common.process.start import REPOSITORY, is_script
from common.process.streams import lasting_log
from common.process.text import visible
from common.run.code import code_checksum
from common.run.files import write_json
from common.run.metrics import metrics_or_problem

import numpy as np
from tqdm import tqdm

SCRIPTS = ("mnist_softmax", "mnist_mlp", "mnist_cnn")
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
        return visible(shlex.join([f"{self.script}.py", *self.flags]))

    @property
    def label(self) -> str:
        """What tables and pictures call it: `CNN --augment`."""
        return model_name(self.name)

    def folder(self, root: Path) -> Path:
        """Return the folder of this model's runs; its name contains script and flags."""
        words = re.sub(r"[^\w.=-]+", "_", " ".join((self.script, *self.flags)))
        return root / "runs" / words


def parse_model(parser: argparse.ArgumentParser, line: str, flag: str = "--run") -> Model:
    """Read one value of `--run`, or of another flag; the script's own parser checks its flags.

    Raises:
        SystemExit: it names no script, or its flags are wrong (status 2).
    """
    try:
        script, *flags = shlex.split(line) or [""]
    except ValueError as error:
        parser.error(f"{flag} {line!r} cannot be read: {error}")
    script = script.removesuffix(".py")
    file = REPOSITORY / f"{script}.py"
    if script not in SCRIPTS and not (file.is_file() and is_script(file)):
        known = ", ".join(f"{known}.py" for known in SCRIPTS)
        parser.error(f"{flag} {line!r} must begin with one of {known}, or a copy beside them")
    reserved = {word.partition("=")[0] for word in flags} & RESERVED
    if reserved:
        parser.error(
            f"{flag} {line!r} must not contain {', '.join(sorted(reserved))}, which the comparison "
            "sets for all rows"
        )
    module = importlib.import_module(script)
    if not hasattr(module, "read_settings"):
        parser.error(
            f"{flag} {line!r}: {script}.py has no function read_settings(argv), which the "
            "comparison needs, and main(argv), which returns what report returns"
        )
    module.read_settings(flags)
    return Model(script, tuple(flags))


def train_all(
    models: list[Model], seeds: range, root: Path, options: argparse.Namespace
) -> list[list[Run]]:
    """Train what is missing; return the runs of each model, one per seed.

    Args:
        models: the rows of the table.
        seeds: of the runs.
        root: the folder of the comparison.
        options: `data_dir`, and `how_to_continue`, the sentence for an interruption.

    Raises:
        UserError: a run failed.
        InterruptedRunError: Ctrl-C or SIGTERM.
    """
    runs: list[list[Run]] = [[] for _ in models]
    # Now, since a script that is edited from here on is not loaded again.
    codes = {model.script: code_checksum(model.script) for model in models}
    # The seed is the outer loop, so the first results of all models are available early.
    tasks = list(itertools.product(seeds, range(len(models))))
    with tqdm(tasks, unit="run", disable=None, dynamic_ncols=True) as bar:
        for seed, index in bar:
            model = models[index]
            bar.set_description(f"{model.name}, seed {seed}")
            folder = model.folder(root) / f"seed-{seed}"
            run = _train(model, seed, folder, codes[model.script], options)
            runs[index].append(run)
            if run["validation_accuracy"] is None:
                raise UserError(
                    f"{model.name} leaves its loop before the end of the first epoch, or does not "
                    "use mini_batches, so it has no validation accuracy to compare: let it train "
                    "for an epoch or more with mini_batches."
                )
            bar.write(
                f"{model.name}, seed {seed}: validation {run['validation_accuracy']:.2%}, "
                f"test {run['test_accuracy']:.2%}, {run['train_seconds']:.0f} s of training"
            )
    return runs


def _train(model: Model, seed: int, folder: Path, code: str, options: argparse.Namespace) -> Run:
    """Train one run, or the rest of an interrupted one, or nothing if it is finished."""
    script = importlib.import_module(model.script)
    argv = [*model.flags, "--seed", str(seed), "--output-dir", str(folder)]
    argv += ["--data-dir", str(options.data_dir)]
    argv += ["--transpose"] * options.transpose
    folder.mkdir(parents=True, exist_ok=True)
    kept = _kept_metrics(folder)
    noted = folder / "code.json"
    if not noted.exists():
        write_json(noted, code)
    is_same = code in noted.read_text(encoding="utf-8", errors="replace")
    if not is_same:
        print(f"{model.name}, seed {seed}: its code has changed since, so it is trained again.")
    with lasting_log(folder / "output.txt") as log, redirect_stdout(log):
        try:
            try:
                metrics = script.main([*argv, "--resume"] if is_same else argv)
            except UsageError as error:
                # The kept run has other settings, because the recipe of the script has changed.
                print(error)
                metrics = script.main(argv)
        except InterruptedRunError as error:
            error.args = (options.how_to_continue,)
            raise
        except UserError as error:
            error.args = (f"{model.name}, seed {seed}: {error} The finished runs are kept.",)
            raise
    if not isinstance(metrics, dict) or not (folder / "predictions.npy").is_file():
        raise UserError(
            f"{model.name}: its main does not return what report returns. End it with: "
            "return report(data, session, test)"
        )
    write_json(noted, code)  # not before: an interrupted training starts again
    if kept and kept.get("train_seconds") == metrics["train_seconds"]:
        # No step was taken: the numbers are those of the machine that trained the kept run.
        metrics["machine"] = kept.get("machine") or UNKNOWN_MACHINE
        write_json(folder / "metrics.json", metrics)
    true, predicted = np.load(folder / "predictions.npy").T
    return metrics | {"true": true, "predicted": predicted, "folder": folder}


def _kept_metrics(folder: Path) -> dict[str, Any] | None:
    """Return what a kept run has left, if there is one that can be read."""
    metrics, problem = metrics_or_problem(folder)
    if problem:
        print(f"{visible(f'{folder}/{problem}')}. It is written again.", file=sys.stderr)
    return metrics
