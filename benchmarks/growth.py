"""How time and memory grow with a size: the exponent, and where growth is linear."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common import UserError

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
# Growth by an exponent within this of 1 is called linear: 10 times the size then takes 8 to 13
# times the time.
LINEAR = 0.1
# Runs a command and prints its seconds and its most memory in bytes. A process of its own, and a
# small one, since a new process inherits its parent's maximum.
LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, seconds, memory, done.stderr[-500:]]))
"""


# What importing `common` sets, and a user's shell does not.
OURS = {"TF_CPP_MIN_LOG_LEVEL", "TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS"}


class Process(NamedTuple):
    """What a whole process took."""

    seconds: float
    memory: int
    """The most that it had, in bytes."""


def whole_process(*arguments: str) -> Process:
    """Run `python ARGUMENTS …` from its start to its exit, as from the user's shell.

    Raises:
        UserError: it failed.
    """
    launcher = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *arguments]
    shell = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        launcher, cwd=REPOSITORY, env=shell, capture_output=True, text=True, check=True
    )
    status, seconds, memory, errors = json.loads(done.stdout)
    if status:
        last = errors.strip().rpartition("\n")[2]
        raise UserError(f"python {' '.join(arguments)} ended with status {status}: {last}")
    return Process(seconds, memory)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return b of the power law value = a · sizeᵇ that fits best (least squares of logarithms).

    1 is linear growth, 0 none.
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def exponents_between(sizes: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the exponent between each size and the next."""
    return (np.diff(np.log(values)) / np.diff(np.log(sizes))).tolist()


def where_linear(sizes: Sequence[float], values: Sequence[float]) -> str:
    """Say between which sizes the values grow in a straight line (see LINEAR)."""
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
    """Return b of the straight line value = a + b · size that fits best."""
    return float(np.polyfit(sizes, values, 1)[0])
