"""Run the scripts as a user does: from the shell, in a new process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def hear_ctrl_c():
    """Undo, in a new process, that background jobs of a shell are born deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*arguments, cwd=REPOSITORY, prefix=(), variables=(), **options):
    """Start `PREFIX python ARGUMENTS …` with more environment variables, its output in a pipe."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)} | dict(variables)
    environment.pop("DISPLAY", None)
    command = [*prefix, sys.executable, *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    options["preexec_fn"] = hear_ctrl_c
    return subprocess.Popen(command, cwd=cwd, env=environment, **streams, **options)


def run(*arguments, status=0, **options):
    """Run `python ARGUMENTS …` to its end, check the exit status and return both outputs."""
    process = start(*arguments, **options)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == status, output + errors
    return output, errors


def metrics_in(folder):
    return json.loads((Path(folder) / "metrics.json").read_text())


def without_times(metrics):
    """What must be equal when a run is repeated."""
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics["history"]]
    return {k: v for k, v in metrics.items() if k != "train_seconds"} | {"history": history}
