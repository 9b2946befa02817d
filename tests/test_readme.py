"""README, pages and docstrings: numbers that are true."""

import importlib
import json
import re
from pathlib import Path

from benchmarks.pages import between, table_section
from common.compare import SCRIPTS
from common.comparison.pressure import robustness_page
from common.comparison.sizes import sizes_page
from common.comparison.tables import expectation, markdown_table

import pytest
from pages import PAGES

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = json.loads((REPOSITORY / "docs" / "results" / "README.json").read_text())


COMPARISONS = sorted((REPOSITORY / "docs" / "results").glob("*.json"))
# See below, and test_benchmarks.py.
TABLES = ("preparation", "scaling", "draw")
OTHERS = ("performance", "robustness", "sizes", *TABLES)
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
    for page in TABLES:
        path = REPOSITORY / "docs" / "results" / f"{page}.json"
        for name, one in json.loads(path.read_text()).items():
            yield f"{page}.md", name, table_section(one)


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
