"""The settings of a run → the flags that were typed for it."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from contextlib import redirect_stderr
from functools import cache
from typing import Any

from common import MODEL_NAMES
from common.process.alike import dashes
from common.process.arguments import shown
from common.run.checkpoints import decisive_settings
from common.settings import ALL


def flags_of(script: str | None, settings: Mapping[str, Any]) -> list[str]:
    """Return the flags by which a run differs from the recipe of its script, but for the seed.

    Args:
        script: the name of the script without `.py`; a name that is none has no flags.
        settings: those that decide what the run computes, as metrics.json and checkpoints have
            them. Others may have written them: values of any type are shown.
    """
    if script not in MODEL_NAMES:
        return []
    chosen = [settings.get(name) for name in ("network", "optimizer")]
    recipe = _recipe(script, *(str(one) if one is not None else None for one in chosen))
    source = settings.get("transfer_from")
    flags = ["--from", str(source)] if source else []
    for name in ALL:
        value = settings.get(name)
        if name == "seed" or value is None or value == recipe.get(name):
            continue
        if isinstance(value, bool):
            flags.append(f"--{'' if value else 'no-'}{dashes(name)}")
        else:
            many = isinstance(value, list)
            pairs = [tuple(x) if isinstance(x, list) else x for x in value] if many else value
            words = shown(pairs).split() if many else [shown(pairs)]  # a path may have spaces
            flags += [f"--{dashes(name)}", *words]
    return flags


@cache
def _recipe(script: str, network: str | None, optimizer: str | None) -> dict[str, Any]:
    """Return the settings of a script with its defaults, which these two flags change."""
    read_settings = importlib.import_module(script).read_settings

    def defaults(**typed: str | None) -> dict[str, Any]:
        line = [f"--{flag}={value}" for flag, value in typed.items() if value is not None]
        try:
            with redirect_stderr(io.StringIO()):
                return decisive_settings(read_settings(line))
        except SystemExit:  # a name that this version does not know
            return decisive_settings(read_settings([]))

    # What follows from one of these two is not named, but they themselves are.
    recipe = defaults(network=network, optimizer=optimizer)
    recipe["network"] = defaults().get("network")
    return recipe | {"optimizer": defaults(network=network)["optimizer"]}
