"""Whole runs: training time and test accuracy of each framework."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack
from typing import Any

from benchmarks.frameworks import BFLOAT16, select, workload_for
from benchmarks.timing import (
    Child,
    ChildError,
    progress_bar,
    ratio,
    require_equal_nets,
    spread,
    start_all,
)
from benchmarks.workloads import RUNS, read
from common.data import load_data

import numpy as np

# Without torch.compile, which takes a minute to prepare a run, and without Keras.
IN_RUNS = ("ours", "plain", "pytorch", "pytorch-tuned", "jax", *BFLOAT16)


def measure_accuracy(options: Namespace) -> dict[str, Any]:
    """Train each run to its end with several seeds, and test it.

    Args:
        options: `frameworks` (keys of FRAMEWORKS) and `seeds`, their number.

    Returns:
        for each run and framework: the seconds of training and the accuracies, one per seed, with
        their means and spreads; the ratios ours / theirs; the reasons of those that failed.

    Raises:
        UserError: the frameworks have built nets of different sizes.
    """
    results = {}
    for name, run in RUNS.items():
        workload = read(run)
        selected, left_out = select([f for f in options.frameworks if f in IN_RUNS], True)
        tasks = {f: (f, workload_for(f, workload), None) for f in selected}
        total = len(selected) * options.seeds
        with ExitStack() as stack, progress_bar(name, total) as bar:
            children, failed = start_all(stack, tasks)
            require_equal_nets(children)
            runs: dict[str, list[tuple[float, float]]] = {f: [] for f in children}
            for seed in range(options.seeds):
                for framework, child in children.items():
                    if framework not in failed:
                        try:
                            runs[framework].append(train(child, seed))
                        except ChildError as error:
                            failed[framework] = str(error)
                    bar.update()
        results[name] = {
            "title": workload.title,
            "command": workload.command,
            "seeds": options.seeds,
            "failed": failed | left_out,
            "rows": _rows({f: of_one for f, of_one in runs.items() if f not in failed}),
        }
    return {"runs": results}


def train(child: Child, seed: int) -> tuple[float, float]:
    """Train one whole run with one seed.

    Returns:
        the seconds of the training steps, and the accuracy on the test images, 0 to 1.

    Raises:
        ChildError: the child process failed.
    """
    workload = child.workload
    examples = len(load_data(workload.data_dir, workload.train_size).train)
    count = workload.epochs * -(-examples // workload.batch_size)
    if seed == 0:
        # One epoch that is not measured: compilation, also for the smaller last mini-batch.
        child.do("steps", count // workload.epochs)
    child.do("restart", seed)
    seconds = child.do("steps", count)["seconds"]
    return seconds, child.do("evaluate")["accuracy"]


def _rows(runs: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, Any]]:
    rows = {}
    for name, pairs in runs.items():
        seconds, accuracies = zip(*pairs, strict=True)
        rows[name] = {
            "seconds": spread(seconds),
            "rounds": seconds,
            "accuracies": accuracies,
            "mean": float(np.mean(accuracies)),
            "std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        }
        for ours in ("ours", "ours-bfloat16"):
            if ours in runs:
                rows[name][f"ratio_of_{ours}"] = ratio([s for s, _ in runs[ours]], seconds)
    return rows
