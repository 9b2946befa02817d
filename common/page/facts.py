"""What a run says about its net in metrics.json: its name, its size, its accuracy."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from common import MODEL_NAMES
from common.process.text import visible
from common.run.files import reason_of
from common.run.flags import flags_of
from common.run.metrics import read_metrics

# Numbers of metrics.json, beside the name.
NUMBERS = ("parameters", "test_accuracy", "test_total")


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the facts about the net of a run.

    Args:
        folder: the output directory of the run.

    Returns:
        `name`, such as "MLP --batch-norm"; `command`, which trains such a net, unless it comes
        from common.transfer; and the numbers of NUMBERS. What metrics.json lacks is left out, and a
        sentence says so where it is damaged.
    """
    try:
        metrics = read_metrics(folder)
    except FileNotFoundError:
        return {"name": folder.resolve().name}
    except (OSError, ValueError) as error:
        problem = f"{folder}/metrics.json cannot be read: {reason_of(error)}"
        print(f"{visible(problem)}. Its numbers are left out.", file=sys.stderr)
        return {"name": folder.resolve().name}
    facts = {name: metrics[name] for name in NUMBERS if metrics.get(name) is not None}
    script = metrics["model"]
    if script not in MODEL_NAMES:
        return {"name": script} | facts
    settings = metrics.get("settings") or {}
    words = shlex.join(flags_of(script, settings))
    facts = {"name": f"{MODEL_NAMES[script]} {words}".strip()} | facts
    if not settings.get("transfer_from"):  # common.transfer takes some of the flags from the source
        facts["command"] = f"{script}.py {words}".strip()
    return facts
