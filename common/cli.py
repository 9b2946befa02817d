"""Flags → settings: every shared flag, its default and its help stand here once."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common.data import DEFAULT_DATA_DIR
from common.objective import OPTIMIZERS, SCHEDULES
from common.plots import require_display


def _number(
    convert: Callable[[str], float], low: float, high: float, kind: str
) -> Callable[[str], float]:
    """Return a parser of numbers from `low` to `high`, which argparse quotes when one is wrong."""

    def parse(text: str) -> float:
        try:
            value = convert(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # true for NaN, too
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind}")
        return value

    return parse


parse_count = _number(int, 1, 2**40, "a whole number of 1 or more")
_step = _number(int, 0, 2**40, "a whole number of 0 or more")
_seed = _number(int, 0, 2**31 - 1, "a whole number from 0 to 2147483647")
_rate = _number(float, 5e-324, sys.float_info.max, "a number above 0")
_share = _number(float, 0, math.nextafter(1, 0), "a number from 0 up to, but not including, 1")

METAVARS = {Path: "DIR", _rate: "RATE", _share: "SHARE"}

# Flags that every script has. A default of None here is shown in the help text itself.
SHARED = {
    "learning_rate": {"type": _rate, "help": "how far each step goes; the schedule's peak"},
    "batch_size": {"type": parse_count, "help": "images in a mini-batch"},
    "optimizer": {"choices": list(OPTIMIZERS), "help": "how a gradient becomes a step"},
    "decay": {"choices": list(SCHEDULES), "help": "schedule of the learning rate over the run"},
    "seed": {"type": _seed, "help": "start of every random number; equal seeds, equal runs"},
    "train_size": {
        "type": parse_count,
        "help": "use only the first N training images (default: all)",
    },
    "data_dir": {"type": Path, "help": "folder with the four IDX files"},
    "output_dir": {"type": Path, "help": "folder for everything that the run writes"},
    "evaluate_at": {
        "type": _step,
        "nargs": "+",
        "metavar": "STEP",
        "help": "also print the test accuracy after these steps, for the record (default: none)",
    },
    "resume": {"action": "store_true", "help": "go on from the checkpoint in the output directory"},
    "show": {"action": "store_true", "help": "also open the pictures in windows"},
}
# Flags that a script has when it names a default for them.
SPECIAL = {
    "dropout": {"type": _share, "help": "share of the hidden neurons silenced in each step"},
    "input_channel": {"type": _step, "help": "channel of the filters drawn for later layers"},
}


def parse_settings(
    argv: Sequence[str] | None, model: str, description: str, **recipe: Any
) -> argparse.Namespace:
    """Read the command line of one script.

    Args:
        argv: the arguments; None reads `sys.argv`.
        model: the script's name without `.py`.
        description: the script's docstring, shown by `--help`.
        recipe: the script's documented recipe: `epochs`, `batch_size`, `learning_rate` and any
            other flag's default.

    Returns:
        one attribute for each flag, beside `model` and `command`, the line that was typed.
        Exactly one of `epochs` and `iterations` is set.

    Raises:
        UserError: `--show` was given where no window can be opened.
        SystemExit: after `--help` (status 0) or a usage error (status 2), as argparse does.
    """
    parser = argparse.ArgumentParser(
        prog=f"{model}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs",
        type=parse_count,
        metavar="N",
        help=f"times that every training image is seen (default: {recipe['epochs']})",
    )
    length.add_argument(
        "--iterations", type=parse_count, metavar="N", help="steps, in place of epochs"
    )
    defaults = {
        "optimizer": "adam",
        "decay": "one-cycle",
        "seed": 0,
        "train_size": None,
        "data_dir": DEFAULT_DATA_DIR,
        "output_dir": Path("runs") / model,
        "evaluate_at": (),
    } | recipe
    special = {name: flag for name, flag in SPECIAL.items() if name in recipe}
    for name, flag in (special | SHARED).items():
        options = dict(flag)
        if "action" not in flag:
            options["default"] = defaults[name]
            if defaults[name] not in (None, ()):
                options["help"] += " (default: %(default)s)"
            if "choices" not in flag:
                options.setdefault("metavar", METAVARS.get(flag["type"], "N"))
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    settings = parser.parse_args(argv)
    if settings.iterations is None and settings.epochs is None:
        settings.epochs = recipe["epochs"]
    if settings.show:
        require_display()
    settings.model = model
    typed = sys.argv[1:] if argv is None else argv
    settings.command = shlex.join(["python", f"{model}.py", *(a for a in typed if a != "--resume")])
    return settings
