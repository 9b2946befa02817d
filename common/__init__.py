"""What every program here needs before anything else: quiet, fast start-up and errors as sentences.

Import this package before TensorFlow, as every script does: it sets what TensorFlow reads once,
when its libraries load, and then loads them without their log lines.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

# Without this TensorFlow reports what it finds of processors and GPUs, as warnings and errors. A
# user who wants to see that sets the variable first: setdefault keeps what is already there.
QUIET = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
# TensorFlow imports Keras 3 at start, although graph mode never calls it. This makes that import
# lazy and the start faster.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# The oneDNN kernels are the faster ones for convolutions, but TensorFlow chooses them by itself
# only on processors with AVX-512.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class UserError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do."""

    exit_status = 1


class UsageError(UserError):
    """A command line that cannot be carried out, found only after the data were read."""

    exit_status = 2


def _say_it_in_a_sentence(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report an uncaught exception: one sentence for the expected ones, a traceback for bugs."""
    if _is_interruption(error):
        print("\nInterrupted.", file=sys.stderr)
        status = 130
    elif isinstance(error, UserError):
        print(f"Error: {error}", file=sys.stderr)
        status = error.exit_status
    else:
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would end an uncaught KeyboardInterrupt by killing itself with the signal; the
    # promise is an exit status. Everything on disk is complete: files are renamed when whole.
    os._exit(status)


def _is_interruption(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C caused the exception: compiled code may wrap it in one of its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


sys.excepthook = _say_it_in_a_sentence


@atexit.register
def _end_in_peace() -> None:
    """Let no Ctrl-C kill a finished program: while Python takes itself apart nobody listens."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def signals_wait(*numbers: int) -> Iterator[list[int]]:
    """Collect these signals in a list, so that the block can finish what it is doing.

    A second one of a kind does not wait: it interrupts as it always does.
    """
    requests: list[int] = []

    def note(number: int, _frame: object) -> None:
        requests.append(number)
        signal.signal(number, before[number])

    before = {}
    # Python lets only the main thread listen.
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _silenced_libraries() -> Iterator[None]:
    """Hold back what compiled code writes to the standard error; show it if the block fails.

    While TensorFlow's libraries load they write log lines that no setting reaches, past Python,
    to the file descriptor.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except ImportError as error:
            if not _is_interruption(error):
                held_back.seek(0)
                os.write(kept, held_back.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if QUIET:
    # While TensorFlow's libraries load they turn a Ctrl-C into errors of all kinds, so it waits.
    # Who ignores Ctrl-C goes on ignoring it.
    heard = [signal.SIGINT] if callable(signal.getsignal(signal.SIGINT)) else []
    with signals_wait(*heard) as interruptions, _silenced_libraries():
        import tensorflow  # noqa: F401
    if interruptions:
        raise KeyboardInterrupt
