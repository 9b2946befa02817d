"""How long a comparison takes, in words, from its results."""

from __future__ import annotations

from typing import Any

# Of each run beside its training: the graph, the test, the SavedModel and the pictures.
SECONDS_PER_RUN = 5.0


def in_words(seconds: float) -> str:
    """Return a time as people say it: `a minute`, `25 minutes`, `3 hours`."""
    minutes = seconds / 60
    if minutes < 1.5:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.0f} hours"


def duration_sentence(results: dict[str, Any]) -> str:
    """Say how long the training of a comparison takes.

    Args:
        results: what results.json holds.
    """
    seeds = results["seeds"]
    seconds = seeds * sum(one["train_seconds"] + SECONDS_PER_RUN for one in results["models"])
    number = seeds * len(results["models"])
    runs = f"The {number} runs take" if number > 1 else "This run takes"
    return f"{runs} about {in_words(seconds)}."
