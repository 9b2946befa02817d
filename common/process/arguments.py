"""The argument parser of the scripts and commands: types, flags, help in groups, short errors.

This module imports neither TensorFlow nor NumPy, so that a command answers `--help` at once.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from common.process.alike import dashes, likeness, nearest_flags
from common.process.errors import UsageError
from common.process.start import is_ours, is_script
from common.process.text import visible

FLAG = r"--?[a-zA-Z][^\s=]*"


Elsewhere = Mapping[str, str]


class Number(NamedTuple):
    """A type of argument: numbers from `low` to `high`."""

    convert: Callable[[str], float]
    low: float
    high: float
    words: str  # what the error message says that the text is not
    metavar: str = "X"

    def __call__(self, text: str) -> float:
        """Return the number that `text` stands for; argparse reports the error if there is none."""
        try:
            value = self.convert(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:  # true for NaN, too
            raise argparse.ArgumentTypeError(f"{text!r} is not {self.words}")
        return value


parse_count = Number(int, 1, 2**40, "a whole number of 1 or more", "N")
parse_step = Number(int, 0, 2**40, "a whole number of 0 or more", "N")
parse_seed = Number(int, 0, 2**31 - 1, "a whole number from 0 to 2147483647", "N")
parse_rate = Number(float, 5e-324, sys.float_info.max, "a number above 0")
parse_penalty = Number(float, 0, sys.float_info.max, "a number of 0 or more")
parse_fraction = Number(
    float, 0, math.nextafter(1, 0), "a number from 0 up to, but not including, 1", "FRACTION"
)


def parse_folder(text: str) -> Path:
    """Return a path; an empty text, as from a shell variable that is not set, is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


parse_folder.metavar = "PATH"


def parse_filters(text: str) -> tuple[int, int]:
    """Return the size and the number of a layer's filters: (5, 16) for `5x16`."""
    if not re.fullmatch(r"0*[1-9]\d*x0*[1-9]\d*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not filters such as 5x16, which means 16 filters of 5 × 5"
        )
    size, count = text.split("x")
    return int(size), int(count)


parse_filters.metavar = "SIZExN"


class Choice:
    """A type of argument: one of some names. For a wrong one it lists them, the nearest first."""

    metavar = "NAME"

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    def __call__(self, text: str) -> str:
        """Return `text` if it is one of the names; argparse reports the error if it is not."""
        if text in self.names:
            return text
        nearest = sorted(self.names, key=lambda name: -likeness(text, name))
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(nearest)}")


class Flag(NamedTuple):
    """A flag as an entry of a table. `{names}` in its help stands for the names of a Choice."""

    kind: Callable[[str], Any]  # text → value; `bool` for a flag that is switched on or off
    help: str
    default: Any = None  # is added to the help, unless that says "(default: …)" itself
    many: bool = False  # takes one value or more
    # The flag means something only while this other flag has one of these values.
    only_with: tuple[str, tuple[str, ...] | tuple[bool]] | None = None
    scripts: str | None = None  # the scripts that have the flag; None: all

    def add_to(self, group: Any, name: str, default: Any) -> None:
        """Add the flag to a group of a parser; `name` is that of its attribute."""
        text = self.help.replace("{names}", ", ".join(getattr(self.kind, "names", ())))
        if self.only_with:
            text += f"; only with {self.condition()}"
        options: dict[str, Any] = {"default": default, "help": text}
        if self.kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {"type": self.kind, "metavar": getattr(self.kind, "metavar", "PATH")}
            options |= {"nargs": "+"} if self.many else {}
        group.add_argument(f"--{dashes(name)}", **options)

    def condition(self) -> str:
        """Return what `only_with` asks for, as it is typed: `--network two-conv`, `--augment`."""
        other, values = self.only_with
        needed = "" if values == (True,) else f" {' or '.join(values)}"
        return f"--{dashes(other)}{needed}"

    def check(self, name: str, default: Any) -> None:
        """Raise a UsageError if a recipe's default is a value that the flag would not accept."""
        if self.many and not isinstance(default, list | tuple):
            raise UsageError(f"{name} in the recipe: {default!r} is no list such as [{default!r}]")
        if self.kind in (bool, Path) or (default is None and not isinstance(self.kind, Choice)):
            return
        for one in default if self.many else (default,):
            try:
                self.kind("x".join(map(str, one)) if isinstance(one, tuple) else str(one))
            except argparse.ArgumentTypeError as error:
                raise UsageError(f"{name} in the recipe: {error}") from None


