"""Names that are probably meant by others: a misspelt flag, or one that is shortened."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIKE = 0.6  # of difflib's ratio, from 0 to 1: from here on two flags count as similar


def dashes(name: str) -> str:
    """Return an attribute's name as it stands in a flag: `batch-size` for `batch_size`."""
    return name.replace("_", "-")


def nearest_flags(typed: str, flags: Iterable[str]) -> list[str]:
    """Return those of the flags that `typed` probably stands for.

    It may be a misspelt flag, the beginning of one, or its initials (`--lr`). Underscores count as
    dashes.
    """
    word = dashes(typed.lstrip("-").lower())

    def of(flag: str) -> float:
        name = flag.lstrip("-")
        initials = "".join(part[:1] for part in name.split("-"))
        if word == name:
            return 2
        if len(word) > 1 and (word == initials or name.startswith(word)):
            return 1
        return likeness(word, name)

    found = {flag: of(flag) for flag in flags}
    best = max(found.values(), default=0)
    return [flag for flag, value in found.items() if value == best >= ALIKE]


def likeness(one: str, other: str) -> float:
    """Return how alike two words are, from 0 to 1."""
    return difflib.SequenceMatcher(None, one, other).ratio()
