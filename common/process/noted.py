"""Settings that note which of them are read: a flag that a script does not read has no effect."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from common.process.alike import dashes


class NotedSettings(Namespace):
    """Settings of which some are watched until they are read as an attribute.

    Args:
        watched: the names of these.
        values: all settings, by name.
    """

    __slots__ = ("_unread",)  # beside the settings, so that `vars` gives only these

    def __init__(self, watched: Iterable[str], values: Mapping[str, Any]) -> None:
        super().__init__(**values)
        self._unread = set(watched)

    def __getattribute__(self, name: str) -> Any:
        """Return a setting, and note that it was read."""
        if not name.startswith("_"):
            object.__getattribute__(self, "_unread").discard(name)
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        """Say where a setting comes from that is not there."""
        raise AttributeError(
            f"the settings have no {name!r}: give it a value in the recipe of read_settings"
        )


def unread_flags(settings: Namespace) -> str:
    """Return a line on the watched flags that nobody has read so far; "" if there is none."""
    names = sorted(settings._unread) if isinstance(settings, NotedSettings) else []
    if not names:
        return ""
    flags = [f"--{dashes(name)}" for name in names]
    return f"The script does not use these flags, so they have no effect: {', '.join(flags)}."
