"""What an earlier run has left in metrics.json, checked when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.run.contents import (
    LONGEST,
    MOST,
    entry,
    number,
    parse_json,
    read_history,
    require,
    whole,
)
from common.run.files import reason_of

FRACTIONS = ("train_accuracy", "validation_accuracy", "test_accuracy")
COUNTS = ("steps", "test_correct", "test_total", "parameters", "multiply_adds")
LARGEST = 2**20  # height and width of an image, neurons, filters


def read_metrics(folder: Path, needed: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a finished run has left in `folder`.

    Args:
        folder: the output directory of the run.
        needed: entries that must be there and not null, beside `model` and `history`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or too old to have an entry; the message says why.
    """
    value = require(parse_json((folder / "metrics.json").read_bytes()), dict, "content")
    for name in needed:
        if value.get(name) is None:
            raise ValueError(f"it has no {name}")
    entry(value, "model", str)
    history = read_history(value.get("history"), MOST)
    last = history[-1]["step"] if history else None
    # A loop without mini_batches has measured nothing.
    there = {name: one for name, one in value.items() if one is not None}
    for name in there.keys() & set(FRACTIONS):
        number(value[name], name, 0, 1)
    for name in there.keys() & set(COUNTS):
        whole(value[name], name, 0)
    if there.get("steps", last) != last:
        raise ValueError("its steps are not those of its history")
    for name in there.keys() & {"machine", "training_step"}:
        entry(value, name, str)
    number(there.get("train_seconds", 0), "train_seconds", 0, LONGEST)
    number(there.get("epochs", 0), "epochs", 0, MOST)
    entry(there | {"settings": value.get("settings", {})}, "settings", dict)
    if "data" in there:
        data = entry(value, "data", dict)
        require_shape(data.get("image_shape"))
        for name in ("classes", "training"):
            whole(data.get(name), f"number of {name}", 1)
    return value


def metrics_or_problem(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """Return what a finished run has left in `folder`, or None and why that cannot be used.

    Where there is no metrics.json, it is None without a reason. The reason is a sentence without
    its full stop that begins with `metrics.json`.
    """
    try:
        return read_metrics(folder), ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else error
        return None, f"metrics.json is damaged, too old or of another program: {reason}"


def require_shape(value: Any) -> tuple[int, int]:
    """Return height and width of an image if `value` is a list of the two.

    Raises:
        ValueError: it is something else.
    """
    if len(require(value, list, "image_shape")) != 2:
        raise ValueError(f"its image_shape has {len(value)} entries, not two")
    height, width = (whole(side, "image_shape", 1, LARGEST) for side in value)
    return height, width
