"""Record what a run prints, for the front pages.

    python -m benchmarks.transcript

This command runs mnist_softmax.py with its default flags in a folder of its own, shortens what it
printed, and puts that between the markers `output` of README.md and of its translation.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pages import DOCS, REPOSITORY, put_into_page, require_markers
from common import UserError
from common.process.arguments import new_parser

PAGES = (REPOSITORY / "README.md", DOCS / "README.zh-CN.md")
SCRIPT = "mnist_softmax.py"
CUT = "…"
# Groups of like lines, of which the first ones and the last one are kept.
GROUPS = {
    re.compile(r"\s+\d+ +\d\.\d+ +\d+\.\d+%"): 2,  # a row for each epoch
    re.compile(r" ?\[+[\d ]+\]+$"): 2,  # a row of the confusion matrix
    re.compile(r" {6,}\S+ +[01]\.\d{3} +[01]\.\d{3}"): 1,  # a class of the report
}
LAST = re.compile("Time usage")  # what follows are the names of files


def main(argv: Sequence[str] | None = None) -> None:
    """Run the script and put what it printed into the pages.

    Args:
        argv: the command line; None reads `sys.argv`.

    Raises:
        UserError: a page cannot be read or written, or the run failed.
        SystemExit: a usage error (status 2).
    """
    new_parser("python -m benchmarks.transcript", __doc__).parse_args(argv)
    for page in PAGES:
        require_markers(page, ["output"])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, SCRIPT, "--output-dir", Path(folder) / "mnist_softmax"]
        run = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if run.returncode:
        raise UserError(f"{SCRIPT} ended with status {run.returncode}.")
    for page in PAGES:
        put_into_page(page, "output", f"```\n{shorten(run.stdout)}```\n")
    print("Files written:", *PAGES, sep="\n  ")


def shorten(output: str) -> str:
    """Return what a run printed with … in place of most rows of its tables, and without the end.

    Args:
        output: the standard output of a script, of which each line ends in a newline.
    """
    kept: list[str] = []
    lines = output.splitlines()
    for k, line in enumerate(lines):
        pattern = next((one for one in GROUPS if one.match(line)), None)
        if pattern is None:
            kept.append(line)
        else:
            before = sum(1 for one in lines[:k] if pattern.match(one))
            is_last = k + 1 == len(lines) or not pattern.match(lines[k + 1])
            if before < GROUPS[pattern] or is_last:
                kept.append(line)
            elif kept[-1] != CUT:
                kept.append(CUT)
        if LAST.match(line):
            break
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    main()
