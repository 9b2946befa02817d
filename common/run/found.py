"""The runs on disk: finished, interrupted or going on, and what is known of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from common.run.files import LOCK, is_locked
from common.run.metrics import metrics_or_problem
from common.run.state import State, found_checkpoints

FINISHED, INTERRUPTED, RUNNING, DAMAGED = "finished", "interrupted", "running", "damaged"
# By these files a folder is known as a run; runs do not lie in the folders that a run makes.
SIGNS = {"metrics.json", ".lock", "checkpoints"}
NO_SETTINGS = {"steps", "data", "code", "script"}  # of the facts in a checkpoint
PARTS = {"checkpoints", "saved_model", "tensorboard"}


class RunOnDisk(NamedTuple):
    """What is known of one run; None for what is not."""

    folder: Path
    state: str  # FINISHED, INTERRUPTED, RUNNING or DAMAGED
    problem: str = ""  # why nothing else is known
    done: float | None = None  # the fraction of the steps that are done
    model: str | None = None  # the script's name without .py
    settings: Mapping[str, Any] = MappingProxyType({})  # those that decide what a run computes
    parameters: int | None = None
    test_accuracy: float | None = None  # from 0 to 1
    seconds: float | None = None
    date: datetime | None = None  # when its newest file was written, in local time
    history: Sequence[dict[str, float]] = ()  # the learning curve, a row for each epoch

    @property
    def seed(self) -> int | None:
        """Return the seed."""
        return self.settings.get("seed")

    @property
    def epochs(self) -> float | None:
        """Return how many epochs were measured."""
        return self.history[-1]["epoch"] if self.history else None

    @property
    def validation_accuracy(self) -> float | None:
        """Return the accuracy after the last of them, from 0 to 1."""
        return self.history[-1]["validation_accuracy"] if self.history else None


def run_folders(root: Path) -> Iterator[Path]:
    """Yield the folders of runs in `root`, itself and links included, in the order of their names.

    A folder that cannot be read is left out.
    """
    seen = set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        place = os.path.realpath(folder)
        if place in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(place)
        if SIGNS & {*folders, *files}:
            yield folder
        folders[:] = sorted(set(folders) - PARTS, key=natural_order)


def natural_order(text: object) -> list[tuple[int, str]]:
    """Return a key that sorts `seed-9` before `seed-10`."""
    parts = re.findall(r"\d+|\D+", str(text))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def read_run(folder: Path) -> RunOnDisk | None:
    """Read what a run has left; None if it has left nothing. Whatever stands there is no error."""
    metrics, problem = metrics_or_problem(folder)
    problem = f"its {problem}" if problem else ""
    checkpoints = found_checkpoints(folder / "checkpoints")
    state = next((one.state for one in reversed(checkpoints) if one.state), None)
    if metrics and state and state.history == metrics["history"]:
        state = None  # it is that of the finished run, and no run after it has left one
    running = is_locked(folder)
    if state and not problem:
        return _unfinished(folder, state, RUNNING if running else INTERRUPTED)
    # A run that draws its pictures has written metrics.json after its lock.
    if running and not (metrics and _date(folder / "metrics.json") >= _date(folder / LOCK)):
        return RunOnDisk(folder, RUNNING, "no epoch is finished yet")
    if metrics:
        return _finished(folder, metrics)
    if not problem and checkpoints:
        problem = f"none of its checkpoints can be read: {checkpoints[-1].problem}"
    return RunOnDisk(folder, DAMAGED, problem) if problem else None


def _finished(folder: Path, metrics: dict[str, Any]) -> RunOnDisk:
    settings = metrics.get("settings") or {}
    return RunOnDisk(
        folder,
        FINISHED,
        done=1.0,
        model=metrics["model"],
        settings={"seed": metrics.get("seed"), **settings},
        parameters=metrics.get("parameters"),
        test_accuracy=metrics.get("test_accuracy"),
        seconds=metrics.get("train_seconds"),
        date=_date(folder / "metrics.json"),
        history=metrics["history"],
    )


def _unfinished(folder: Path, state: State, word: str) -> RunOnDisk:
    # Older checkpoints do not name the script, but each of the three has flags of its own.
    own = {"network": "mnist_cnn", "hidden": "mnist_mlp"}
    guess = next((script for flag, script in own.items() if flag in state.facts), "mnist_softmax")
    settings = {k: v for k, v in state.facts.items() if k not in NO_SETTINGS}
    if settings.get("teacher"):
        settings["teacher"] = str(settings["teacher"]).rpartition(" (checksum ")[0]
    return RunOnDisk(
        folder,
        word,
        done=state.step / state.facts["steps"],
        model=state.facts.get("script", guess),
        settings=settings,
        seconds=state.seconds,
        date=_date(*(folder / "checkpoints").glob("*.index")),
        history=state.history,
    )


def _date(*files: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(max(file.stat().st_mtime for file in files))
    except (OSError, OverflowError, ValueError):
        return None
