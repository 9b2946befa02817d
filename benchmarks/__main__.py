"""Compare the speed of the scripts with PyTorch, JAX, Keras and plain TensorFlow on this machine.

    python -m benchmarks

measures the training steps, the whole process and the growth with all sizes, in about ten minutes.
`python -m benchmarks accuracy` trains whole runs and takes longer. No other program should run at
the same time. The other frameworks are listed in benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.accuracy import measure_accuracy
from benchmarks.frameworks import FRAMEWORKS, missing_packages
from benchmarks.growth import measure_growth
from benchmarks.pages import DOCS, put_into_page, require_markers
from benchmarks.process import measure_process
from benchmarks.steps import measure_steps
from benchmarks.tables import section
from benchmarks.workloads import STEPS
from common import UserError
from common.process.arguments import new_parser, parse_count
from common.process.machine import describe_machine
from common.run.files import write_json

PAGE = DOCS / "performance.md"
RESULTS = DOCS / "results" / "performance.json"
COMMAND = "python -m benchmarks"
MEASUREMENTS = {
    "steps": measure_steps,
    "accuracy": measure_accuracy,
    "process": measure_process,
    "growth": measure_growth,
}
DEFAULT_MEASUREMENTS = ("steps", "process", "growth")
WITH_FRAMEWORKS = {"steps", "accuracy"}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        SystemExit: after `--help` (status 0) or a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="MEASUREMENT",
        help=f"some of {', '.join(MEASUREMENTS)} (default: {' '.join(DEFAULT_MEASUREMENTS)})",
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        choices=STEPS,
        default=list(STEPS),
        metavar="NAME",
        help="nets whose steps are timed",
    )
    parser.add_argument(
        "--frameworks",
        nargs="+",
        choices=FRAMEWORKS,
        default=list(FRAMEWORKS),
        metavar="NAME",
        help="frameworks that are measured",
    )
    counts = {
        "rounds": (9, "number of rounds in which each step is timed"),
        "seeds": (10, "number of runs per framework in `accuracy`, with the seeds 0 to N-1"),
        "processes": (5, "number of whole processes that are timed"),
    }
    for name, (default, meaning) in counts.items():
        parser.add_argument(
            f"--{name}",
            type=parse_count,
            default=default,
            metavar="N",
            help=meaning,
        )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=0.4,
        metavar="X",
        help="approximate time that each framework works in each round, in seconds",
    )
    parser.add_argument(
        "--quick",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="use --rounds 3 --seconds 0.1 --seeds 1 --processes 1, to check that all measurements "
        "run",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="also write the numbers to this JSON file (default: none)",
    )
    parser.add_argument(
        "--update-docs",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also put the tables into docs/performance.md and the numbers into "
        "docs/results/performance.json",
    )
    options = parser.parse_args(argv)
    for name in options.measurements:
        if name not in MEASUREMENTS:
            parser.error(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
    options.measurements = options.measurements or list(DEFAULT_MEASUREMENTS)
    if options.quick:
        vars(options).update(rounds=3, seconds=0.1, seeds=1, processes=1)
    if WITH_FRAMEWORKS & set(options.measurements):
        _require_packages(parser, options)
    return options


def _seconds(text: str) -> float:
    """Read a number of seconds from 0.001 to 3,600."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.001 to 3600")
    return value


def _require_packages(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    missing = missing_packages(options.frameworks)
    if missing:
        others = [name for name in options.frameworks if not missing_packages([name])]
        parser.error(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed. Run pip "
            "install -r benchmarks/requirements.txt, or leave out the frameworks that need it: "
            f"--frameworks {' '.join(others)}"
        )


def versions(frameworks: Sequence[str]) -> list[str]:
    """Return names and versions of the frameworks' packages, without TensorFlow."""
    packages = {package for name in frameworks for package in FRAMEWORKS[name].packages}
    return [f"{package} {metadata.version(package)}" for package in sorted(packages)]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print the tables and, if requested, write them.

    Args:
        argv: the command line; None reads `sys.argv`.

    Returns:
        the numbers of each measurement, as in docs/results/performance.json.

    Raises:
        UserError: a framework failed where that is not a result, or a file cannot be written.
        SystemExit: a usage error (status 2).
    """
    options = parse(argv)
    if not sys.platform.startswith("linux"):
        raise UserError("measuring needs Linux: other systems do not choose cores for a process.")
    typed = sys.argv[1:] if argv is None else argv
    words = [word for word in typed if word not in ("--update-docs", "--no-update-docs")]
    if options.update_docs:  # before the minutes of measuring
        require_markers(PAGE, options.measurements)
    results = {}
    for name in options.measurements:
        start = time.perf_counter()
        measured = MEASUREMENTS[name](options)
        measured |= {
            "took": time.perf_counter() - start,
            "command": shlex.join([*COMMAND.split(), *words]),
            "machine": describe_machine(),
            "versions": versions(options.frameworks) if name in WITH_FRAMEWORKS else [],
        }
        results[name] = json.loads(json.dumps(measured))  # tuples become lists, as in the file
        print(section(name, results[name]), flush=True)
        if options.update_docs:
            publish(name, results[name])
        if options.output:
            write_json(options.output, results)
    return results


def publish(name: str, results: dict[str, Any]) -> None:
    """Write one measurement to the page and to the file of numbers; keep the others.

    Raises:
        UserError: the page cannot be read, or a file cannot be written.
    """
    put_into_page(PAGE, name, section(name, results))
    numbers = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    write_json(RESULTS, numbers | {name: results})


if __name__ == "__main__":
    main()
