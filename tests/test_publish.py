"""benchmarks/publish.py: a finished comparison goes into the pages of a small repository."""

import json
import re

from benchmarks import pages, publish
from benchmarks.chinese import table_in_chinese, times
from common import UserError
from common.comparison.tables import expectation, markdown_table

import pytest

MODEL = {
    **{"name": "mnist_mlp.py", "parameters": 5, "multiply_adds": 4, "epochs": 2.0},
    **{"train_seconds": 3.0, "validation_mean": 0.9, "validation_std": 0.01, "test_mean": 0.91},
    **{"test_std": 0.01, "test_interval": [0.89, 0.93], "errors_mean": 9, "test_total": 100},
}
RESULTS = {
    **{"command": "python -m common.compare", "machine": "a Z80", "seeds": 2},
    **{"models": [MODEL, MODEL | {"name": "mnist_mlp.py --dropout 0"}], "differences": []},
}
PAGE = "# Title\n\n<!-- results -->\nold\n<!-- end of results -->\n\n"
PAGE += "![All wrong](docs/pictures/all_wrong.png)\n"
SCRIPT = '"""A net.\n\nExpected: old\nnumbers.\n"""\n\nimport sys\n'


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(RESULTS))
    (folder / "all_wrong.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    for page in ("README.md", "docs/README.zh-CN.md", "docs/fast.md"):
        (root / page).write_text(PAGE)
    (root / "mnist_mlp.py").write_text(SCRIPT)
    return root


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_page_gets_the_table_and_its_numbers(results, repository, capsys):
    before = contents(repository)
    publish.publish(results, repository / "docs" / "fast.md", repository)
    page, numbers = repository / "docs" / "fast.md", repository / "docs" / "results" / "fast.json"
    assert page.read_text() == PAGE.replace("old\n", markdown_table(RESULTS))
    assert json.loads(numbers.read_text()) == RESULTS
    changed = {
        path for path, content in contents(repository).items() if before.get(path) != content
    }
    assert changed == {page, numbers, repository / "docs" / "pictures" / "all_wrong.png"}
    written = capsys.readouterr().out.split()
    assert str(page) in written
    assert str(numbers) in written


def test_the_readme_gets_pictures_and_the_scripts_their_accuracies(results, repository, capsys):
    publish.publish(results, repository / "README.md", repository)
    assert markdown_table(RESULTS) in (repository / "README.md").read_text()
    assert json.loads((repository / "docs" / "results" / "README.json").read_text()) == RESULTS
    assert (repository / "docs" / "pictures" / "all_wrong.png").read_bytes() == b"a picture"
    script = (repository / "mnist_mlp.py").read_text()
    assert script == f'"""A net.\n\n{expectation(MODEL, RESULTS)}\n"""\n\nimport sys\n'
    written = capsys.readouterr().out
    for name in ("README.md", "README.json", "all_wrong.png", "mnist_mlp.py"):
        assert name in written


def test_the_translation_gets_the_same_numbers(results, repository):
    """Every number of the row, in the English table and in the Chinese one."""
    publish.publish(results, repository / "README.md", repository)
    rows = []
    for page in ("README.md", "docs/README.zh-CN.md"):
        (row,) = re.findall(r"^\| 1 \|(.*)\|$", (repository / page).read_text(), re.M)[:1]
        rows.append([cell.strip() for cell in row.split("|")])
    assert rows[0] == rows[1] == ["MLP", "5", "4", "3.0", "91.00 ± 1.00", "9"]


@pytest.mark.parametrize(
    ("new", "old", "words"), [(138, 715, "19%"), (63, 10, "6.3 倍"), (5, 5, "100%")]
)
def test_chinese_fractions(new, old, words):
    assert times(new, old) == words


@pytest.mark.parametrize("base", ["previous", "first"])
def test_the_translation_compares_each_row_with_its_baseline(base):
    names = ["mnist_mlp.py", "mnist_mlp.py --epochs 1", "mnist_mlp.py --epochs 2"]
    models = [
        MODEL | {"name": name, "errors_mean": errors}
        for name, errors in zip(names, (80, 40, 20), strict=True)
    ]
    significant = {"first_only_right": [9], "second_only_right": [99], "p_values": [1e-9]}
    results = RESULTS | {"models": models, "differences": []}
    for k in (1, 2):
        first = names[k - 1] if base == "previous" else names[0]
        results["differences"].append({"first": first, "second": names[k], **significant})
    text = table_in_chinese(results)
    assert text.count("（上一行的 50%）") == (2 if base == "previous" else 1)
    assert ("（第 1 行的 25%）" in text) == (base == "first")
    assert ("每一行与上一行的差异" in text) == (base == "previous")


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda r, _: remove(r / "results.json"), "cannot read .*results.json: No such file"),
        (lambda r, _: (r / "results.json").write_text("{"), "not contain the results of a comp"),
        (lambda r, _: (r / "results.json").write_text("[]"), "not contain the results of a comp"),
        (lambda _, repo: remove(repo / "README.md"), "cannot read .*README.md"),
        (lambda _, repo: (repo / "README.md").write_text("# Title\n"), "<!-- results -->"),
        (lambda _, repo: remove(repo / "docs" / "README.zh-CN.md"), "cannot read .*zh-CN.md"),
        (lambda _, repo: (repo / "mnist_mlp.py").write_text("import sys\n"), "Expected"),
    ],
)
def test_nothing_is_written_if_something_is_missing(results, repository, spoil, sentence):
    spoil(results, repository)
    before = contents(repository)
    with pytest.raises(UserError, match=sentence):
        publish.publish(results, repository / "README.md", repository)
    assert contents(repository) == before


