"""What every program here needs before anything else: quiet, fast start-up and errors as sentences.

Import this package before TensorFlow: the environment variables below are read once, when
TensorFlow's libraries load. The import order in every script follows from that.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

# Without these TensorFlow opens with a dozen log lines about CPUs and GPUs. A user who wants them
# sets the variables first: setdefault keeps what is already there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("GLOG_minloglevel", "2")
# TensorFlow imports Keras 3 at start although graph mode never calls it, which is a third of the
# import time (3.0 s against 1.9 s). This makes the import lazy.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

EXIT_COULD_NOT = 1
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do."""


def _say_it_in_a_sentence(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report an uncaught exception: one sentence for the expected ones, a traceback for bugs."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nInterrupted.", file=sys.stderr)
        status = EXIT_INTERRUPTED
    elif issubclass(kind, UserError):
        print(f"Error: {error}", file=sys.stderr)
        status = EXIT_COULD_NOT
    else:
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would end an uncaught KeyboardInterrupt by killing itself with the signal; the
    # promise is an exit status. Everything on disk is complete: files are renamed when whole.
    os._exit(status)


sys.excepthook = _say_it_in_a_sentence
