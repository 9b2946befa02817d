"""The models that a command takes when none is named."""

from __future__ import annotations

from pathlib import Path

from common import MODEL_NAMES

USUAL_MODELS = [Path("runs") / name for name in MODEL_NAMES]  # where the scripts write theirs


def usual_models() -> list[Path]:
    """Return those that exist; if there is none, the last, whose absence is then explained."""
    found = [path for path in USUAL_MODELS if (path / "saved_model").is_dir()]
    return found or USUAL_MODELS[-1:]
