"""How fast a quantity grows with a size: the exponent, and where growth is linear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Growth with an exponent within this distance of 1 is called linear: 10 times the size then takes
# 8 to 13 times the time.
LINEAR = 0.1


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return b of the power law value = a · sizeᵇ, fitted by least squares of the logarithms.

    1 is linear growth, 0 is no growth.
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def exponents_between(sizes: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the exponent between each size and the next one."""
    return (np.diff(np.log(values)) / np.diff(np.log(sizes))).tolist()


def where_linear(sizes: Sequence[float], values: Sequence[float]) -> str:
    """Return between which sizes the growth is linear (see LINEAR), as a phrase."""
    steps = list(zip(sizes[:-1], sizes[1:], exponents_between(sizes, values), strict=True))
    linear = [(low, high) for low, high, power in steps if abs(power - 1) <= LINEAR]
    if len(linear) == len(steps):
        return "linear throughout"
    if not linear:
        return "nowhere linear"
    spans: list[list[float]] = []
    for low, high in linear:
        if spans and spans[-1][1] == low:
            spans[-1][1] = high
        else:
            spans.append([low, high])
    return "linear " + ", ".join(f"from {low:,g} to {high:,g}" for low, high in spans)


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return b of the line value = a + b · size, fitted by least squares."""
    return float(np.polyfit(sizes, values, 1)[0])
