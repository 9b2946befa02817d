"""Finished runs → numbers: mean and spread over the seeds, McNemar's test between two models.

A run is a dict: what metrics.json holds and, from predictions.npy, the arrays `true` and
`predicted`, int32 [n] with one class per test image. The runs of a model are a list with one run
per seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
from scipy import stats

Run = dict[str, Any]
CONFIDENCE = 0.95
SIGNIFICANCE_LEVEL = 0.05


def summarise(name: str, runs: list[Run]) -> dict[str, Any]:
    """Return the numbers of one model: means and spreads over its runs.

    Accuracies are fractions from 0 to 1. The standard deviation has n − 1 in its denominator.

    Args:
        name: the model's name in the table.
        runs: one run per seed; at least one.

    Returns:
        a dict that can be written as JSON. `train_seconds` is the median over the runs, the other
        numbers are means or, where they do not depend on the seed, those of the first run.
        `validation_std`, `test_std` and `test_interval` are None for a single run.
    """
    test = np.array([run["test_accuracy"] for run in runs])
    validation = np.array([run["validation_accuracy"] for run in runs])
    first = runs[0]
    return {
        "name": name,
        "parameters": first["parameters"],
        "multiply_adds": first["multiply_adds"],
        "epochs": first["epochs"],
        "train_seconds": float(np.median([run["train_seconds"] for run in runs])),
        "validation_mean": float(validation.mean()),
        "validation_std": standard_deviation(validation),
        "test_mean": float(test.mean()),
        "test_std": standard_deviation(test),
        "test_interval": interval_of_mean(test),
        "errors_mean": float(np.mean([run["test_total"] - run["test_correct"] for run in runs])),
        "test_total": first["test_total"],
        "test_accuracies": test.tolist(),
        "recipe": recipe(first),
    }


def recipe(run: Run) -> str | None:
    """Return how a net was trained, in a few words; None for a run that did not note it."""
    settings = run.get("settings", {})
    try:
        length = f"{run['epochs']:g} epoch{'s' * (run['epochs'] != 1)}"
        if settings.get("iterations"):
            length = f"{settings['iterations']:,} steps"
        text = (
            f"{length}, batch size {settings['batch_size']}, "
            f"{settings['optimizer']}, learning rate {settings['learning_rate']:g}, "
            f"{settings['decay']}"
        )
    except (KeyError, TypeError, ValueError):
        return None
    for name in ("dropout", "label_smoothing"):
        if settings.get(name):
            text += f", {name.replace('_', ' ')} {settings[name]:g}"
    return text


def standard_deviation(values: np.ndarray) -> float | None:
    """Return the sample standard deviation of float [n], or None if n is 1."""
    return float(values.std(ddof=1)) if len(values) > 1 else None


def interval_of_mean(accuracies: np.ndarray) -> list[float] | None:
    """Return the 95 % confidence interval of a mean accuracy.

    Args:
        accuracies: float [n], one accuracy per seed, fractions from 0 to 1.

    Returns:
        lower and upper end, clipped to 0 and 1; None if n is 1.

    Source: Student, "The probable error of a mean", Biometrika 6, 1908 (the t distribution with
    n − 1 degrees of freedom).
    """
    count = len(accuracies)
    if count < 2:
        return None
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    half_width = quantile * accuracies.std(ddof=1) / np.sqrt(count)
    mean = accuracies.mean()
    return [float(max(0, mean - half_width)), float(min(1, mean + half_width))]


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Null hypothesis: both models have the same accuracy. Then an image that exactly one of them
    classifies correctly is the first model's with probability 1/2. Images that both models
    classify correctly, or both incorrectly, carry no information.

    Args:
        first_only: number of images that only the first model classifies correctly.
        second_only: number of images that only the second model classifies correctly.

    Returns:
        the p-value, from 0 to 1; 1 if both numbers are 0.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
    or percentages", Psychometrika 12, 1947; exact (binomial) version.
    """
    total = first_only + second_only
    return float(stats.binomtest(first_only, total).pvalue) if total else 1.0


def compare_two(first: tuple[str, list[Run]], second: tuple[str, list[Run]]) -> dict[str, Any]:
    """Compare the predictions of two models on the same test images, seed by seed.

    Args:
        first: name and runs of one model.
        second: name and runs of the other model, with the same seeds in the same order.

    Returns:
        a dict that can be written as JSON: both names and, with one entry per seed, the numbers
        of images that only one of the two models classifies correctly and the p-values.

    Raises:
        ValueError: the models have different numbers of runs.
    """
    counts = []
    for one, other in zip(first[1], second[1], strict=True):
        correct_one = one["predicted"] == one["true"]
        correct_other = other["predicted"] == other["true"]
        first_only = int(np.sum(correct_one & ~correct_other))
        second_only = int(np.sum(correct_other & ~correct_one))
        counts.append((first_only, second_only))
    return {
        "first": first[0],
        "second": second[0],
        "first_only_right": [first_only for first_only, _ in counts],
        "second_only_right": [second_only for _, second_only in counts],
        "p_values": [mcnemar(*pair) for pair in counts],
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for the number of tests in a table.

    With the corrected values below 0.05 as the rule, the probability of one false alarm or more in
    the whole table is at most 5 %.

    Args:
        p_values: one for each test, from 0 to 1.

    Returns:
        the corrected p-values, in the same order.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * factors), 1)
    result = np.empty(len(p_values))
    result[order] = corrected
    return result.tolist()


class Verdict(Enum):
    """What a test says of two models, over all seeds."""

    EVERY = "significant for every seed"
    SOME = "significant for some seeds only"
    NONE = "not significant"


def verdicts(differences: Sequence[dict[str, Any]]) -> list[tuple[Verdict, float]]:
    """Return, for each result of `compare_two` in a table, a verdict and a p-value.

    Holm's correction is applied to the tests of each seed. The p-value is the largest of a seed.
    """
    if not differences:
        return []
    corrected = np.array(
        [holm(of_seed) for of_seed in zip(*(d["p_values"] for d in differences), strict=True)]
    )
    found = []
    for difference, p_values in zip(differences, corrected.T, strict=True):
        pairs = zip(difference["first_only_right"], difference["second_only_right"], strict=True)
        directions = {one > other for one, other in pairs}
        if p_values.max() < SIGNIFICANCE_LEVEL and len(directions) == 1:
            verdict = Verdict.EVERY
        else:
            verdict = Verdict.SOME if p_values.min() < SIGNIFICANCE_LEVEL else Verdict.NONE
        found.append((verdict, float(p_values.max())))
    return found
