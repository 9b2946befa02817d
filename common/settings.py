"""Flags → settings: every shared flag, its default and its help stand here once."""

from __future__ import annotations

import argparse
import difflib
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from common.data import DEFAULT_DATA_DIR
from common.layers import ACTIVATIONS, POOLINGS
from common.objective import LOSSES, OPTIMIZERS, SCHEDULES
from common.plots import require_display
from common.transfer import defaults_of_source


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
_penalty = _number(float, 0, sys.float_info.max, "a number of 0 or more")
_share = _number(float, 0, math.nextafter(1, 0), "a number from 0 up to, but not including, 1")


def _filters(text: str) -> tuple[int, int]:
    """Read `5x16`: 16 filters of 5 × 5."""
    size, _, count = text.partition("x")
    try:
        return parse_count(size), parse_count(count)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not filters such as 5x16, which means 16 filters of 5 × 5"
        ) from None


METAVARS = {
    **{parse_count: "N", _step: "N", _seed: "N", _rate: "X", _penalty: "X", _share: "SHARE"},
    **{_filters: "SIZExN", Path: "DIR"},
}
OWN_RATES = ", ".join(f"{name} {one.learning_rate:g}" for name, one in OPTIMIZERS.items())

# Flags that every script has.
SHARED = {
    "learning_rate": {
        "type": _rate,
        "help": "how far each step goes; the peak of the schedule "
        f"(default: {{}} with the default optimizer; otherwise {OWN_RATES})",
    },
    "batch_size": {"type": parse_count, "help": "images in a mini-batch"},
    "optimizer": {"names": OPTIMIZERS, "help": "how a gradient becomes a step"},
    "decay": {
        "names": SCHEDULES,
        "help": "schedule of the learning rate over the run (default: one-cycle; constant with "
        "ftrl and adagrad-da, whose weights would follow a rate to zero)",
    },
    "decay_steps": {
        "type": parse_count,
        "help": "steps after which exponential or staircase decay has multiplied the rate once "
        "by --decay-rate (default: 100)",
    },
    "decay_rate": {"type": _rate, "help": "that factor (default: 0.96)"},
    "loss": {"names": LOSSES, "help": "what the training makes small"},
    "l1": {"type": _penalty, "help": "add this times the sum of all |weights| to the loss"},
    "l2": {"type": _penalty, "help": "add this times half the sum of all weights² to the loss"},
    "clip_norm": {
        "type": _rate,
        "help": "scale the gradients down together to at most this length (default: never)",
    },
    "moving_average": {
        "type": _share,
        "help": "evaluate and export the moving averages of the weights with this decay, such as "
        "0.99 (default: the weights themselves)",
    },
    "bfloat16": {
        "action": "store_true",
        "help": "multiply matrices in 16 bits, on processors made for it (AVX-512 BF16 or AMX)",
    },
    "seed": {"type": _seed, "help": "start of every random number; equal seeds, equal runs"},
    "train_size": {
        "type": parse_count,
        "help": "use only the first N training images (default: all)",
    },
    "data_dir": {
        "type": Path,
        "help": "folder with the four IDX files or with pictures in train/CLASS and test/CLASS, or "
        "an .npz file with x_train, y_train, x_test, y_test",
    },
    "output_dir": {"type": Path, "help": "folder for everything that the run writes"},
    "evaluate_at": {
        "type": _step,
        "nargs": "+",
        "metavar": "STEP",
        "help": "also print the test accuracy after these steps, for the record (default: none)",
    },
    "resume": {"action": "store_true", "help": "go on from the checkpoint in the output directory"},
    "show": {"action": "store_true", "help": "also open the pictures in windows"},
    "tensorboard": {
        "action": "store_true",
        "help": "also write OUTPUT_DIR/tensorboard: curves, histograms and filters for TensorBoard",
    },
}
SHARED_DEFAULTS = {
    "optimizer": "adam",
    "loss": "cross-entropy",
    "l1": 0.0,
    "l2": 0.0,
    "seed": 0,
    "data_dir": DEFAULT_DATA_DIR,
    "evaluate_at": (),
}
# Flags that a script has when its recipe names a default for them.
SPECIAL = {
    "hidden": {"type": parse_count, "nargs": "+", "help": "neurons in each hidden layer"},
    "network": {
        "help": "which layers stand before the last one; fast, best and tiny have recipes of their "
        "own: epochs, batch size, learning rate, optimizer, batch normalisation, dropout"
    },
    "conv": {
        "type": _filters,
        "nargs": "+",
        "help": "filters of each convolutional layer of the s4 network (default: 5x16 5x36)",
    },
    "fc": {
        "type": parse_count,
        "nargs": "+",
        "help": "neurons in each hidden fully-connected layer of the s4 network (default: 128)",
    },
    "pooling": {"names": POOLINGS, "help": "how the convolutional layers halve the image"},
    "activate_first": {"action": "store_true", "help": "activate before pooling, not after it"},
    "relu_last": {"action": "store_true", "help": "put a ReLU behind the last layer, too"},
    "activation": {"names": ACTIVATIONS, "help": "what makes the hidden layers non-linear"},
    "augment": {
        "action": "store_true",
        "help": "turn, slant, scale, move and bend the training images, anew in each epoch and "
        "less and less in the second half of the training",
    },
    "batch_norm": {"action": "store_true", "help": "batch normalisation in the hidden layers"},
    "dropout": {"type": _share, "help": "share of the hidden neurons silenced in each step"},
    "input_channel": {"type": _step, "help": "channel of the filters drawn for later layers"},
    "transfer_from": {
        "type": str,
        "metavar": "DIR",
        "help": "keep all layers but the last of the run in this folder, and train only a new last "
        "layer on other data; the results go to runs/mnist_cnn_transfer (default: none)",
    },
}
# A flag that means something only while another one has one of these values.
ONLY_WITH = {
    "decay_steps": ("decay", ("exponential", "staircase")),
    "decay_rate": ("decay", ("exponential", "staircase")),
    **dict.fromkeys(("conv", "fc", "pooling", "activate_first"), ("network", ("s4",))),
}


