"""Text from anywhere → text that any terminal shows as it is.

Class names, file names and the settings of a checkpoint may come from other people. Printed raw,
their control characters would move the cursor, recolour or overwrite what is on the terminal,
and marks of the writing direction would show a name in another order than it has.
"""

from __future__ import annotations

import codecs
import re
import textwrap
import unicodedata
from collections.abc import Sequence

# Control characters, marks without a width, halves of surrogate pairs (bytes of a file name that
# are no text), and the separators of lines and paragraphs.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"  # several scripts, and emoji, are written with them
LONGEST_HEAD = 5  # characters of a name above or below a column of numbers
# The handler of characters that a stream's encoding lacks.
HANDLER = "common.plain"
PLAIN = {
    **{"×": "x", "·": "*", "÷": "/", "±": "+-", "−": "-", "≤": "<=", "√": "sqrt", "µ": "u"},
    **{"–": "-", "—": "-", "…": "...", "→": "->", "←": "<-", "“": '"', "”": '"'},
    **{"²": "^2", "³": "^3", "¹": "^1", "⁹": "^9", "°": "deg", "σ": "sigma", "λ": "lambda"},
    **{"│": "|", "┌": "+", "░": ".", "▒": ":", "▓": "*", "█": "#"},
}


def visible(text: object) -> str:
    r"""Return `str(text)` with each control character as its escape: `\x1b`.

    The result is one line. All that is printed of what a file, a file name or a checkpoint holds
    goes through this function; the messages of UserError and of the argument parser do so by
    themselves.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in HIDDEN or character in JOINERS:
        return character
    return character.encode("unicode_escape").decode("ascii")


def matrix_lines(matrix: Sequence[Sequence[float]], names: Sequence[str]) -> list[str]:
    """Return a square matrix as NumPy prints it, with a name below each column.

    Programs read the numbers row by row, so no other number stands before the last of them: names
    stand beside the rows only where none has a digit in it.

    Args:
        matrix: whole numbers, or fractions.
        names: one for each row and column. Those that are too long for a column are shortened or,
            where two would look the same, replaced by the numbers of the columns. Without one for
            each, as for a part of the classes, none is printed.
    """
    matrix = [[f"{n:.3f}" if isinstance(n, float) else str(n) for n in row] for row in matrix]
    digits = max(len(number) for row in matrix for number in row)
    if len(names) != len(matrix):
        rows = [" ".join(f"{number:>{digits}}" for number in row) for row in matrix]
        return ["[" + "\n ".join(f"[{row}]" for row in rows) + "]"]
    names = [visible(name) for name in names]
    columns = range(len(names))
    longest = max(map(len, names))
    width = max(digits, min(longest, LONGEST_HEAD), len(str(len(names) - 1)))
    rows = [" ".join(f"{number:>{width}}" for number in row) for row in matrix]
    rows = [f"{' ' if k else '['}[{row}]" for k, row in enumerate(rows)]
    rows[-1] += "]"
    heads = [name if len(name) <= width else f"{name[: width - 1]}…" for name in names]
    if len(set(heads)) < len(set(names)):
        heads = [str(k) for k in columns]
    beside = names != [str(k) for k in columns] and not re.search(r"\d", "".join(names))
    if beside:
        rows = [f"{row:{len(rows[-1])}} {name}" for row, name in zip(rows, names, strict=True)]
    footer = "  " + " ".join(f"{head:>{width}}" for head in heads) + "   ← predicted"
    legend = ""
    if not beside and heads != names:
        legend = "; ".join(f"{head}: {name}" for head, name in zip(heads, names, strict=True))
    return [*rows, footer, *textwrap.wrap(legend, 80, initial_indent="  ")]


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: `×` by `x`, other characters by their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = [PLAIN.get(c) or c.encode("unicode_escape").decode("ascii") for c in lacking]
    return "".join(plain), error.end


codecs.register_error(HANDLER, _in_plain_characters)
