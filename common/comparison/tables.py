"""Numbers → the table of a comparison, on the terminal and as Markdown, with a few sentences."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from common import MODEL_NAMES
from common.comparison.durations import duration_sentence
from common.comparison.statistics import Verdict, verdicts

import numpy as np

UNKNOWN_MACHINE = "an unknown machine"
WIDTH = 80  # columns of a terminal
# Key of a number, heading on the terminal, heading in Markdown.
SHIFTED = ("shifted_mean", "shifted", "shifted by 2 pixels, %")
FEWEST_SEEDS = 3  # an interval from two numbers says nothing


def model_name(line: str, markdown: bool = False) -> str:
    """Return what a model is called: `MLP` for `mnist_mlp.py`, `CNN --augment` with a flag."""
    script, *flags = shlex.split(line)
    script, words = script.removesuffix(".py"), shlex.join(flags)
    name = MODEL_NAMES.get(script, script)  # a copy of a script is called by its own name
    return f"{name} `{words}`" if words and markdown else f"{name} {words}".strip()


def percent(fraction: float, std: float | None = None, digits: int = 2) -> str:
    """Return a fraction as a percentage, with its standard deviation if given: `98.55 ± 0.10`."""
    return f"{100 * fraction:.{digits}f}" + (f" ± {100 * std:.2f}" if std is not None else "")


def name_machines(machines: Iterable[str | None]) -> str:
    """Return the machines on which runs were measured, each one once.

    Args:
        machines: for each run the `machine` of its metrics.json; None for older runs, whose
            metrics do not have this key.

    Returns:
        the machine, or `several machines: …; …` if there is more than one.
    """
    names = list(dict.fromkeys(machine or UNKNOWN_MACHINE for machine in machines))
    return names[0] if len(names) == 1 else f"several machines: {'; '.join(names)}"


def markdown_table(results: dict[str, Any]) -> str:
    """Return a comparison as Markdown: the table at a glance, two sentences, the rest folded.

    Args:
        results: what results.json holds: `models` from `summarise`, `differences` from
            `compare_two`, and `seeds`, `machine` and `command`.
    """
    models = results["models"]
    head = ["", "model", "parameters", "multiply–adds per image", "training, s"]
    head += ["test accuracy, %", f"wrong of {models[0]['test_total']:,}"]
    rows = [[f"{k + 1}", *_glance(results, k, markdown=True)] for k in range(len(models))]
    if _has(models, SHIFTED[0]):
        head.append(SHIFTED[2])
    seeds = results["seeds"]
    measured = (
        f"Mean ± standard deviation over {seeds} seed{'s' * (seeds != 1)} (seconds: median), on "
        f"{results['machine']}. Made by `{results['command']}`. {duration_sentence(results)}"
    )
    parts = [markdown_rows(head, rows), sentences(results), measured, _details(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def terminal_table(results: dict[str, Any]) -> str:
    """Return a comparison in at most 80 columns: the table at a glance and two sentences.

    Args:
        results: as for `markdown_table`.
    """
    models = results["models"]
    head = ["", "model", "params", "mult-adds", "seconds", "test, %", "wrong"]
    rows = [[f"{k + 1}", *_glance(results, k, markdown=False)] for k in range(len(models))]
    if _has(models, SHIFTED[0]):
        head.append(SHIFTED[1])
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    # A long name stands in a line of its own, above its numbers.
    widths[1] = min(widths[1], WIDTH - 1 - sum(widths[2:]) - 2 * (len(head) - 1))
    lines = []
    for row in [head, *rows]:
        if len(row[1]) > widths[1]:
            lines += textwrap.wrap(
                f"{row[0]}  {row[1]}", WIDTH, subsequent_indent="   ", break_on_hyphens=False
            )
            row = ["", "", *row[2:]]
        cells = [row[0], row[1].ljust(widths[1])]
        cells += [cell.rjust(w) for cell, w in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([cells[0].ljust(1), *cells[1:]]).rstrip())
    return "\n".join([*lines, "", textwrap.fill(sentences(results), WIDTH)]) + "\n"


def _has(models: Sequence[dict[str, Any]], key: str) -> bool:
    return any(model.get(key) is not None for model in models)


def _glance(results: dict[str, Any], k: int, markdown: bool) -> list[str]:
    """Return the cells of one row, without its number."""
    models, base = results["models"], base_of(results, k)
    model = models[k]
    wrong = f"{model['errors_mean']:.0f}"
    # The factor is that to the row with which the row is compared.
    if base is not None and markdown and model["errors_mean"] and models[base]["errors_mean"]:
        wrong += f", {factor(model['errors_mean'], models[base]['errors_mean'])}"
    operations = model["multiply_adds"]  # None if layers are not of common.layers
    cells = [
        model_name(model["name"], markdown),
        f"{model['parameters']:,}",
        "–" if operations is None else f"{operations:,}",
        f"{model['train_seconds']:.1f}",
        percent(model["test_mean"], model["test_std"]),
        wrong,
    ]
    if _has(models, SHIFTED[0]):
        value = model.get(SHIFTED[0])
        cells.append("–" if value is None else percent(value, digits=1))
    return cells


def base_of(results: dict[str, Any], k: int) -> int | None:
    """Return the index of the row with which row `k` is compared; None for the baseline."""
    names = [model["name"] for model in results["models"]]
    bases = [one["first"] for one in results["differences"] if one["second"] == names[k]]
    return names.index(bases[0]) if bases else None


def factor(new: float, old: float) -> str:
    """Say how many times more or fewer `new` is than `old`: `5.2 times fewer`."""
    larger, smaller = max(new, old), min(new, old)
    times = f"{larger / smaller:.{1 if larger < 9.95 * smaller else 0}f}"
    return "as many" if times == "1.0" else f"{times} times {'fewer' if new < old else 'more'}"


def sentences(results: dict[str, Any]) -> str:
    """Return what the CNN has less and more of than the MLP, and what is significant."""
    models = {model["name"]: model for model in results["models"]}
    parts = []
    if {"mnist_mlp.py", "mnist_cnn.py"} <= models.keys():
        mlp, cnn = models["mnist_mlp.py"], models["mnist_cnn.py"]
        if all(one["multiply_adds"] and one["errors_mean"] for one in (mlp, cnn)):
            parts.append(
                f"The CNN has {factor(cnn['parameters'], mlp['parameters'])} parameters than the "
                f"MLP, does {factor(cnn['multiply_adds'], mlp['multiply_adds'])} multiply–adds and "
                f"makes {factor(cnn['errors_mean'], mlp['errors_mean'])} errors."
            )
    if results["differences"]:
        parts.append(_significance(results))
    return " ".join(parts)


def _significance(results: dict[str, Any]) -> str:
    """Say which rows differ significantly from the rows that they were tested against."""
    differences, numbers = results["differences"], _numbers(results["models"])
    pairs = [(numbers[one["first"]], numbers[one["second"]]) for one in differences]
    bases = {base for base, _ in pairs}
    before = all(base == row - 1 for base, row in pairs)
    other = "the row before it" if before else f"row {min(bases)}" if len(bases) == 1 else "another"
    found: dict[Verdict, list[int]] = {}
    for (_, row), (verdict, _) in zip(pairs, verdicts(differences), strict=True):
        found.setdefault(verdict, []).append(row)
    test = "exact McNemar test for each seed, Holm's correction over the table, p < 0.05"
    if list(found) == [Verdict.EVERY]:
        return f"Each row differs significantly from {other}, for every seed ({test})."
    words = [f"{verdict.value}: {_rows(found[verdict])}" for verdict in Verdict if verdict in found]
    return f"Differences from {other}: {'; '.join(words)} ({test})."


def _numbers(models: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {model["name"]: k + 1 for k, model in enumerate(models)}


def _rows(rows: Sequence[int]) -> str:
    *most, last = map(str, rows)
    return f"rows {', '.join(most)} and {last}" if most else f"row {last}"


def _details(results: dict[str, Any]) -> str:
    """Return the folded part: commands, recipes, validation, intervals, tests."""
    models, differences = results["models"], results["differences"]
    head = ["", "command", "recipe", "validation accuracy, %"]
    rows = [
        [
            f"{k + 1}",
            f"`python {model['name']}`",
            model.get("recipe") or f"{model['epochs']:g} epoch{'s' * (model['epochs'] != 1)}",
            percent(model["validation_mean"], model["validation_std"]),
        ]
        for k, model in enumerate(models)
    ]
    if results["seeds"] >= FEWEST_SEEDS:
        head.append("95 % interval of the mean test accuracy")
        for row, model in zip(rows, models, strict=True):
            row.append(" to ".join(map(percent, model["test_interval"])))
    legend = ""
    if differences:
        head.append("test")
        legend = (
            "Test: against which row, the largest p of a seed, and in brackets how many images "
            "only that row and only this row classifies correctly (mean over the seeds). "
        )
        numbers, cells = _numbers(models), {}
        for difference, (_, p_value) in zip(differences, verdicts(differences), strict=True):
            one, other = (
                f"{np.mean(difference[f'{which}_only_right']):.0f}" for which in ("first", "second")
            )
            base = numbers[difference["first"]]
            cells[numbers[difference["second"]]] = f"row {base}: p = {p_value:.2g} ({one}, {other})"
        for k, row in enumerate(rows):
            row.append(cells.get(k + 1, "–"))
    summary = "<details><summary>Commands, recipes, validation, tests</summary>"
    text = legend + sampling_error_sentence(models)
    return "\n\n".join([summary, markdown_rows(head, rows, words=3), text, "</details>"])


def markdown_rows(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 2) -> str:
    """Return a Markdown table.

    Args:
        head: the headings.
        rows: the cells.
        words: how many columns at the left hold words; the others hold numbers, set to the right.
    """
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0].replace("|  |", "| |"), f"|{'|'.join(rule)}|", *lines[1:]])


def sampling_error_sentence(models: list[dict[str, Any]]) -> str:
    """Return a sentence on how accurately this test set can measure an accuracy.

    Args:
        models: what `summarise` returned for each model; all were tested on the same images.

    Source: standard error of a proportion p among n images, √(p (1 − p) / n).
    """
    total = models[0]["test_total"]
    best = max(model["test_mean"] for model in models)
    standard_error = np.sqrt(best * (1 - best) / total)
    return (
        f"A difference of 0.1 percentage points is {total / 1000:g} of {total:,} test images. The "
        f"standard error of an accuracy of {percent(best)} % on a test set of this size is "
        f"{percent(standard_error)} percentage points."
    )


def expectation(model: dict[str, Any], results: dict[str, Any]) -> str:
    """Return the paragraph on the expected accuracy for a script's docstring.

    Args:
        model: what `summarise` returned for the script's recipe.
        results: what results.json holds.
    """
    text = (
        f"Expected: {percent(model['test_mean'], model['test_std'])} % on the test set, mean ± "
        f"standard deviation of {results['seeds']} seeds, after {model['epochs']:g} epochs in "
        f"{model['train_seconds']:.0f} s on {results['machine']}. Again with: {results['command']}"
    )
    return textwrap.fill(text, 99, break_on_hyphens=False)