def shown(value: Any) -> str:
    """Return a value as it would be typed: `0.4`, `512 256`, `5x16 5x36`; a switch is on or off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        parts = ["x".join(map(str, one)) if isinstance(one, tuple) else one for one in value]
        return " ".join(map(str, parts)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def typed_arguments(argv: Sequence[str] | None) -> list[str]:
    """Return the arguments to read: `argv`, or those that were typed after the program's name.

    A notebook's kernel has arguments of its own, so there None means that nothing was typed.
    """
    if isinstance(argv, str):
        raise TypeError(f"main takes a list of words, not {argv!r}: for example {argv.split()}")
    if argv is not None:
        words = [str(word) for word in argv]
        # TensorFlow 1's tf.app.run(main) passes the program's name, too.
        return words[1:] if words[:1] == sys.argv[:1] else words
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return [] if hasattr(shell, "kernel") and not is_ours() else sys.argv[1:]


def name_of_caller(name: str) -> str:
    """Return `name`, or for a script that calls the caller of this: that of its file."""
    file = sys._getframe(2).f_globals.get("__file__")  # a notebook has none
    path = Path(file).resolve() if file else None
    return path.stem if path and is_script(path) else name


def command_line(words: Iterable[str]) -> str:
    """Return the line that is typed for these words, with quotes as the system's shell has them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def new_parser(
    command: str, description: str, elsewhere: Elsewhere | Callable[[], Elsewhere] | None = None
) -> Parser:
    """Return a parser for `command`, such as `python -m common.predict`.

    Args:
        command: what is typed before the flags.
        description: text that `--help` shows as it is written.
        elsewhere: flags that this command does not have, each with the command that has it, or a
            function that returns them; the error message says so.
    """
    parser = Parser(
        command, description=description, formatter_class=_Formatter, allow_abbrev=False
    )
    parser.elsewhere = elsewhere or {}
    return parser


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one sentence."""

    elsewhere: Elsewhere | Callable[[], Elsewhere]
    _typed: Sequence[str] = ()

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does; keep what was typed, for the error message."""
        self._typed = typed_arguments(args)
        return super().parse_known_args(self._typed, namespace)

    def format_help(self) -> str:
        """Return the text that `--help` shows."""
        if any(isinstance(action, argparse.BooleanOptionalAction) for action in self._actions):
            self.epilog = "--[no-]FLAG: on with --FLAG, off with --no-FLAG."
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """End the program with status 2, one sentence, and the command that shows the flags."""
        unknown = message.partition("unrecognized arguments: ")[2].split()
        if message.startswith("the following arguments are required") and self._unknown_flags():
            # A misspelt flag is the likelier mistake: its value was taken for another argument.
            unknown = self._unknown_flags()
            message = f"unrecognized arguments: {' '.join(unknown)}"
        message += self._hint(unknown)
        self.exit(2, f"{self.prog.split()[-1]}: {visible(message)}; see {self.prog} --help\n")

    def _unknown_flags(self) -> list[str]:
        typed = itertools.takewhile(lambda word: word != "--", self._typed)
        flags = (word for word in typed if re.match(FLAG, word))
        return [flag for flag in flags if flag.partition("=")[0] not in self._option_string_actions]

    def _hint(self, unknown: Iterable[str]) -> str:
        """Return which flags the unknown ones were probably meant to be."""
        own, meant, others = list(self._option_string_actions), [], []
        elsewhere = self.elsewhere() if callable(self.elsewhere) else self.elsewhere
        for word in unknown:
            typed = re.match(FLAG, word)
            nearest = nearest_flags(typed[0], [*own, *elsewhere]) if typed else []
            if alike := [flag for flag in nearest if flag in own]:
                meant.append(" or ".join(alike))
            elif nearest:
                others.append(f"{nearest[0]} is a flag of {elsewhere[nearest[0]]}")
        hints = [f"did you mean {' and '.join(meant)}?"] * bool(meant) + others
        return f" ({'; '.join(hints)})" if hints else ""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, with the default of each flag."""

    def __init__(self, prog: str) -> None:
        columns = max(60, shutil.get_terminal_size().columns)
        super().__init__(prog, max_help_position=26, width=columns)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, argparse.BooleanOptionalAction):
            return f"--[no-]{action.option_strings[0][2:]}"
        return super()._format_action_invocation(action)

    def _get_help_string(self, action: argparse.Action) -> str:
        # Python before 3.13 adds the default of a boolean itself, as True or False.
        text = (action.help or "").replace(" (default: %(default)s)", "")
        if action.default in (None, argparse.SUPPRESS) or "(default: " in text:
            return text
        return f"{text} (default: {shown(action.default).replace('%', '%%')})"

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = (textwrap.wrap(line, width, break_on_hyphens=False) for line in text.splitlines())
        return [line for wrapped in lines for line in wrapped]
