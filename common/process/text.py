"""Text from anywhere → text that any terminal shows as it is.

Class names, file names and the settings of a checkpoint may come from other people. Printed raw,
their control characters would move the cursor, recolour or overwrite what is on the terminal,
and marks of the writing direction would show a name in another order than it has.
"""

from __future__ import annotations

import codecs
import unicodedata

# Control characters, marks without a width, halves of surrogate pairs (bytes of a file name that
# are no text), and the separators of lines and paragraphs.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"  # several scripts, and emoji, are written with them
# The handler of characters that a stream's encoding lacks.
HANDLER = "common.plain"
PLAIN = {
    **{"×": "x", "·": "*", "÷": "/", "±": "+-", "−": "-", "≤": "<=", "√": "sqrt", "µ": "u"},
    **{"–": "-", "—": "-", "…": "...", "→": "->", "“": '"', "”": '"'},
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


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: `×` by `x`, other characters by their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = [PLAIN.get(c) or c.encode("unicode_escape").decode("ascii") for c in lacking]
    return "".join(plain), error.end


codecs.register_error(HANDLER, _in_plain_characters)
