"""Whole processes: time and memory from the start to the exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from typing import Any, NamedTuple

from benchmarks.pages import REPOSITORY
from benchmarks.timing import progress_bar, ratio, spread
from common import UserError

import numpy as np

# Runs a command and prints its exit status, wall time, peak memory in bytes and errors. It is a
# small process of its own, because a new process inherits the maximum of its parent.
LAUNCHER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, seconds, memory, done.stderr[-500:]]))
"""
# Variables that loading TensorFlow in this process sets, and that a user's shell does not.
OURS = {"TF_CPP_MIN_LOG_LEVEL", "TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS"}


class Process(NamedTuple):
    """The cost of a whole process."""

    seconds: float
    memory: int
    """Peak memory in bytes."""


def whole_process(*arguments: str) -> Process:
    """Run `python ARGUMENTS …` from its start to its exit, as from the user's shell.

    Raises:
        UserError: the process ended with another status than 0.
    """
    launcher = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *arguments]
    shell = {name: value for name, value in os.environ.items() if name not in OURS}
    done = subprocess.run(
        launcher, cwd=REPOSITORY, env=shell, capture_output=True, text=True, check=True
    )
    status, seconds, memory, errors = json.loads(done.stdout)
    if status:
        last = errors.strip().rpartition("\n")[2]
        raise UserError(f"python {' '.join(arguments)} ended with status {status}: {last}")
    return Process(seconds, memory)


def measure_process(options: Namespace) -> dict[str, Any]:
    """Time `python mnist_softmax.py` as a whole process, and `import tensorflow` alone.

    Args:
        options: `processes`, the number of processes of each kind.

    Returns:
        for both commands wall time (median and quartiles, seconds) and median peak memory (bytes);
        the ratio of the times.

    Raises:
        UserError: a process failed.
    """
    runs, imports = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        progress_bar("whole process", options.processes) as bar,
    ):
        for _ in range(options.processes):
            imports.append(whole_process("-c", "import tensorflow"))
            runs.append(whole_process("mnist_softmax.py", "--output-dir", folder))
            bar.update()
    return {
        "runs": options.processes,
        "seconds": spread([run.seconds for run in runs]),
        "import_seconds": spread([run.seconds for run in imports]),
        "ratio": ratio([run.seconds for run in runs], [run.seconds for run in imports]),
        "memory": int(np.median([run.memory for run in runs])),
        "import_memory": int(np.median([run.memory for run in imports])),
    }
