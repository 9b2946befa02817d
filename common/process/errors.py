"""The exceptions whose message is meant for the user."""

from __future__ import annotations

from common.process.text import visible


class UserError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do."""

    exit_status = 1

    def __str__(self) -> str:
        """Return the message; control characters in it are made visible."""
        return visible(super().__str__())


class UsageError(UserError):
    """A command line that cannot be carried out, found only after the data were read."""

    exit_status = 2


class InterruptedRunError(UserError):
    """Ctrl-C or SIGTERM, after the work so far was saved. The message is no error message."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number
