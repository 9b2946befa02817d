"""Flags → settings: every flag with its default and its help.

A script's recipe, the keywords that its `read_settings` passes to `parse_settings`, gives the
defaults of the flags that it names. It also decides which of the special flags the script has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import UsageError
from common.data import DEFAULT_DATA_DIR
from common.layers import ACTIVATIONS, POOLINGS
from common.objective import OPTIMIZERS, SCHEDULES
from common.process.arguments import (
    Choice,
    Flag,
    Parser,
    command_line,
    dashes,
    name_of_caller,
    new_parser,
    parse_count,
    parse_filters,
    parse_folder,
    parse_fraction,
    parse_penalty,
    parse_rate,
    parse_seed,
    parse_step,
    shown,
    typed_arguments,
)
from common.process.noted import NotedSettings

LOSSES = ("cross-entropy", "squared-error")
OWN_RATES = ", ".join(f"{name} {one.learning_rate:g}" for name, one in OPTIMIZERS.items())
# Which scripts have a special flag, and which value of another flag a flag needs.
MLP, CNN = {"scripts": "mnist_mlp.py"}, {"scripts": "mnist_cnn.py"}
MLP_CNN = {"scripts": "mnist_mlp.py and mnist_cnn.py"}
TWO_CONV = {"only_with": ("network", ("two-conv",)), **CNN}
FALLING = {"only_with": ("decay", ("exponential", "staircase"))}

# Every flag, in the groups of --help. A special flag is in those scripts whose recipes name a
# default for it.
FLAGS: dict[str, dict[str, Flag]] = {
    "length of the run": {
        "epochs": Flag(parse_count, "passes over all training images"),
        "iterations": Flag(
            parse_count, "training steps, in place of --epochs (default: as --epochs says)"
        ),
    },
    "network": {
        "network": Flag(Choice(()), "layers before the logits: {names}", **CNN),
        "hidden": Flag(parse_count, "neurons in each hidden layer", many=True, **MLP),
        "conv": Flag(
            parse_filters, "convolutional layers: N filters of SIZE × SIZE", many=True, **TWO_CONV
        ),
        "fc": Flag(
            parse_count, "neurons in each hidden fully-connected layer", many=True, **TWO_CONV
        ),
        "pooling": Flag(Choice(POOLINGS), "pooling after each convolution: {names}", **TWO_CONV),
        "activate_first": Flag(bool, "activation before the pooling, not after it", **TWO_CONV),
        "activation": Flag(
            Choice(ACTIVATIONS), "activation function of the hidden layers: {names}", **MLP_CNN
        ),
        "relu_last": Flag(bool, "apply ReLU to the logits, too", **CNN),
        "batch_norm": Flag(bool, "batch normalisation in the hidden layers", **MLP_CNN),
    },
    "learning": {
        "loss": Flag(Choice(LOSSES), "loss function: {names}", "cross-entropy"),
        "optimizer": Flag(
            Choice(OPTIMIZERS),
            "optimizer; with another one than the default, the default of --learning-rate is the "
            f"number after its name: {OWN_RATES}",
            "adam",
        ),
        "learning_rate": Flag(parse_rate, "learning rate at the peak of its schedule"),
        "decay": Flag(
            Choice(SCHEDULES),
            "schedule of the learning rate: {names}; ftrl and adagrad-da set it to constant",
            "one-cycle",
        ),
        "decay_steps": Flag(
            parse_count, "training steps in which the rate falls by --decay-rate", 100, **FALLING
        ),
        "decay_rate": Flag(parse_rate, "factor on the rate per --decay-steps", 0.96, **FALLING),
        "batch_size": Flag(parse_count, "images in a mini-batch"),
        "clip_norm": Flag(parse_rate, "limit on the global norm of the gradients (default: none)"),
        "seed": Flag(parse_seed, "seed of all random numbers; equal seeds give equal runs", 0),
    },
    "regularisation": {
        "dropout": Flag(
            parse_fraction,
            "fraction of the hidden neurons that are set to 0 in each training step",
            **MLP_CNN,
        ),
        "augment": Flag(
            bool, "distort each training image at random, differently in each epoch", **MLP_CNN
        ),
        "fading": Flag(
            parse_fraction,
            "last fraction of the training in which these distortions decrease to zero",
            only_with=("augment", (True,)),
            **MLP_CNN,
        ),
        "label_smoothing": Flag(
            parse_fraction,
            "fraction of each label's probability that is spread over all classes (default: none)",
        ),
        "teacher": Flag(
            Path,
            "folder of a finished run on the same data: learn nine parts of its net's "
            "probabilities and one part of the label (default: the label alone)",
            **MLP_CNN,
        ),
        "l1": Flag(parse_penalty, "add X times the sum of all |weights| to the loss", 0.0),
        "l2": Flag(parse_penalty, "add X times half the sum of all weights² to the loss", 0.0),
        "moving_average": Flag(
            parse_fraction,
            "evaluate and export moving averages of the weights with this decay, such as 0.99 "
            "(default: the weights themselves)",
        ),
    },
    "speed": {
        "divide_steps": Flag(
            bool,
            "compute a training step faster where that is provably equal: in two halves of the "
            "mini-batch, one on each of two cores, or with an einsum; the run says how",
            True,
        ),
        "bfloat16": Flag(bool, "matrix products in 16 bits, fast with AVX-512 BF16 or AMX", False),
    },
    "data": {
        "data_dir": Flag(
            Path,
            "folder with the four IDX files or with pictures in train/CLASS and test/CLASS, an "
            ".npz file with x_train, y_train, x_test, y_test, or a CSV file as Kaggle has them",
            DEFAULT_DATA_DIR,
        ),
        "transpose": Flag(bool, "exchange rows and columns, as EMNIST's images need", False),
        "from": Flag(
            Path,
            "folder of the finished run whose layers are kept",
            scripts="python -m common.transfer",
        ),
        "train_size": Flag(parse_count, "use only the first N training images (default: all)"),
    },
    "output": {
        "output_dir": Flag(parse_folder, "directory for everything that the run writes"),
        "resume": Flag(
            bool,
            "continue from the checkpoint in the output directory; start from the beginning where "
            "there is none",
            False,
        ),
    },
    "looking inside": {
        "evaluate_at": Flag(
            parse_step, "also print the test accuracy after N steps", (), many=True
        ),
        "tensorboard": Flag(bool, "write OUTPUT_DIR/tensorboard: curves, weights, filters", False),
        "film": Flag(bool, "write OUTPUT_DIR/film.gif: how weights and accuracy change", False),
        "input_channel": Flag(parse_step, "also draw filters for input N (default: none)", **CNN),
        "show": Flag(bool, "also open the pictures in windows", False),
    },
}
ALL = {name: flag for group in FLAGS.values() for name, flag in group.items()}
# What a script may leave unread when it builds its graph.
GRAPH_FLAGS = {n for title in ("network", "learning", "regularisation") for n in FLAGS[title]}
GRAPH_FLAGS -= {"seed", "batch_size"}


def parse_settings(
    argv: Sequence[str] | None,
    model: str,
    description: str,
    network: Mapping[str, Any] | None = None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    command: str | None = None,
    **recipe: Any,
) -> argparse.Namespace:
    """Read the command line of one script.

    Args:
        argv: the arguments; None reads `sys.argv`, but not that of a notebook.
        model: the script's name without `.py`; a copy with another name is called by that.
        description: the script's docstring, shown by `--help`.
        network: the networks to choose from, by name. The first is the default.
        recipes: what a network's own recipe changes in the script's.
        command: what is typed before the flags; by default `python MODEL.py`.
        recipe: `epochs`, `batch_size`, `learning_rate` and the default of any other flag. A name
            that is no flag becomes an attribute with that value.

    Returns:
        an attribute for each flag, `model`, and `command`, the line that repeats the run from the
        beginning. Either `epochs` or `iterations` is None.

    Raises:
        UsageError: the recipe has a value that its flag would not accept.
        SystemExit: after `--help` (status 0) or a usage error (status 2).
    """
    argv = typed_arguments(argv)
    model = name_of_caller(model)
    command = command or f"python {model}.py"
    flags, recipes = dict(ALL), recipes or {}
    if network:
        recipe["network"] = next(iter(network))
        flags["network"] = _network_flag(network, recipes)
    chosen = _typed_network(argv)
    own = recipes.get(chosen, {})
    defaults = {name: flag.default for name, flag in ALL.items() if not flag.scripts}
    defaults |= {"output_dir": Path("runs") / model, **recipe, **own}
    elsewhere = {f"--{dashes(n)}": flag.scripts for n, flag in ALL.items() if n not in defaults}
    parser = new_parser(command, description, elsewhere)
    parser.usage = f"{command}{f' --network {chosen}' if own else ''} [--FLAG ...]"
    for title, group in FLAGS.items():
        section = parser.add_argument_group(title)
        for name in group:
            if name in defaults:
                flags[name].check(name, defaults[name])
                flags[name].add_to(section, name, defaults[name])
    # What is still None after this was not typed.
    settings = parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(defaults)))
    typed = {name for name, value in vars(settings).items() if value is not None}
    _complete(parser, settings, defaults)
    settings = NotedSettings(GRAPH_FLAGS & typed, vars(settings))
    settings.model = model
    line = (word for word in argv if word not in ("--resume", "--no-resume"))
    settings.command = f"{command} {command_line(line)}".rstrip()
    return settings


def _network_flag(network: Mapping[str, Any], recipes: Mapping[str, Mapping[str, Any]]) -> Flag:
    """Return the flag `--network`; its help says in a line for each network what that changes."""
    text = f"{ALL['network'].help} (default: {next(iter(network))})"
    for name, recipe in recipes.items():
        changes = (f"{dashes(key)} {shown(value)}" for key, value in recipe.items())
        text += f"\ndefaults of {name}: {', '.join(changes)}"
    return ALL["network"]._replace(kind=Choice(network), help=text)


def _typed_network(argv: Sequence[str]) -> str | None:
    """Return the network that is typed: its recipe gives the defaults that --help shows."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--network", nargs="?")
    return first.parse_known_args(argv)[0].network


