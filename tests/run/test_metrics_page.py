"""docs/metrics.md: its tables have the keys and the types of a real metrics.json, and no others."""

import re

import pytest
import shell

PAGE = (shell.REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
# What the page calls a type: how to tell whether a value has it.
TYPES = {
    "text": lambda value: type(value) is str,
    "number": lambda value: type(value) in (int, float),
    "whole number": lambda value: type(value) is int,
    "true or false": lambda value: type(value) is bool,
    "object": lambda value: type(value) is dict,
    "list": lambda value: type(value) is list,
}
PLURALS = {"numbers": "number", "whole numbers": "whole number", "texts": "text"}


def has_type(value, words):
    if words in PLURALS and type(value) is not list:  # a row of the page for several keys
        return has_type(value, PLURALS[words])
    if words in PLURALS:
        return all(has_type(one, PLURALS[words]) for one in value)
    if words.startswith("two "):
        return type(value) is list and len(value) == 2 and has_type(value, words[4:])
    if words.startswith("list of "):
        return type(value) is list and has_type(value, words[8:])
    if words.startswith("rows of "):
        return all(has_type(row, words[8:]) for row in value)
    return TYPES[words](value)


def tables():
    """The tables of the page, each as a dict from key to the words for its type."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        rows = [row.strip("|\n ").split(" | ") for row in block.splitlines()[2:]]
        found.append({key: row[1] for row in rows for key in re.findall(r"`(\w+)`", row[0])})
    return found


@pytest.mark.parametrize("script", ["mnist_softmax", "mnist_cnn"])
def test_the_page_has_the_keys_and_types_of_a_real_file(trained_run, script):
    metrics = shell.metrics_in(trained_run(script).folder)
    parts = (metrics, metrics["history"][-1], metrics["data"])
    for documented, found in zip(tables(), parts, strict=True):
        assert list(documented) == sorted(found, key=list(documented).index)
        wrong = [key for key, words in documented.items() if not has_type(found[key], words)]
        assert not wrong


def test_a_wrong_type_is_noticed():
    assert has_type([[1, 2], [3]], "rows of whole numbers")
    assert not has_type([[1, 2.5]], "rows of whole numbers")
    assert not has_type([1, 2, 3], "two numbers")
    assert not has_type(True, "whole number")


def test_the_program_of_the_page_runs(trained_run, tmp_path, monkeypatch, capsys):
    run = trained_run("mnist_softmax").folder
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mnist_softmax").symlink_to(run)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    metrics = shell.metrics_in(run)
    expected = f"{metrics['test_accuracy']:.2%}, {metrics['train_seconds']:.1f} s\n"
    assert capsys.readouterr().out == expected
