"""Run the scripts as a user does: from the shell, in a new process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def accept_ctrl_c():
    """Undo, in a new process, that a shell lets its background jobs ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment(variables=(), quiet=False):
    """The environment of a new process, with more variables.

    Args:
        quiet: keep the variables of conftest.py, which let TensorFlow load quietly. The scripts set
            them themselves.
    """
    result = os.environ | {"PYTHONPATH": str(REPOSITORY)} | dict(variables)
    result.pop("DISPLAY", None)
    for name in () if quiet else ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        if name not in dict(variables):
            result.pop(name, None)
    return result


def as_script(program):
    """A program for `python -c` that starts and ends as the scripts do."""
    path = str(REPOSITORY / "mnist_program.py")
    return f"import __main__; __main__.__file__ = {path!r}\n{program}"


def start(*arguments, cwd=REPOSITORY, prefix=(), variables=(), **options):
    """Start `PREFIX python ARGUMENTS …` with more environment variables, its output in a pipe."""
    env = environment(variables, quiet="-c" in arguments)
    command = [*prefix, sys.executable, *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    options["preexec_fn"] = accept_ctrl_c
    return subprocess.Popen(command, cwd=cwd, env=env, **streams, **options)


# Seconds: for a program of seconds, and for one of minutes beside others.
TIMEOUT, LONG = 300, 1_800


def run(*arguments, status=0, timeout=TIMEOUT, **options):
    """Run `python ARGUMENTS …` to its end, check the exit status and return both outputs."""
    with start(*arguments, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        finally:
            process.kill()  # if it has not ended
    assert process.returncode == status, output + errors
    return output, errors


def metrics_in(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())


def without_times(metrics):
    """What must be equal when a run is repeated."""
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics["history"]]
    return {k: v for k, v in metrics.items() if k != "train_seconds"} | {"history": history}
