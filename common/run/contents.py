"""JSON that others may have written → values of the expected kind, or a ValueError that says why.

The reasons are parts of a sentence: "its seconds are text, not a number from 0 to 1e+09".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from common.objective import LOSS_LIMIT

MOST = 2**53  # a whole number up to here is exact in every program that reads JSON
LONGEST = 1e9  # seconds: 31 years
KINDS = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
# What each row of a learning curve has, and the range of the numbers.
ROW = {
    **{"step": (1, MOST), "epoch": (0, MOST), "seconds": (0, LONGEST)},
    **{"train_loss": (-MOST, LOSS_LIMIT), "train_accuracy": (0, 1)},
    **{"validation_loss": (-MOST, LOSS_LIMIT), "validation_accuracy": (0, 1)},
}


def parse_json(text: str | bytes) -> Any:
    """Return what the text stands for.

    Raises:
        ValueError: it is not JSON, which has neither NaN nor infinity, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(name: str) -> None:
    raise ValueError(f"it contains {name}, which is not a number")


def require(value: Any, kind: type, name: str) -> Any:
    """Return `value` if it is of this kind, one of KINDS.

    Raises:
        ValueError: it is of another one.
    """
    if type(value) is not kind:
        raise ValueError(f"its {name} is {kind_of(value)}, not {KINDS[kind]}")
    return value


def entry(of: dict[str, Any], name: str, kind: type) -> Any:
    """Return an entry of an object, of this kind; see `require`."""
    if name not in of:
        raise ValueError(f"it has no {name}")
    return require(of[name], kind, name)


def number(value: Any, name: str, low: float, high: float) -> float:
    """Return `value` if it is a number from `low` to `high`.

    Raises:
        ValueError: it is something else.
    """
    if type(value) not in (int, float) or not low <= value <= high:  # true for NaN, too
        raise ValueError(f"its {name} is {kind_of(value)}, not a number from {low:g} to {high:g}")
    return value


def whole(value: Any, name: str, low: int, high: int = MOST) -> int:
    """Return `value` if it is a whole number from `low` to `high`; see `number`."""
    if type(value) is not int or not low <= value <= high:
        limits = f"from {low} to {high}" if high < MOST else f"of {low} or more"
        raise ValueError(f"its {name} is {kind_of(value)}, not a whole number {limits}")
    return value


def kind_of(value: Any) -> str:
    """Return what a value is, in a word or two; of a number, which one."""
    if type(value) is int and abs(value) > MOST:
        return "a very large number"
    return KINDS.get(type(value)) or f"{value!r:.40}"


def read_history(value: Any, step: int) -> list[dict[str, float]]:
    """Return a learning curve: a row for each epoch, as `training.mini_batches` makes them.

    Args:
        value: what should be one.
        step: the number of steps done; no row is of a later one.

    Raises:
        ValueError: it is none, or its rows are not in the order of time.
    """
    before = {"step": 0, "epoch": 0, "seconds": 0}
    for row in require(value, list, "history"):
        require(row, dict, "row of the history")
        for name, limits in ROW.items():
            number(row.get(name), f"{name} in the history", *limits)
        for name in row.keys() - ROW.keys():  # that a reader's own loop has added
            if row[name] is not None:
                number(row[name], f"{name} in the history", -sys.float_info.max, sys.float_info.max)
        whole(row["step"], "step in the history", before["step"] + 1, step)
        if row["epoch"] <= before["epoch"] or row["seconds"] < before["seconds"]:
            raise ValueError("the rows of its history are not in the order of time")
        if row["epoch"] > before["epoch"] + 1:
            raise ValueError("its history lacks an epoch")
        before = row
    return value


def texts(value: Any, name: str) -> Sequence[str]:
    """Return `value` if it is a list of texts; see `require`."""
    return [require(one, str, f"entry of {name}") for one in require(value, list, name)]
