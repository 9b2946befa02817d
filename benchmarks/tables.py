"""Results → the tables of docs/performance.md.

A spread is a list of median, lower and upper quartile, as in the JSON file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.frameworks import FRAMEWORKS
from common.comparison.durations import in_words
from common.comparison.tables import percent

MISSING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is aligned to the left, the others to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ratio_cell(spread: Sequence[float] | None) -> str:
    """Return a ratio with its quartiles: `0.33 (0.32 to 0.35)`."""
    if spread is None:
        return MISSING
    median, low, high = spread
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def time_cell(spread: Sequence[float] | None) -> str:
    """Return a time in µs, ms or s, with its quartiles: `151 µs (147 to 155)`."""
    if spread is None:
        return MISSING
    factor, unit = next((f, u) for f, u in ((1e6, "µs"), (1e3, "ms"), (1, "s")) if _fits(spread, f))
    median, low, high = (_three_digits(factor * value) for value in spread)
    return f"{median} {unit} ({low} to {high})"


def _fits(spread: Sequence[float], factor: float) -> bool:
    return spread[0] * factor < 1000 or factor == 1


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def steps_text(results: dict[str, Any]) -> str:
    """Return a table of the ratios of all nets, then a folded table with the times of each net."""
    workloads = results["workloads"]
    details = "\n\n".join(_steps_table(one) for one in workloads.values())
    summary = "Times per step, images per second, memory"
    return f"{_ratios_table(workloads)}\n\n{folded(summary, details)}"


def folded(summary: str, text: str) -> str:
    """Return text that a page shows only after a click on its summary."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _ratios_table(workloads: dict[str, dict[str, Any]]) -> str:
    """Return the ratios ours / theirs of a training step: a row per framework."""
    titles = {name: re.split("[ ,]", workload["title"])[0] for name, workload in workloads.items()}
    columns = [(name, title, False) for name, title in titles.items()]
    with_bfloat16 = [name for name in titles if "ours-bfloat16" in workloads[name]["rows"]]
    columns += [(name, f"{titles[name]}, ours with `--bfloat16`", True) for name in with_bfloat16]
    frameworks = dict.fromkeys(
        framework
        for workload in workloads.values()
        for framework, row in workload["rows"].items()
        if "seconds_per_image" in row and framework not in ("ours", "ours-bfloat16")
    )
    lines = []
    for framework in frameworks:
        line = [FRAMEWORKS[framework].title]
        for name, _, bfloat16 in columns:
            rows = workloads[name]["rows"]
            plain = rows.get(framework, {}).get("ratio")
            other = rows.get("ours-bfloat16", {}).get("ratios_bfloat16", {}).get(framework)
            line.append(ratio_cell(other if bfloat16 else plain))
        lines.append(line)
    return table(["ours / theirs, time per step", *(title for _, title, _ in columns)], lines)


def _steps_table(workload: dict[str, Any]) -> str:
    rows = workload["rows"]
    head = ["", "time per step", "fraction of the float32 peak", "test images per second"]
    head += ["ours / theirs, testing", "memory"]
    lines = []
    nets = {name: row for name, row in rows.items() if "seconds_per_image" in row}
    for name, row in nets.items():
        line = [FRAMEWORKS[name].title, time_cell(row["seconds"])]
        fraction = row.get("fraction_of_peak")
        line.append(f"{fraction[0]:.0%}" if fraction else MISSING)
        line.append(f"{1 / row['seconds_per_image'][0]:,.0f}")
        tested = row.get("evaluation_ratio") if name != "ours" else None
        lines.append([*line, ratio_cell(tested), _megabytes(row["memory"])])
    text = f"**{workload['title']}** (`{workload['command']}`)\n\n{table(head, lines)}"
    peaks = [row["flops_per_second"][0] for row in rows.values() if "flops_per_second" in row]
    if peaks and workload["flops"]:
        text += (
            f"\n\nA step takes {workload['flops'] / 1e6:,.1f} million floating-point operations. "
            f"The float32 peak of the machine in the same rounds was {max(peaks) / 1e9:.0f} "
            "GFLOP/s (10⁹ operations per second)."
        )
    return text + _failures(workload["failed"])


