"""docs/: the index names every page, pages lead on, and the result on top is the measured one."""

import json
import re

import numpy as np
import pytest
import shell

DOCS = shell.REPOSITORY / "docs"
INDEX = (DOCS / "README.md").read_text()
# Title and file of each page, in reading order.
PAGES = re.findall(r"^- \[([^\]]+)\]\((\w[\w.-]*\.md)\)", INDEX, re.MULTILINE)


def test_the_index_names_every_page():
    assert {file for _, file in PAGES} == {path.name for path in DOCS.glob("*.md")} - {
        *("README.md", "README.zh-CN.md")
    }
    assert len(PAGES) == len(dict(PAGES))


@pytest.mark.parametrize("place", range(len(PAGES)), ids=[file for _, file in PAGES])
def test_a_page_ends_with_links_to_the_index_and_the_next_page(place):
    following = [f"Next: [{title}]({file})" for title, file in PAGES[place + 1 : place + 2]]
    expected = " · ".join(["[All pages](README.md)", *following])
    last = (DOCS / PAGES[place][1]).read_text().rstrip("\n").rpartition("\n")[2]
    assert last == expected


def measured(stem):
    """The numbers of a page's results file that its first sentence may quote."""
    results = json.loads((DOCS / "results" / f"{stem}.json").read_text())
    if stem == "performance":
        rows = [
            row for net in results["steps"]["workloads"].values() for row in net["rows"].items()
        ]
        return [row["ratio"][0] for name, row in rows if "ratio" in row and "ours" not in name]
    if stem == "robustness":
        shifts = np.mean(results["distortions"]["shift"]["accuracy"], axis=2)
        return [100 * value for value in shifts.ravel()]
    return [100 * model["test_mean"] for model in results["models"]]


@pytest.mark.parametrize(
    "stem", ["augmentation", "fashion-mnist", "fast", "performance", "robustness", "smallest"]
)
def test_the_result_on_top_is_the_measured_one(stem):
    page = (DOCS / f"{stem}.md").read_text()
    (sentence,) = re.findall(r"\A# [^\n]*\n\n\*\*(.*?)\*\*", page, re.DOTALL)
    quoted = re.findall(r"\d+\.\d+|\d+(?= %)", sentence)
    assert quoted
    for number in quoted:
        unit = 10.0 ** -len(number.partition(".")[2])
        distance = min(abs(float(number) - value) for value in measured(stem))
        assert distance <= 0.6 * unit, f"{stem}.md says {number}"
