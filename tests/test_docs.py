"""docs/: the index names every page, pages lead on, and the result on top is the measured one."""

import json
import re

from benchmarks.pages import between

import numpy as np
import pages
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


# Which numbers of its results file the first sentence of a page quotes, in order.
# `of` returns the mean test accuracy of a command, in percent.


def costs(results, of):
    """How many percentage points three changes cost; before the last one, its parameters."""
    slow, sigmoid, little = (of("mnist_cnn.py --epochs 1") - of(one) for one in CHANGES)
    return [slow, sigmoid, row_of(results, CHANGES[2])["parameters"], little]


def ratios(results):
    """The least and the most part of another framework's time that a float32 step takes."""
    workloads = results["steps"]["workloads"].values()
    found = [net["rows"][name]["ratio"][0] for net in workloads for name in FRAMEWORKS]
    return [min(found), max(found)]


def shifted_by_two(results):
    """Of softmax regression, MLP and CNN."""
    assert results["models"][:3] == ["softmax regression", "MLP", "CNN"]
    shift = results["distortions"]["shift"]
    accuracy = np.mean(shift["accuracy"], axis=2)[:, shift["strengths"].index(2)]
    return (100 * accuracy[:3]).tolist()


def row_of(results, command):
    (row,) = [row for row in results["models"] if row["name"] == command]
    return row


FRAMEWORKS = ("plain", "pytorch", "pytorch-tuned", "pytorch-compiled", "jax", "keras")
FRAMEWORKS += ("keras-without-jit",)
WIDE = "mnist_mlp.py --augment --fading 0.2 --hidden 1024 512 --batch-norm --dropout 0 "
WIDE += "--batch-size 256 --learning-rate 0.004 --label-smoothing 0.1 --epochs 70"
FAST = "mnist_cnn.py --network fast"
SHORT = "--no-batch-norm --dropout 0 --batch-size 128 --iterations 265 --learning-rate 0.015 "
SHORT += "--label-smoothing 0.1"
TAUGHT = "mnist_mlp.py --teacher runs/teacher --dropout 0"
MICRO = "mnist_cnn.py --network micro --augment"
TINY = "mnist_cnn.py --network tiny --augment"
CHANGES = (
    "mnist_cnn.py --epochs 1 --learning-rate 0.0005",
    "mnist_cnn.py --epochs 1 --activation sigmoid --pooling average",
    "mnist_cnn.py --epochs 1 --conv 5x2 5x4 --fc 16",
)
QUOTED = {
    "augmentation": lambda _, of: [of(WIDE), of("mnist_cnn.py --network best --augment")],
    "distillation": lambda _, of: [of(TAUGHT), of("mnist_mlp.py")],
    "exercises": costs,
    "fashion-mnist": lambda _, of: [of(f"mnist_{net}.py") for net in ("softmax", "mlp", "cnn")],
    "fast": lambda _, of: [
        of(f"{FAST} {SHORT}"),
        of(FAST),
    ],
    "performance": lambda results, _: ratios(results),
    "robustness": lambda results, _: shifted_by_two(results),
    "smallest": lambda results, of: [
        number for one in (MICRO, TINY) for number in (row_of(results, one)["parameters"], of(one))
    ],
}


def quoted(stem):
    """The numbers of a page's first sentence, if that is a result."""
    found = re.match(r"# [^\n]*\n\n\*\*(.*?)\*\*", (DOCS / f"{stem}.md").read_text(), re.DOTALL)
    return re.findall(r"\d+(?:,\d{3})+|\d+\.\d+|\d+(?= %| parameters)", found[1]) if found else []


def test_every_result_on_top_has_its_numbers_here():
    results = {path.stem for path in (DOCS / "results").glob("*.json") if path.stem != "README"}
    kept = {stem for stem in results if (DOCS / f"{stem}.md").exists() and quoted(stem)}
    assert kept - {"preparation"} == set(QUOTED)


@pytest.mark.parametrize("stem", QUOTED)
def test_the_result_on_top_is_the_measured_one(stem):
    results = json.loads((DOCS / "results" / f"{stem}.json").read_text())

    def of(command):
        return 100 * row_of(results, command)["test_mean"]

    for number, value in zip(quoted(stem), QUOTED[stem](results, of), strict=True):
        number = number.replace(",", "")
        unit = 10.0 ** -len(number.partition(".")[2])
        assert abs(float(number) - value) <= 0.501 * unit, f"{stem}.md says {number}, not {value}"


# The blocks between markers, each of which a command writes.
# Those of commands that keep no numbers.
WITHOUT_FILE = {"output"}


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_what_a_command_writes_is_there_and_its_numbers_are_kept(page):
    text = pages.text_of(page)
    stem = page.name.partition(".")[0]  # a translation has the numbers of the page
    for name in re.findall(r"^<!-- (?!end of )(.+) -->$", text, re.MULTILINE):
        (block,) = between(name).findall(text)
        assert block.strip(), f"{pages.name_of(page)}: nothing stands between the markers {name}"
        if name not in WITHOUT_FILE:
            files = [DOCS / "results" / f"{one}.json" for one in (stem, name)]
            known = [json.loads(path.read_text()) if path.exists() else {} for path in files]
            entry = known[0] if name == "results" else known[0].get(name) or known[1]
            assert entry, f"docs/results has no numbers of {name} in {pages.name_of(page)}"
