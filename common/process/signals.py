"""Ctrl-C and SIGTERM wait until a block is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def signals_deferred(*numbers: int) -> Iterator[list[int]]:
    """Collect these signals in a list, so that the block can finish what it is doing.

    A second signal of the same kind is not deferred: it interrupts at once. A signal that is
    ignored stays ignored, as Ctrl-C is in a background job of a shell.

    Args:
        numbers: signal numbers, such as `signal.SIGINT`.

    Yields:
        the numbers of the signals received so far. Outside the main thread, where Python cannot
        handle signals, the list stays empty.
    """
    requests: list[int] = []

    def note(number: int, _frame: object) -> None:
        requests.append(number)
        signal.signal(number, before[number])

    before = {}
    if threading.current_thread() is threading.main_thread():
        heard = [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]
        before = {number: signal.signal(number, note) for number in heard}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
