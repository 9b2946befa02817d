"""Numbers → Markdown: the table of a comparison and the sentences below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

SIGNIFICANCE_LEVEL = 0.05
UNKNOWN_MACHINE = "an unknown machine"
HEAD = (
    "| script | parameters | multiply–adds per image | epochs | training, seconds "
    "| validation, % | test, % | 95 % interval of the mean | errors |"
)


def percent(fraction: float, std: float | None = None) -> str:
    """Return a fraction as a percentage, with its standard deviation if given: `98.55 ± 0.10`."""
    return f"{fraction:.2%}"[:-1] + (f" ± {100 * std:.2f}" if std is not None else "")


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
    """Return a comparison as Markdown: the table, how it was measured, the differences.

    Args:
        results: what results.json holds: `models` from `summarise`, `differences` from
            `compare_two`, and `seeds`, `machine` and `command`.
    """
    seeds = results["seeds"]
    measured = (
        f"Mean ± standard deviation over {seeds} seed{'s' * (seeds != 1)} (seconds: median), on "
        f"{results['machine']}. Made by `{results['command']}`."
    )
    rows = "\n".join(
        [HEAD, "|---" + "|--:" * (HEAD.count("|") - 2) + "|", *map(_row, results["models"])]
    )
    differences = "\n".join(map(difference_sentence, results["differences"]))
    parts = [rows, measured, differences, sampling_error_sentence(results["models"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(model: dict[str, Any]) -> str:
    interval = " to ".join(map(percent, model["test_interval"] or ())) or "–"
    cells = [
        f"`{model['name']}`",
        f"{model['parameters']:,}",
        f"{model['multiply_adds']:,}",
        f"{model['epochs']:g}",
        f"{model['train_seconds']:.1f}",
        percent(model["validation_mean"], model["validation_std"]),
        percent(model["test_mean"], model["test_std"]),
        interval,
        f"{model['errors_mean']:.0f} of {model['test_total']:,}",
    ]
    return f"| {' | '.join(cells)} |"


def difference_sentence(difference: dict[str, Any]) -> str:
    """Return, as an item of a list, whether two models differ significantly.

    Args:
        difference: what `compare_two` returns.
    """
    first_only, second_only = difference["first_only_right"], difference["second_only_right"]
    p_values = difference["p_values"]
    directions = {one > other for one, other in zip(first_only, second_only, strict=True)}
    if max(p_values) < SIGNIFICANCE_LEVEL and len(directions) == 1:
        verdict = "significant for every seed"
    elif min(p_values) < SIGNIFICANCE_LEVEL:
        verdict = "significant for some seeds only"
    else:
        verdict = "not significant"
    return (
        f"- `{difference['first']}` and `{difference['second']}`: {np.mean(first_only):.0f} images "
        f"that only the first classifies correctly, {np.mean(second_only):.0f} only the second; "
        f"{verdict} (exact McNemar test, largest p = {max(p_values):.2g})."
    )


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
