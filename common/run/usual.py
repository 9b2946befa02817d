"""The models that a command takes when none is named."""

from __future__ import annotations

import argparse
from pathlib import Path

from common import MODEL_NAMES

USUAL_MODELS = [Path("runs") / name for name in MODEL_NAMES]  # where the scripts write theirs


def usual_models() -> list[Path]:
    """Return those that exist; if there is none, the last, whose absence is then explained."""
    found = [path for path in USUAL_MODELS if (path / "saved_model").is_dir()]
    return found or USUAL_MODELS[-1:]


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the flag --model; where it is not given, `usual_models` takes its place."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        metavar="DIR",
        help="output directory of a run; may be given several times (default: those of "
        f"{', '.join(map(str, USUAL_MODELS))} that exist)",
    )
