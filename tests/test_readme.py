"""README and docstrings: commands that run, links that lead somewhere, numbers that are true."""

import argparse
import importlib.util
import json
import re
import shlex
from pathlib import Path

from benchmarks.pages import between, table_section
from common.compare import SCRIPTS
from common.comparison.pressure import robustness_page
from common.comparison.sizes import sizes_page
from common.comparison.tables import expectation, markdown_table

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path for folder in (".", "docs", "data") for path in REPOSITORY.glob(f"{folder}/*.md")
)
RESULTS = json.loads((REPOSITORY / "docs" / "results" / "README.json").read_text())


def commands():
    """Every command line in a page's fenced blocks and code spans that starts one of ours."""
    for page in PAGES:
        text = page.read_text()
        lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
        lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
        for line in lines:
            for part in line.split("&&"):
                words = re.sub(r"^\s*(\w+=\S+ +)*(\.venv/bin/)?python ", "python ", part)
                ours = r"python (mnist_\w+\.py|-m (common|benchmarks)\b)"
                if re.match(ours, words) and "…" not in words:
                    yield page.name, words.strip()


@pytest.mark.parametrize(("page", "command"), sorted(set(commands())))
def test_every_command_is_accepted_by_its_parser(monkeypatch, page, command):
    """Run the real main, but stop it when its parser has accepted the line."""
    words = shlex.split(command)[1:]
    name = words[1] if words[0] == "-m" else words[0].removesuffix(".py")
    if importlib.util.find_spec(name).submodule_search_locations:  # a package
        name += ".__main__"
    arguments = words[2:] if words[0] == "-m" else words[1:]
    parse = argparse.ArgumentParser.parse_args
    accepted = []

    def stop_after_parsing(parser, argv=None, namespace=None):
        parse(parser, argv, namespace)  # exits with status 2 if it does not accept the line
        accepted.append(argv)
        raise SystemExit(0)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop_after_parsing)
    with pytest.raises(SystemExit) as exit_:
        importlib.import_module(name).main(arguments)
    assert exit_.value.code == 0
    assert accepted == [arguments]


def test_there_are_commands_to_check():
    assert len(set(commands())) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if not link.startswith(("http://", "https://", "#")):
            assert (page.parent / link.partition("#")[0]).exists(), link


COMPARISONS = sorted((REPOSITORY / "docs" / "results").glob("*.json"))
# See below, and test_benchmarks.py.
OTHERS = ("performance", "robustness", "sizes", "your-own-data")
COMPARISONS = [path for path in COMPARISONS if path.stem not in OTHERS]


@pytest.mark.parametrize("results", COMPARISONS)
def test_tables_are_those_of_the_results_files(results):
    folder = REPOSITORY if results.stem == "README" else REPOSITORY / "docs"
    text = (folder / f"{results.stem}.md").read_text()
    (found,) = between("results").findall(text)
    assert found == markdown_table(json.loads(results.read_text()))


def sections():
    """Each other text between markers that has a results file: page, marker, text."""
    for part, text_of in (("robustness", robustness_page), ("sizes", sizes_page)):
        path = REPOSITORY / "docs" / "results" / f"{part}.json"
        if path.exists():
            yield "robustness.md", part, text_of(json.loads(path.read_text()))
    path = REPOSITORY / "docs" / "results" / "your-own-data.json"
    for name, one in json.loads(path.read_text()).items() if path.exists() else ():
        yield "your-own-data.md", name, table_section(one)


@pytest.mark.parametrize(("page", "name", "text"), list(sections()))
def test_other_tables_are_those_of_their_results_files(page, name, text):
    assert between(name).findall((REPOSITORY / "docs" / page).read_text()) == [text]


@pytest.mark.parametrize("script", SCRIPTS)
def test_docstrings_state_the_measured_accuracy(script):
    (row,) = [row for row in RESULTS["models"] if row["name"] == f"{script}.py"]
    assert expectation(row, RESULTS) in importlib.import_module(script).__doc__


def test_the_measured_accuracies_are_the_promised_ones():
    means = {row["name"]: row["test_mean"] for row in RESULTS["models"]}
    assert means["mnist_softmax.py"] >= 0.927
    assert means["mnist_mlp.py"] >= 0.986
    assert means["mnist_cnn.py"] >= 0.993
    assert RESULTS["seeds"] >= 5


def test_ci_runs_the_test_command_of_the_readme():
    first_screen = (REPOSITORY / "README.md").read_text().split("## ")[0]
    (command,) = [line for line in first_screen.splitlines() if line.endswith("-m pytest")]
    assert command in (REPOSITORY / ".ci" / "run").read_text().splitlines()


def test_pictures_are_small():
    assert (REPOSITORY / "docs" / "pictures" / "film.gif").stat().st_size < 800_000
    assert sum(path.stat().st_size for path in REPOSITORY.glob("docs/**/*.png")) < 1.5e6


def test_every_test_that_a_page_names_exists():
    files = {path.name: path for path in (REPOSITORY / "tests").rglob("test_*.py")}
    for page in PAGES:
        for file, name in re.findall(r"`(test_\w+\.py)::(test_\w+)`", page.read_text()):
            assert file in files, f"{page.name} names {file}"
            assert f"def {name}(" in files[file].read_text(), f"{page.name} names {file}::{name}"
