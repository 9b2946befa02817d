"""Child processes that take turns, so that their times can be compared.

The speed of a machine changes from minute to minute, with other programs, its temperature and, on
a virtual machine, other guests. So in each round every child process works once, one at a time, in
an order that shifts by one from round to round. Ratios are computed within a round; the tables
show their median and quartiles over the rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from benchmarks.frameworks import FRAMEWORKS, PEAKS, environment, serialise
from benchmarks.pages import REPOSITORY
from benchmarks.workloads import Workload
from common import UserError

import numpy as np
from tqdm import tqdm


class Spread(NamedTuple):
    """A median with its quartiles: half of the rounds lie between `low` and `high`."""

    median: float
    low: float
    high: float


def progress_bar(title: str, total: int) -> tqdm:
    """Return a progress bar that is only shown on a terminal."""
    return tqdm(desc=title, total=total, leave=False, disable=None, dynamic_ncols=True)


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of some values."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return the spread of ours / theirs, each pair from the same round."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


class ChildError(UserError):
    """The process of a framework has failed; the message contains the last line that it wrote."""


class Child:
    """The process of one framework (see frameworks.py).

    Attributes:
        name: a key of FRAMEWORKS.
        workload: what is trained.
        parameters: number of parameters of the net, as the process reports it.
        flops: floating-point operations of a training step; None where they are not counted.
    """

    def __init__(self, name: str, workload: Workload, cores: int | None = None) -> None:
        """Start the process; `wait_until_ready` must be called before any other method.

        Args:
            name: a key of FRAMEWORKS.
            workload: what to train.
            cores: restrict the process to this number of cores; None allows all.
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
            [sys.executable, "-m", "benchmarks.frameworks", name],
            cwd=REPOSITORY,
            env=environment(name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=confine,
        )
        self._send(serialise(workload))

    def wait_until_ready(self) -> Child:
        """Wait until the net is built, and return this object.

        Raises:
            ChildError: the net could not be built.
        """
        built = self._answer()
        self.parameters, self.flops = built["parameters"], built["flops"]
        return self

    def do(self, command: str, number: int = 0) -> dict[str, Any]:
        """Send a command of `frameworks.execute` to the process and return its answer.

        Raises:
            ChildError: the process failed.
        """
        self._send(json.dumps([command, number]))
        return self._answer()

    def count_for(self, seconds: float) -> int:
        """Warm up and return the number of steps that take about this number of seconds."""
        self.do("steps", 2)  # includes compilation
        count, took = 2, self.do("steps", 2)["seconds"]
        while took < seconds / 4:
            count = min(8 * count, max(2 * count, int(count * seconds / 2 / took)))
            took = self.do("steps", count)["seconds"]
        return max(1, round(count * seconds / took))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _send(self, line: str) -> None:
        try:
            print(line, file=self._process.stdin, flush=True)
        except BrokenPipeError:
            self._answer()  # raises a ChildError with the reason

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().rpartition("\n")[2] or "no message"
        raise ChildError(f"{FRAMEWORKS[self.name].title} ended: {last}")


def require_equal_nets(children: dict[str, Child]) -> None:
    """Check that all frameworks have built nets of the same size.

    Args:
        children: name of the framework → child that is ready.

    Raises:
        UserError: the numbers of parameters differ.
    """
    sizes = {name: child.parameters for name, child in children.items() if name not in PEAKS}
    if len(set(sizes.values())) > 1:
        raise UserError(f"the frameworks have built different nets, in parameters: {sizes}.")


def start_all(
    stack: ExitStack, wanted: dict[Any, tuple[str, Workload, int | None]]
) -> tuple[dict[Any, Child], dict[Any, str]]:
    """Start child processes; they build their nets at the same time.

    Args:
        stack: closes the processes when it is closed.
        wanted: for each key the arguments of `Child`.

    Returns:
        by their keys, the children that are ready and the messages of those that failed.
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
    """Time the training steps of the children, which take turns.

    Args:
        children: children that are ready.
        rounds: number of rounds.
        seconds: about how long each child works in each round.
        advance: called after each piece of work, `rounds + 1` times for each child.

    Returns:
        by their keys, the seconds per step in each round, and the messages of the children that
        failed before the first round.

    Raises:
        ChildError: a child failed later.
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
