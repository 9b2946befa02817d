"""Fair times: contestants take turns, and only times of the same turn are divided.

A machine is faster in one minute than in the next: other programs, temperature, a host with other
guests. In each round every contestant works once, one at a time, in an order that shifts by one
from round to round. A ratio is taken within each round, between neighbours in time; its median and
quartiles over the rounds are what the tables show.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contestants import CONTESTANTS, describe, environment
from benchmarks.workloads import Workload
from common import UserError

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]


class Spread(NamedTuple):
    """A median and the quartiles around it: half of the rounds lie between `low` and `high`."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of some values."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return the spread of ours / theirs, each pair from the same round."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


class ChildError(UserError):
    """A contestant's process has failed; the message is the last line that it wrote."""


class Child:
    """A contestant at work in a process of its own (see contestants.py)."""

    def __init__(self, name: str, workload: Workload, cores: int | None = None) -> None:
        """Start it; `wait_until_ready` must be called before anything else.

        Args:
            name: a key of CONTESTANTS.
            workload: what to train.
            cores: confine the process to so many cores; None leaves it all.
        """
        self.name, self.workload = name, workload
        # Open as long as the child is: close() closes it.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        confine: Callable[[], None] | None = None
        if cores is not None:
            chosen = sorted(os.sched_getaffinity(0))[:cores]

            def confine() -> None:
                os.sched_setaffinity(0, chosen)

        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.contestants", name],
            cwd=REPOSITORY,
            env=environment(name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=confine,
        )
        self._send(describe(workload))

    def wait_until_ready(self) -> Child:
        """Wait until the net is built.

        Raises:
            ChildError: it could not be built.
        """
        built = self._answer()
        self.parameters, self.flops = built["parameters"], built["flops"]
        return self

    def do(self, command: str, number: int = 0) -> dict[str, Any]:
        """Let the child carry out a command of `contestants.obey`, and return its answer."""
        self._send(json.dumps([command, number]))
        return self._answer()

    def count_for(self, seconds: float) -> int:
        """Warm up, and return how many steps take about so many seconds."""
        self.do("steps", 2)  # compiles what is compiled at first use
        count, took = 2, self.do("steps", 2)["seconds"]
        while took < seconds / 4:
            count = min(8 * count, max(2 * count, int(count * seconds / 2 / took)))
            took = self.do("steps", count)["seconds"]
        return max(1, round(count * seconds / took))

    def close(self) -> None:
        """Let the process end."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _send(self, line: str) -> None:
        try:
            print(line, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            self._answer()  # says why

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().rpartition("\n")[2] or "it said nothing"
        raise ChildError(f"{CONTESTANTS[self.name].title} ended: {last}")


def start_all(
    stack: ExitStack, wanted: dict[Any, tuple[str, Workload, int | None]]
) -> tuple[dict[Any, Child], dict[Any, str]]:
    """Start children, all at once: they build their nets side by side.

    Args:
        stack: closes them in the end.
        wanted: for each key the arguments of `Child`.

    Returns:
        the children that are ready, and what those said that failed, by their keys.
    """
    started = {}
    for key, arguments in wanted.items():
        started[key] = Child(*arguments)
        stack.callback(started[key].close)
    children, failed = {}, {}
    for key, child in started.items():
        try:
            children[key] = child.wait_until_ready()
        except ChildError as error:
            failed[key] = str(error)
    return children, failed


def in_rounds(
    children: dict[Any, Child], rounds: int, seconds: float, advance: Callable[[], object]
) -> tuple[dict[Any, list[float]], dict[Any, str]]:
    """Let the children take steps, in turns.

    Args:
        children: ready ones.
        rounds: how many times each works.
        seconds: about how long each time.
        advance: called after each piece of work, `rounds + 1` times for each child.

    Returns:
        for each child the seconds per step in each round, and what those said that failed.
    """
    counts, failed = {}, {}
    for key, child in children.items():
        try:
            counts[key] = child.count_for(seconds)
        except ChildError as error:
            failed[key] = str(error)
        advance()
    times: dict[Any, list[float]] = {key: [] for key in counts}
    keys = list(counts)
    for number in range(rounds):
        first = number % len(keys) if keys else 0
        for key in keys[first:] + keys[:first]:
            times[key].append(children[key].do("steps", counts[key])["seconds"] / counts[key])
            advance()
    return times, failed
