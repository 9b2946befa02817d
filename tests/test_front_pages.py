"""README.md and its translation: what was printed is what is printed, and both say the same."""

import json
import os
import re
from pathlib import Path

from benchmarks.chinese import table_in_chinese
from benchmarks.pages import between
from benchmarks.transcript import CUT, shorten

REPOSITORY = Path(__file__).resolve().parents[1]
ENGLISH = (REPOSITORY / "README.md").read_text()
CHINESE = (REPOSITORY / "docs" / "README.zh-CN.md").read_text()


def shape(line):
    """A line without its numbers and the spaces before them."""
    return re.sub(r"\s*[\d.,:]+%?", "#", line)


def test_the_recorded_output_has_the_lines_of_a_run(shared):
    """A run with fewer images and epochs prints the same kinds of lines, in the same order."""
    (recorded,) = between("output").findall(ENGLISH)
    recorded = recorded.removeprefix("```\n").removesuffix("```\n")
    assert shorten(recorded) == recorded
    run = shorten(shared.run_of("mnist_softmax").output)
    kinds = [
        list(dict.fromkeys(shape(line) for line in text.splitlines() if line != CUT))
        for text in (recorded, run)
    ]
    assert kinds[0] == kinds[1]


def test_rows_in_the_middle_are_cut():
    rows = [f"    {k}    0.4123    89.44%    0.3918    90.16%       0.3\n" for k in range(1, 9)]
    assert shorten("".join(["head\n", *rows, "end\n"])) == "".join(
        ["head\n", *rows[:2], "…\n", rows[-1], "end\n"]
    )
    assert shorten("".join(rows[:3])) == "".join(rows[:3])
    assert shorten("Time usage: 0:00:02\nFiles written:\n") == "Time usage: 0:00:02\n"


def test_the_translation_has_the_numbers_and_the_output_of_the_readme():
    results = json.loads((REPOSITORY / "docs" / "results" / "README.json").read_text())
    assert between("results").findall(CHINESE) == [table_in_chinese(results)]
    assert between("output").findall(CHINESE) == between("output").findall(ENGLISH)


def test_the_translation_has_the_parts_of_the_readme():
    """The same headings by level, commands, links, pictures and code."""
    levels, commands, links, spans = [], [], [], []
    for text, folder in ((ENGLISH, ""), (CHINESE, "docs/")):
        for part in ("results", "output"):
            text = between(part).sub("", text)
        levels.append(re.findall(r"^(#+) ", text, re.M))
        blocks = re.findall(r"```(?:sh|diff)\n(.*?)```", text, re.S)
        commands.append([re.sub(" # .*", "", block) for block in blocks])
        spans.append(set(re.findall(r"`([^`\n]+)`", text)))
        targets = re.findall(r"\]\(([^)\s]+)\)", text)[1:]  # the first leads to the other language
        links.append({os.path.normpath(Path(folder, target)) for target in targets})
    assert levels[0] == levels[1]
    assert commands[0] == commands[1]
    assert links[0] == links[1]
    assert spans[0] <= spans[1]