def _failures(failed: dict[str, str]) -> str:
    return "".join(f"\n\nLeft out: {message}" for message in failed.values())


def accuracy_text(results: dict[str, Any]) -> str:
    """Return a table of times and accuracies for each run."""
    return "\n\n".join(_run_table(run) for run in results["runs"].values())


def _run_table(run: dict[str, Any]) -> str:
    with_bfloat16 = "ours-bfloat16" in run["rows"]
    head = ["", "training", "ours / theirs"]
    head += ["ours with `--bfloat16` / theirs"] if with_bfloat16 else []
    lines = []
    for name, row in run["rows"].items():
        line = [FRAMEWORKS[name].title, time_cell(row["seconds"])]
        line.append(ratio_cell(row.get("ratio_of_ours") if name != "ours" else None))
        if with_bfloat16:
            against = row["ratio_of_ours-bfloat16"] if name != "ours-bfloat16" else None
            line.append(ratio_cell(against))
        lines.append([*line, percent(row["mean"], row["std"])])
    seeds = f"{run['seeds']} seed{'s' * (run['seeds'] != 1)}"
    return (
        f"**{run['title']}** (`{run['command']}`, {seeds})\n\n"
        + table([*head, "test, %"], lines)
        + _failures(run["failed"])
    )


def process_text(results: dict[str, Any]) -> str:
    """Return the table of the whole processes."""
    lines = [
        [
            "`python mnist_softmax.py`",
            time_cell(results["seconds"]),
            ratio_cell(results["ratio"]),
            _megabytes(results["memory"]),
        ],
        [
            '`python -c "import tensorflow"`',
            time_cell(results["import_seconds"]),
            MISSING,
            _megabytes(results["import_memory"]),
        ],
    ]
    return table(["", "wall time", "ratio to the second row", "memory"], lines)


def growth_text(results: dict[str, Any]) -> str:
    """Return a table for each series, and the table of the cores.

    The times are relative to the first row, since each series is measured on its own: on a machine
    whose speed changes, the same step has another time in each of them.
    """
    parts = [_series_table(series) for series in results["series"]]
    cores = list(next(iter(results["cores"].values()))["seconds"])
    lines = [
        [one["title"], *(ratio_cell(one["speedup"][n]) for n in cores[1:])]
        for one in results["cores"].values()
    ]
    parts.append(table(["one step", *(f"speed-up on {n} cores" for n in cores[1:])], lines))
    return folded("Time and memory against size, speed-up on more cores", "\n\n".join(parts))


def _series_table(series: dict[str, Any]) -> str:
    head = [series["size"], "time, first row = 1", "exponent from the row above", "memory"]
    lines = []
    exponents = [None, *series["exponents"]]
    columns = (series["sizes"], series["seconds"], exponents, series["memory"])
    for size, seconds, power, memory in zip(*columns, strict=True):
        relative = f"{seconds[0] / series['seconds'][0][0]:.2f}"
        power_cell = MISSING if power is None else f"{power:.2f}"
        lines.append([f"{size:,}", relative, power_cell, _megabytes(memory)])
    text = (
        f"**{series['title']}**\n\n{table(head, lines)}\n\nExponent over all: "
        f"{series['exponent']:.2f}; time is {series['linear']}."
    )
    if "memory_per_byte_of_data" in series:
        text += (
            f" Memory grows by {series['memory_per_byte_of_data']:.2f} bytes for each byte of "
            f"training images. TensorFlow alone, as the scripts load it, uses "
            f"{_megabytes(series['tensorflow_memory'])}."
        )
    return text


TEXTS = {
    "steps": steps_text,
    "accuracy": accuracy_text,
    "process": process_text,
    "growth": growth_text,
}


def section(name: str, results: dict[str, Any]) -> str:
    """Return the text between the markers of a measurement: its command and its tables."""
    on = ", ".join([results["machine"], *results["versions"]])
    # Older files do not say how long it took.
    took = f", in about {in_words(results['took'])}" if "took" in results else ""
    return f"Made by `{results['command']}` on {on}{took}.\n\n{TEXTS[name](results)}\n"
