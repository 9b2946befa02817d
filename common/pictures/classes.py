"""Divide values into classes: ink and paper, or ink, paper and table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLEAR = 4.0  # standard deviations of the paper between ink and paper: two clear classes


@dataclass(frozen=True)
class Classes:
    """Values divided into two classes by a threshold."""

    threshold: float
    low: float  # the mean of the values below the threshold
    high: float
    low_spread: float  # the standard deviation of the values below the threshold
    high_spread: float

    @property
    def contrast(self) -> float:
        """The difference of both means."""
        return self.high - self.low


def two_classes(values: np.ndarray) -> Classes:
    """Divide values at the threshold that makes both classes most uniform.

    The method is Otsu's (1979): it minimises the variance within the classes.
    """
    values = values.ravel()
    least, most = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, 128, (least, max(most, least + 1e-6)))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * middles)
    total = sums[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums[:-1] / below - (total - sums[:-1]) / above) ** 2
    best = np.nan_to_num(between)
    # Between two classes of pure black and white every threshold is equally good: the middle one.
    ties = np.flatnonzero(best >= best.max() * (1 - 1e-9))
    threshold = float(edges[1 + ties[len(ties) // 2]])
    low, high = values[values <= threshold], values[values > threshold]
    if not len(low) or not len(high):
        return Classes(threshold, least, least, 0.0, 0.0)
    return Classes(
        threshold, float(low.mean()), float(high.mean()), float(low.std()), float(high.std())
    )


def three_classes(values: np.ndarray) -> tuple[float, float]:
    """Return the two thresholds that divide values into the three most uniform classes (Otsu)."""
    least, most = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, 48, (least, max(most, least + 1e-6)))
    counts = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0], np.cumsum(np.diff(counts) * (edges[:-1] + edges[1:]) / 2)])
    number = counts[None, :] - counts[:, None]  # of the values between edge i and edge j
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.nan_to_num((sums[None, :] - sums[:, None]) ** 2 / number, posinf=0)
    total = np.triu(gain[0][:, None] + gain + gain[:, -1][None, :], 1)[1:-1, 1:-1]
    first, second = np.unravel_index(total.argmax(), total.shape)
    return float(edges[first + 1]), float(edges[second + 1])
