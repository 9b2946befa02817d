"""Results that several test files need are computed once in a session, when they are first needed.

pytest-xdist gives each of its workers a process: they find it in a folder, behind a lock.
"""

import os
from pathlib import Path
from typing import NamedTuple

import shell
from filelock import FileLock

FLAGS = {
    "mnist_softmax": ["--train-size", "8000", "--epochs", "3"],
    "mnist_mlp": ["--train-size", "4000", "--epochs", "4"],
    "mnist_cnn": ["--train-size", "8000", "--epochs", "2"],
}


class Run(NamedTuple):
    """A finished run of a script with FLAGS."""

    script: str  # without .py
    folder: Path  # its output directory
    output: str
    errors: str


class Shared:
    """Folders that all tests of a session have in common: to be read, not changed."""

    def __init__(self, tmp_path_factory):
        base = tmp_path_factory.getbasetemp()
        # A worker's folder lies in that of the session.
        base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        self._base = base / "shared"
        self._base.mkdir(exist_ok=True)

    def folder(self, name, make):
        """The folder of this name; make(folder) fills it if nobody has done so."""
        folder, done = self._base / name, self._base / f"{name}.done"
        with FileLock(self._base / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    def run_of(self, script):
        """The run of a script with FLAGS, from the shell."""

        def train(folder):
            flags = [*FLAGS[script], "--output-dir", folder / script]
            for name, text in zip(STREAMS, shell.run(f"{script}.py", *flags), strict=True):
                (folder / name).write_text(text)

        folder = self.folder(script, train)
        return Run(script, folder / script, *((folder / name).read_text() for name in STREAMS))


STREAMS = ("stdout", "stderr")
