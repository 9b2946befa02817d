"""common/settings.py: what --help says, and the flags of the scripts themselves."""

import importlib
import re

from common.objective import OPTIMIZERS
from common.settings import ALL, FLAGS, LOSSES

import pytest
from recipes import DESCRIPTION, SCRIPTS, cnn, error_of, help_of, mlp, softmax

# Help.


def entries(text):
    """Return the help of each flag, in one line."""
    text = re.sub(r"\n\n\S.*", "", text.partition("\noptions:\n")[2])  # titles, the last line
    parts = re.split(r"\n  (--\S+)", text)
    return {
        name.replace("[no-]", ""): " ".join(entry.split())
        for name, entry in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("script", [softmax, mlp, cnn])
def test_help_names_every_default(capsys, script):
    text = help_of(capsys, script)
    assert f"\n\n{DESCRIPTION}\n\n" in text
    shown = entries(text)
    assert shown.keys() == {f"--{name.replace('_', '-')}" for name in flags_of(script())}
    for name, entry in shown.items():
        assert entry.count("(default: ") == 1, name
        assert "None" not in entry, name
        assert "{" not in entry, name


def flags_of(settings):
    return vars(settings).keys() - {"model", "command"}


def test_defaults_are_shown_as_they_would_be_typed(capsys):
    shown = entries(help_of(capsys, cnn))
    assert shown["--epochs"].endswith("(default: 6)")
    assert shown["--conv"].endswith("(default: 5x16 5x36)")
    assert shown["--fc"].endswith("(default: 128)")
    assert shown["--batch-norm"].endswith("(default: off)")
    assert shown["--divide-steps"].endswith("(default: on)")
    assert shown["--l1"].endswith("(default: 0)")
    assert shown["--evaluate-at"].endswith("(default: none)")
    assert shown["--output-dir"].endswith("(default: runs/mnist_cnn)")
    assert "two-conv, lenet5, vgg, fast, tiny (default: two-conv)" in shown["--network"]


def test_help_lists_the_names_of_each_choice(capsys):
    shown = entries(help_of(capsys, cnn))
    for name in OPTIMIZERS:
        assert f"{name} {OPTIMIZERS[name].learning_rate:g}" in shown["--optimizer"]
    assert ", ".join(LOSSES) in shown["--loss"]
    assert "max, average, stride, none" in shown["--pooling"]
    assert "only with --network two-conv" in shown["--pooling"]


def test_help_is_in_groups_by_purpose(capsys):
    text = help_of(capsys, cnn)
    places = [text.index(f"\n{title}:\n") for title in FLAGS]
    assert places == sorted(places)
    for title in FLAGS:
        assert f"\n{title}:\n  --" in text


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_help_is_as_wide_as_the_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = help_of(capsys, cnn).splitlines()
    assert columns - 10 < max(map(len, lines)) <= columns


def test_help_shows_what_the_recipe_of_each_network_changes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "132")
    lines = [line.strip() for line in help_of(capsys, cnn).splitlines()]
    assert (
        "defaults of fast: epochs 4, batch-size 256, optimizer adam-short, learning-rate 0.01, "
        "batch-norm on"
    ) in lines
    assert "defaults of tiny: epochs 40, batch-norm on, dropout 0" in lines


def test_help_for_a_network_shows_the_defaults_of_its_recipe(capsys):
    text = help_of(capsys, cnn, "--network fast --help")
    assert text.startswith("usage: python mnist_cnn.py --network fast ")
    shown = entries(text)
    assert shown["--epochs"].endswith("(default: 4)")
    assert shown["--batch-size"].endswith("(default: 256)")
    assert shown["--learning-rate"].endswith("(default: 0.01)")
    assert shown["--optimizer"].endswith("(default: adam-short)")
    assert shown["--batch-norm"].endswith("(default: on)")
    assert shown["--dropout"].endswith("(default: 0.3)")


# The scripts themselves.


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_have_the_flags_that_the_table_says(name):
    script = importlib.import_module(name)
    special = {flag for flag, one in ALL.items() if one.scripts and f"{name}.py" in one.scripts}
    shared = {flag for flag, one in ALL.items() if not one.scripts}
    assert flags_of(script.read_settings([])) == special | shared


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_report_usage_errors_and_show_help(capsys, name):
    script = importlib.import_module(name)
    error = error_of(capsys, script.main, ["--frobnicate"])
    assert error == (
        f"{name}.py: unrecognized arguments: --frobnicate; see python {name}.py --help\n"
    )
    assert script.__doc__.strip() in help_of(capsys, script.main, ["--help"])


def test_the_table_names_scripts_that_exist():
    for flag in ALL.values():
        for script in re.findall(r"\w+\.py", flag.scripts or ""):
            assert script.removesuffix(".py") in SCRIPTS
