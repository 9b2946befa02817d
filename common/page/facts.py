"""What a run says about its net in metrics.json: its name, its size, its accuracy."""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path
from typing import Any

from common import MODEL_NAMES
from common.comparison.tables import model_name
from common.process.arguments import dashes, shown
from common.process.text import visible
from common.run.checkpoints import decisive_settings
from common.run.files import reason_of
from common.run.metrics import read_metrics

# Numbers of metrics.json that the page shows as they are.
SHOWN = ("parameters", "multiply_adds", "test_accuracy", "test_total")
# Settings that are no property of the net.
LEFT_OUT = ("seed",)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the facts about the net of a run.

    Args:
        folder: the output directory of the run.

    Returns:
        `name`, such as "MLP --batch-norm"; `command`, which trains such a net; and the numbers of
        SHOWN. What metrics.json lacks is left out, and a sentence says so where it is damaged.
    """
    try:
        metrics = read_metrics(folder)
    except FileNotFoundError:
        return {"name": folder.resolve().name}
    except (OSError, ValueError) as error:
        problem = f"{folder}/metrics.json cannot be read: {reason_of(error)}"
        print(f"{visible(problem)}. Its numbers are left out.", file=sys.stderr)
        return {"name": folder.resolve().name}
    facts = {name: metrics[name] for name in SHOWN if metrics.get(name) is not None}
    script = metrics["model"]
    if script not in MODEL_NAMES:
        return {"name": script} | facts
    settings = metrics.get("settings") or {}
    if "transfer_from" in settings:  # of common.transfer, whose recipe is another one
        return {"name": f"{MODEL_NAMES[script]}, transferred"} | facts
    command = shlex.join([f"{script}.py", *flags_of(script, settings)])
    return {"name": model_name(command), "command": command} | facts


def flags_of(script: str, settings: dict[str, Any]) -> list[str]:
    """Return the flags by which a run differs from the recipe of its script.

    Args:
        script: the name of the script without `.py`.
        settings: those of metrics.json.
    """
    read_settings = importlib.import_module(script).read_settings
    network = settings.get("network")
    first = ["--network", network] if _is_network(script, network) else []
    recipe = decisive_settings(read_settings(first))
    if recipe.get("network") == decisive_settings(read_settings([])).get("network"):
        first = []  # the usual one
    flags = first
    for name, value in settings.items():
        if name in recipe and name not in (*LEFT_OUT, "network") and value != recipe[name]:
            flags += _typed(name, value)
    return flags


def _is_network(script: str, name: Any) -> bool:
    return name in getattr(importlib.import_module(script), "NETWORKS", ())


def _typed(name: str, value: Any) -> list[str]:
    """Return a setting as it is typed: `--conv 5x16 5x36`, `--no-batch-norm`."""
    if isinstance(value, bool):
        return [f"--{'' if value else 'no-'}{dashes(name)}"]
    if value is None:
        return []
    if isinstance(value, list):
        value = [tuple(one) if isinstance(one, list) else one for one in value]
    return [f"--{dashes(name)}", *shown(value).split()]