def _complete(parser: Parser, settings: argparse.Namespace, defaults: Mapping[str, Any]) -> None:
    """Fill in the defaults of the flags that were not typed, and refuse contradictions."""
    typed = {name for name, value in vars(settings).items() if value is not None}
    for name in defaults.keys() - typed:
        setattr(settings, name, defaults[name])
    if settings.epochs is None and settings.iterations is None:
        raise UsageError("the recipe has neither epochs nor iterations")
    if {"epochs", "iterations"} <= typed:
        parser.error("argument --iterations: not allowed with argument --epochs")
    if "epochs" in typed:
        settings.iterations = None
    elif settings.iterations:
        settings.epochs = None
    if settings.optimizer != defaults["optimizer"]:
        optimizer = OPTIMIZERS[settings.optimizer]
        if "learning_rate" not in typed:
            settings.learning_rate = optimizer.learning_rate
        if "decay" not in typed and optimizer.decay == "constant":
            settings.decay = optimizer.decay
    for name, flag in ALL.items():
        other, values = flag.only_with or (name, ())
        value = getattr(settings, other, None)
        if name in typed and values and value not in values:
            given = f", not with {value}" if value else ""
            parser.error(f"--{dashes(name)} goes with {flag.condition()}{given}")
    try:
        require_stages_within(settings, settings.iterations or sys.maxsize)
    except UsageError as error:
        parser.error(str(error))


def require_stages_within(settings: argparse.Namespace, num_steps: int) -> None:
    """Require that no step of `--evaluate-at` comes after the last one of the run.

    Raises:
        UsageError: one does.
    """
    beyond = [str(step) for step in settings.evaluate_at if step > num_steps]
    if beyond:
        raise UsageError(
            f"--evaluate-at {' '.join(beyond)} is beyond the end of the run, which has "
            f"{num_steps:,} training steps"
        )