def test_the_command_needs_a_folder_and_a_page(capsys):
    with pytest.raises(SystemExit) as exit_:
        publish.main(["runs/compare"])
    assert exit_.value.code == 2
    assert "PAGE.md" in capsys.readouterr().err


def test_a_page_has_markers_for_what_it_shows(results, repository):
    sizes = {"sizes": [100], "seeds": 1, "machine": "a Z80", "command": "x"}
    sizes |= {"accuracy": {"MLP": [[0.75]]}, "references": {"logistic regression": [0.5]}}
    sizes["seconds"] = 100.0
    (results / "sizes.json").write_text(json.dumps(sizes))
    page = repository / "docs" / "robustness.md"
    page.write_text("<!-- sizes -->\n<!-- end of sizes -->\n")
    publish.publish(results, page, repository)
    assert "| 100 | 75.00 | 50.00 |" in page.read_text()
    assert json.loads((repository / "docs" / "results" / "sizes.json").read_text()) == sizes
    assert not (repository / "docs" / "results" / "robustness.json").exists()
    page.write_text("<!-- robustness -->\n<!-- end of robustness -->\n")
    with pytest.raises(UserError, match=r"cannot read .*robustness\.json"):
        publish.publish(results, page, repository)


def test_tables_of_a_page_stand_in_its_results_file_together(repository):
    page = repository / "docs" / "own.md"
    markers = [f"<!-- {name} -->\nold\n<!-- end of {name} -->\n" for name in ("one", "two")]
    page.write_text("\n".join(markers))
    pages.publish_tables(page, {"one": (["a", "b"], [("x", ["1"])])}, "python -m one", 30)
    pages.publish_tables(page, {"two": (["a"], [("y", [])])}, "python -m two", 600)
    kept = json.loads((repository / "docs" / "results" / "own.json").read_text())
    for name, row in (("one", "| x | 1 |"), ("two", "| y |")):
        (text,) = pages.between(name).findall(page.read_text())
        assert text == pages.table_section(kept[name])
        assert text.endswith(f"{row}\n")
    assert "`python -m two`, on " in text
    assert ", in about 10 minutes:" in text
    with pytest.raises(UserError, match="<!-- three -->"):
        pages.publish_tables(page, {"three": (["a"], [])}, "python -m three", 1)
