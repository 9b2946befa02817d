"""Time per training step and per test image, of each framework and net."""

from __future__ import annotations

from argparse import Namespace
from contextlib import ExitStack
from typing import Any

from benchmarks.frameworks import PEAKS, select, workload_for
from benchmarks.timing import (
    Child,
    in_rounds,
    progress_bar,
    ratio,
    require_equal_nets,
    spread,
    start_all,
)
from benchmarks.workloads import STEPS, read
from common.data import load_data

from tqdm import tqdm

EVALUATIONS = 2


def measure_steps(options: Namespace) -> dict[str, Any]:
    """Time the training step of each net, and the classification of the test images.

    Args:
        options: `workloads` (keys of STEPS), `frameworks` (keys of FRAMEWORKS), `rounds` and
            `seconds` per round.

    Returns:
        for each workload one row per framework: seconds per step and per test image (medians with
        quartiles), the ratios ours / theirs, and the peak memory in bytes; or the reason why a
        framework failed. A step is also given as a fraction of the peak, which is the larger of
        the rates of the two matrix products.

    Raises:
        UserError: the frameworks have built nets of different sizes.
    """
    results = {}
    for name in options.workloads:
        workload = read(STEPS[name])
        selected, left_out = select(options.frameworks, with_bfloat16=bool(workload.conv))
        tasks = {f: (f, workload_for(f, workload), None) for f in selected}
        pieces = len(selected) * (options.rounds + 1 + 1 + EVALUATIONS)
        with ExitStack() as stack, progress_bar(f"steps, {name}", pieces) as bar:
            children, failed = start_all(stack, tasks)
            require_equal_nets(children)
            times, failed_later = in_rounds(children, options.rounds, options.seconds, bar.update)
            failed |= failed_later | left_out
            memory = {f: children[f].do("steps", 1)["memory"] for f in times}
            images = _time_evaluation({f: children[f] for f in times}, bar)
            flops = {f: children[f].flops for f in times}
        results[name] = {
            "title": workload.title,
            "command": workload.command,
            "flops": flops.get("ours"),
            "rows": _rows(times, images, memory, flops),
            "failed": failed,
        }
    return {"workloads": results}


def _time_evaluation(children: dict[str, Child], bar: tqdm) -> dict[str, list[float]]:
    """Return, for each net, seconds per test image in each of EVALUATIONS rounds."""
    nets = {name: child for name, child in children.items() if name not in PEAKS}
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    for number in range(1 + EVALUATIONS):
        for name, child in nets.items():
            total = len(load_data(child.workload.data_dir).test)
            took = child.do("evaluate")["seconds"] / total
            if number:  # the first round includes compilation
                seconds[name].append(took)
            bar.update()
    return seconds


def _rows(
    times: dict[str, list[float]],
    images: dict[str, list[float]],
    memory: dict[str, int],
    flops: dict[str, int | None],
) -> dict[str, dict[str, Any]]:
    peaks = [[flops[name] / t for t in times[name]] for name in PEAKS if name in times]
    peak = max(peaks, key=lambda rates: spread(rates).median, default=None)
    rows = {}
    for name, seconds in times.items():
        row: dict[str, Any] = {"seconds": spread(seconds), "rounds": seconds}
        row["memory"] = memory[name]
        if name in PEAKS:
            row["flops_per_second"] = spread([flops[name] / t for t in seconds])
        else:
            row["seconds_per_image"] = spread(images[name])
            if "ours" in times:
                row["ratio"] = ratio(times["ours"], seconds)
                row["evaluation_ratio"] = ratio(images["ours"], images[name])
            if name == "ours-bfloat16":
                row["ratios_bfloat16"] = {
                    other: ratio(seconds, times[other]) for other in times if other not in PEAKS
                }
            if peak and "ours" in times:
                rates = [flops["ours"] / t for t in seconds]
                row["fraction_of_peak"] = ratio(rates, peak)
        rows[name] = row
    return rows
