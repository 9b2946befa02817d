"""How scripts and commands start and end; a program that only imports `common` is left alone.

In the scripts and in `python -m common.…` TensorFlow loads without its log lines, while a line on
the terminal says so, and an expected error or Ctrl-C ends in one sentence and an exit status.

A command imports TensorFlow when its command line is right, so that `--help` answers at once. The
scripts import it in their first lines, where a reader of a TensorFlow 1 script looks for it: their
`--help` waits for it.
"""

from __future__ import annotations

import atexit
import importlib.util
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, TracebackType
from typing import BinaryIO

from common.process.errors import InterruptedRunError, UserError
from common.process.signals import signals_deferred
from common.process.status import status
from common.process.streams import complain_of_output, failures, guard_streams

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("common", "benchmarks")


def start() -> None:
    """Prepare the process, if the program that runs in it is a script or command of ours."""
    if not is_ours():
        return
    guard_streams()
    sys.excepthook = _end_with_a_sentence
    atexit.register(_end_quietly)
    # Matplotlib logs messages about its caches and fonts, which do not affect the pictures.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for name, loading in (("tensorflow", _quiet_start), ("sklearn.metrics", _announced)):
        if name not in sys.modules:
            sys.meta_path.insert(0, _Finder(name, loading))


def is_ours() -> bool:
    """Say whether the program is one of the scripts, or a module of ours that was run with -m.

    A script that `%run` starts in a notebook is one, too.
    """
    if sys.argv[:1] == ["-m"]:  # Python imports the package before it knows the module's file
        names = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
        return bool(names) and names[0].partition(".")[0] in PACKAGES
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main is None:
        return False
    path = Path(main).resolve()
    return is_script(path) or any(REPOSITORY / name in path.parents for name in PACKAGES)


def is_script(path: Path) -> bool:
    """Say whether a file is one of the scripts, or a copy of one with another name.

    It lies in the folder of the scripts, as other programs may, too, and those of a virtual
    environment.
    """
    if path.parent != REPOSITORY or path.suffix != ".py":
        return False
    if path.name.startswith("mnist_"):
        return True
    try:
        return "import parse_settings" in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


# Loading TensorFlow and scikit-learn.


class _Finder(MetaPathFinder):
    """Let the first import of a module load it inside a context manager."""

    def __init__(self, name: str, context: Callable[[], AbstractContextManager]) -> None:
        self._name, self._context = name, context

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find this module once; leave every other module to the other finders."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def load(module: ModuleType) -> None:
                with self._context():
                    execute(module)

            spec.loader.exec_module = load
        return spec


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Set what TensorFlow reads while its libraries load, and hold its log lines back.

    A value of TF_CPP_MIN_LOG_LEVEL that the user has set is not changed: 0 shows the log lines.
    """
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    # TensorFlow chooses the oneDNN kernels by itself only on processors with AVX-512, although they
    # are the faster ones for convolutions on others, too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # TensorFlow imports Keras 3 when it starts, which takes a second and which graph mode never
    # uses. With this variable it does so when tf.keras is first used. Then it must be gone again:
    # it would ask for the package tf_keras.
    keras = os.environ.get("TF_USE_LEGACY_KERAS")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    try:
        if not quiet:
            with _temporary_folder_named():
                yield
            return
        # While the libraries load they turn a Ctrl-C into errors of all kinds, so it is deferred.
        with (
            signals_deferred(signal.SIGINT) as interruptions,
            status("Loading TensorFlow"),
            _stderr_held_back(),
            _temporary_folder_named(),
        ):
            yield
        if interruptions:
            raise KeyboardInterrupt
    finally:
        if keras is None:
            os.environ.pop("TF_USE_LEGACY_KERAS", None)
    import tensorflow.compat.v1 as tf

    tf.logging.set_verbosity(tf.logging.ERROR)  # no deprecation notes


def _announced() -> AbstractContextManager:
    return status("Loading scikit-learn")


@contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Hold back what compiled code writes to the standard error; show it if the block fails.

    While TensorFlow's libraries load they write log lines that no setting reaches, past Python,
    to the file descriptor.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with _scratch_file() as held_back:
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


@contextmanager
def _temporary_folder_named() -> Iterator[None]:
    """Let TensorFlow ask for the name of the folder for temporary files where none can be written.

    It asks while it loads, for its own tests, and writes nothing there.
    """
    kept = tempfile.tempdir
    with suppress(OSError):
        tempfile.gettempdir()
    if tempfile.tempdir is None:
        tempfile.tempdir = os.devnull
    try:
        yield
    finally:
        tempfile.tempdir = kept


def _scratch_file() -> BinaryIO:
    """Open a file without a name: in memory, or in the folder for temporary files."""
    if hasattr(os, "memfd_create"):  # Linux: this needs no folder that can be written
        return os.fdopen(os.memfd_create("held back"), "w+b")
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("r+b")


# Ending the program.


def _end_with_a_sentence(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report an uncaught exception: one sentence for the expected ones, a traceback for bugs."""
    if _is_interruption(error):
        message, exit_status = "\nInterrupted.", 130
    elif isinstance(error, InterruptedRunError):
        message, exit_status = str(error), error.exit_status
    elif isinstance(error, UserError):
        message, exit_status = f"Error: {error}", error.exit_status
    elif isinstance(error, PermissionError) and error.filename is not None:
        reason = f"cannot be used ({error.strerror}); check its permissions"
        message, exit_status = f"Error: {error.filename} {reason}.", 1
    elif isinstance(error, BrokenPipeError):
        message, exit_status = "", 1  # the program that read our output has closed it
    else:
        sys.__excepthook__(kind, error, trace)
        return
    if message:
        print(message, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # Python would end an uncaught KeyboardInterrupt by killing itself with the signal; the
    # promise is an exit status. Everything on disk is complete: files are renamed when whole.
    os._exit(exit_status)


def _is_interruption(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C caused the exception: compiled code may wrap it in one of its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _end_quietly() -> None:
    """Let neither a closed pipe nor a late Ctrl-C spoil the end of a finished program.

    What failed while it went on makes its exit status 1.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        complain_of_output()
    except BrokenPipeError:
        # Python would flush once more, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if failures:
        sys.stderr.flush()
        os._exit(1)
