"""common/process/text.py: control characters are made visible, missing characters replaced."""

import re
import unicodedata

from common import UserError
from common.process.arguments import new_parser
from common.process.text import HANDLER, matrix_lines, visible

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("two\r\nlines\tand\x00more", r"two\r\nlines\tand\x00more"),
        ("\x9b31m", r"\x9b31m"),  # the eight-bit form of \x1b[
        ("a\u202egnp.exe", r"a\u202egnp.exe"),  # shown from right to left
        ("a\u2066b\u2069c", r"a\u2066b\u2069c"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("a\udcffb", r"a\udcffb"),  # a byte of a file name that is no text
        ("\ufeff\U000e0041", r"\ufeff\U000e0041"),
        # These stay.
        ("a b", "a b"),
        ("28 × 28, ½ … é 数字 Ελλ", "28 × 28, ½ … é 数字 Ελλ"),
        ("non\u00a0breaking", "non\u00a0breaking"),
        ("न\u200dह", "न\u200dह"),  # some scripts need joiners
        (r"C:\new", r"C:\new"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_every_character_that_steers_is_shown_in_ascii():
    for character in map(chr, [*range(0x3000), *range(0xD800, 0x12000), *range(0xE0000, 0xE0100)]):
        shown = visible(character)
        if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or (
            unicodedata.bidirectional(character) in {"RLO", "LRO", "RLE", "LRE", "PDF"}
            or unicodedata.bidirectional(character) in {"RLI", "LRI", "FSI", "PDI"}
        ):
            assert shown.isascii()
            assert shown.isprintable()
        else:
            assert shown in (character, character.encode("unicode_escape").decode())


def test_the_message_of_an_error_is_one_visible_line():
    error = UserError("cannot read a\x1b[2J\nb.png")
    assert str(error) == r"cannot read a\x1b[2J\nb.png"


def test_so_is_that_of_the_parser(capsys):
    with pytest.raises(SystemExit):
        new_parser("python -m common.read", "Reads.").parse_args(["--a\x1b[31m", "\u202eb"])
    errors = capsys.readouterr().err
    assert r"unrecognized arguments: --a\x1b[31m \u202eb" in errors


@pytest.mark.parametrize(
    "encoding",
    [
        *("ascii", "latin-1", "cp437", "cp1252", "koi8-r", "mac-roman", "cp037", "iso2022_jp"),
        *("shift_jis", "gb18030", "utf-7", "utf-8", "utf-16"),
    ],
)
def test_no_character_is_refused_in_any_encoding(encoding):
    text = "".join(map(chr, range(0x20, 0x2600))) + "数字\U0001f600\udcff"
    text.encode(encoding, HANDLER).decode(encoding)  # no error either way


def test_what_an_encoding_lacks_is_replaced_by_something_like_it():
    text = "28 × 28, 1.2 ± 0.1, a → b, Loading …, é, 数, \udcff"
    replaced = b"28 x 28, 1.2 +- 0.1, a -> b, Loading ..., \\xe9, \\u6570, \\udcff"
    assert text.encode("ascii", HANDLER) == replaced
    assert text.encode("latin-1", HANDLER).startswith(b"28 \xd7 28, 1.2 \xb1 0.1, a -> b")


FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker"]


@pytest.mark.parametrize(
    "names",
    [
        [str(k) for k in range(10)],
        FASHION,
        ["class 1", "class 2", "class 3"],
        ["7"],
        [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"],
        ["\x1b[31mred", "1", "a\nb"],
    ],
)
def test_the_first_numbers_below_a_heading_are_those_of_the_matrix(names):
    size = len(names)
    matrix = np.random.default_rng(0).integers(0, 1200, (size, size)).tolist()
    lines = matrix_lines(matrix, names)
    numbers = [int(n) for n in re.findall(r"\d+", "\n".join(lines))]
    assert numbers[: size**2] == np.ravel(matrix).tolist()
    assert all(line.isprintable() for line in lines)
    # Each column ends where its name ends.
    ends = [found.end() for found in re.finditer(r"\d+", lines[0])][:size]
    heads = [found.end() for found in re.finditer(r"\S+", lines[size])][:size]
    assert heads == ends


def test_names_stand_below_the_columns_and_beside_the_rows():
    lines = matrix_lines([[820, 2], [17, 1004]], ["T-shirt/top", "Bag"])
    assert lines == [
        *("[[  820     2]  T-shirt/top", " [   17  1004]] Bag"),
        "  T-sh…   Bag   ← predicted",
    ]


def test_names_that_would_look_the_same_are_numbered():
    lines = matrix_lines([[5, 0], [1, 7]], ["class 1", "class 2"])
    assert lines == [
        *("[[    5     0]", " [    1     7]]"),
        *("      0     1   ← predicted", "  0: class 1; 1: class 2"),
    ]
    lines = matrix_lines([[5, 0], [1, 7]], ["a rather long name", "a rather short name"])
    assert lines[0].endswith("]  a rather long name")
    assert lines[2] == "      0     1   ← predicted"
