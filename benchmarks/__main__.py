"""Ours against PyTorch, JAX, Keras and plain TensorFlow, on this machine, taking turns.

    python -m benchmarks

measures the training steps, the whole process and the growth with all sizes, which takes about ten
minutes; `python -m benchmarks accuracy` trains whole runs to their accuracy, which takes longer.
Nothing else should run meanwhile. The peers need what benchmarks/requirements.txt lists.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS, missing_packages
from benchmarks.measurements import MEASUREMENTS
from benchmarks.tables import section
from benchmarks.workloads import STEPS
from common import UserError
from common.process.machine import describe_machine
from common.run.files import atomic_path, write_json
from common.settings import parse_count

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs" / "performance.md"
RESULTS = REPOSITORY / "docs" / "results" / "performance.json"
COMMAND = "python -m benchmarks"
DEFAULT_MEASUREMENTS = ("steps", "process", "growth")
WITH_PEERS = {"steps", "accuracy"}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        SystemExit: after `--help` (status 0) or a usage error (status 2).
    """
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "measurements",
        nargs="*",
        metavar="MEASUREMENT",
        help=f"which of {', '.join(MEASUREMENTS)} (default: {' '.join(DEFAULT_MEASUREMENTS)})",
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        choices=STEPS,
        default=list(STEPS),
        metavar="NAME",
        help=f"nets whose steps are timed (default: {' '.join(STEPS)})",
    )
    parser.add_argument(
        "--contestants",
        nargs="+",
        choices=CONTESTANTS,
        default=list(CONTESTANTS),
        metavar="NAME",
        help=f"who takes part (default: {' '.join(CONTESTANTS)})",
    )
    counts = {
        "rounds": (9, "times that each step is timed"),
        "seeds": (10, "times that each run of `accuracy` is trained, seeds 0 to N-1"),
        "processes": (5, "times that a whole process is timed"),
    }
    for name, (default, meaning) in counts.items():
        parser.add_argument(
            f"--{name}",
            type=parse_count,
            default=default,
            metavar="N",
            help=f"{meaning} (default: {default})",
        )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=0.4,
        metavar="X",
        help="about how long each contestant works in each round, in seconds (default: 0.4)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="as --rounds 3 --seconds 0.1 --seeds 1 --processes 1: to see that all works",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument(
        "--update-docs",
        action="store_true",
        help=f"put the tables into docs/{DOCS.name} and the numbers into docs/results/",
    )
    options = parser.parse_args(argv)
    for name in options.measurements:
        if name not in MEASUREMENTS:
            parser.error(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
    options.measurements = options.measurements or list(DEFAULT_MEASUREMENTS)
    if options.quick:
        vars(options).update(rounds=3, seconds=0.1, seeds=1, processes=1)
    if WITH_PEERS & set(options.measurements):
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
    missing = missing_packages(options.contestants)
    if missing:
        others = [name for name in options.contestants if not missing_packages([name])]
        parser.error(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; type pip "
            "install -r benchmarks/requirements.txt, or leave the contestants out that need it: "
            f"--contestants {' '.join(others)}"
        )


def versions(contestants: Sequence[str]) -> list[str]:
    """Return the versions of the peers' packages, that of TensorFlow left out."""
    packages = {p for name in contestants for p in CONTESTANTS[name].packages} - {"tensorflow"}
    return [f"{package} {metadata.version(package)}" for package in sorted(packages)]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print the tables and, where asked for, write them; return the numbers.

    Raises:
        UserError: a contestant failed where that is no result, or a file cannot be written.
        SystemExit: a usage error (status 2).
    """
    options = parse(argv)
    typed = sys.argv[1:] if argv is None else argv
    words = [word for word in typed if word != "--update-docs"]
    if options.update_docs:  # before the minutes are spent
        _require_markers(options.measurements)
    results = {}
    for name in options.measurements:
        measured = MEASUREMENTS[name](options)
        measured |= {
            "command": shlex.join([*COMMAND.split(), *words]),
            "machine": describe_machine(),
            "versions": versions(options.contestants) if name in WITH_PEERS else [],
        }
        results[name] = json.loads(json.dumps(measured))  # tuples become lists, as in the file
        print(section(name, results[name]), flush=True)
        if options.update_docs:
            publish(name, results[name])
        if options.output:
            write_json(options.output, results)
    return results


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)


def _require_markers(names: Sequence[str]) -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in names:
        if not _between(name).search(text):
            raise UserError(f"{DOCS} has no place for {name!r}; restore its markers.")


def publish(name: str, results: dict[str, Any]) -> None:
    """Put one measurement into the page and into the file of numbers; leave the others there."""
    text = DOCS.read_text(encoding="utf-8")
    with atomic_path(DOCS) as temporary:
        replaced = _between(name).sub(lambda _: section(name, results), text, count=1)
        temporary.write_text(replaced, encoding="utf-8")
    numbers = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    write_json(RESULTS, numbers | {name: results})


if __name__ == "__main__":
    main()