def new_parser(command: str, description: str) -> argparse.ArgumentParser:
    """Return a parser that shows its description as it is written and guesses no flags."""
    return argparse.ArgumentParser(
        prog=command,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def parse_settings(
    argv: Sequence[str] | None,
    model: str,
    description: str,
    recipes: dict[str, dict[str, Any]] | None = None,
    **recipe: Any,
) -> argparse.Namespace:
    """Read the command line of one script.

    Args:
        argv: the arguments; None reads `sys.argv`.
        model: the script's name without `.py`.
        description: the script's docstring, shown by `--help`.
        recipes: what each network changes in the recipe.
        recipe: the script's documented recipe: `epochs`, `batch_size`, `learning_rate` and any
            other flag's default. A default that is a table of functions offers their names, the
            first of them as the default.

    Returns:
        one attribute for each flag, beside `model` and `command`, the line that was typed.
        Exactly one of `epochs` and `iterations` is set.

    Raises:
        UserError: `--show` was given where no window can be opened, or `--transfer-from` a folder
            that does not fit.
        SystemExit: after `--help` (status 0) or a usage error (status 2), as argparse does.
    """
    parser = new_parser(f"{model}.py", description)
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
    defaults = {"output_dir": Path("runs") / model} | SHARED_DEFAULTS | recipe
    special = {name: flag for name, flag in SPECIAL.items() if name in recipe}
    for name, flag in (special | SHARED).items():
        _add_flag(parser, name, flag, defaults)
    settings = parser.parse_args(argv)
    defaults |= (recipes or {}).get(getattr(settings, "network", None), {})
    defaults |= defaults_of_source(settings, defaults)
    typed = list(sys.argv[1:] if argv is None else argv)
    settings.model = model
    settings.command = shlex.join(["python", f"{model}.py", *(a for a in typed if a != "--resume")])
    _complete(parser, settings, defaults)
    if settings.show:
        require_display()
    return settings


def _add_flag(
    parser: argparse.ArgumentParser, name: str, flag: dict[str, Any], defaults: dict[str, Any]
) -> None:
    """Add one flag. Its default stays None until it is known which flags were typed."""
    options = {key: value for key, value in flag.items() if key != "names"}
    default = defaults.get(name)
    names = flag.get("names") or (default if isinstance(default, dict) else None)
    if names:
        options |= {"type": _one_of(names), "metavar": "NAME"}
        options["help"] = f"{', '.join(names)}: {options['help']}"
        default = next(iter(names)) if isinstance(default, dict) else default
    if "action" not in flag:
        options.setdefault("metavar", METAVARS.get(options["type"]))
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    else:
        options["default"], shown = None, "on" if default else "off"
    if "{}" in options["help"]:
        options["help"] = options["help"].format(shown)
    elif "(default" not in options["help"]:
        options["help"] += f" (default: {shown})"
    parser.add_argument(f"--{name.replace('_', '-')}", **options)


def _one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return a parser of names; for a wrong one it lists the right ones, the nearest first."""

    def parse(text: str) -> str:
        if text in names:
            return text
        nearest = sorted(names, key=lambda name: -difflib.SequenceMatcher(None, text, name).ratio())
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(nearest)}")

    return parse


def _complete(
    parser: argparse.ArgumentParser, settings: argparse.Namespace, defaults: dict[str, Any]
) -> None:
    """Refuse flags that contradict each other, then fill in the defaults of those not typed."""
    typed = {name for name, value in vars(settings).items() if value is not None}
    for name, default in defaults.items():
        if name not in typed and not (name == "epochs" and settings.iterations):
            value = next(iter(default)) if isinstance(default, dict) else default
            setattr(settings, name, value)
    optimizer = OPTIMIZERS[settings.optimizer]
    settings.decay = settings.decay or optimizer.decay
    if "learning_rate" not in typed and settings.optimizer != defaults["optimizer"]:
        settings.learning_rate = optimizer.learning_rate
    for name, (other, values) in ONLY_WITH.items():
        if name in typed and getattr(settings, other) not in values:
            flag, condition = f"--{name.replace('_', '-')}", " or ".join(values)
            parser.error(
                f"{flag} goes with --{other} {condition}, not with {getattr(settings, other)}"
            )
    for name in vars(settings):
        if SPECIAL.get(name, SHARED.get(name, {})).get("action") and name not in typed:
            setattr(settings, name, bool(defaults.get(name)))
    settings.decay_steps = settings.decay_steps or 100
    settings.decay_rate = settings.decay_rate or 0.96
