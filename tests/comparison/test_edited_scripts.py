"""Comparisons of copies whose edits change the data, or what `main` returns."""

import json
import shutil

import pytest
import shell

FLAGS = "--epochs 1 --train-size 1000"
BUILD = "    net = build_graph(settings, data)"
TWO = """    for split in (data.train, data.validation, data.test):
        keep = split.labels < 2
        split.images, split.labels = split.images[keep], split.labels[keep]
    data.class_names = data.class_names[:2]
"""
MIRRORED = """    for split in (data.train, data.validation, data.test):
        split.images = split.images[:, ::-1]
"""


@pytest.fixture
def compare(tmp_path):
    """Return a function that compares a changed copy of mnist_softmax.py, and the script itself."""
    shutil.copytree(shell.REPOSITORY / "common", tmp_path / "common")
    (tmp_path / "data").symlink_to(shell.REPOSITORY / "data")
    shutil.copy(shell.REPOSITORY / "mnist_softmax.py", tmp_path)

    def compare(old, new, status=0):
        text = (tmp_path / "mnist_softmax.py").read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / "my_copy.py").write_text(text.replace(old, new), encoding="utf-8")
        rows = [f"--run={script} {FLAGS}" for script in ("my_copy.py", "mnist_softmax.py")]
        return shell.run(
            *("-m", "common.compare", "--seeds", 1, "--only", *rows),
            cwd=tmp_path,
            variables={"PYTHONPATH": str(tmp_path)},
            status=status,
        )

    return compare


def test_other_labels_are_compared_with_nothing(compare, tmp_path):
    output, errors = compare(BUILD, TWO + BUILD)
    assert "Error" not in errors
    assert "my_copy --epochs 1 --train-size 1000: tested on other labels than those of" in output
    results = json.loads((tmp_path / "runs" / "compare" / "results.json").read_text())
    assert results["differences"] == []
    assert "shifted_mean" not in results["models"][0]
    assert results["models"][0]["test_mean"] > 0.95  # two classes


def test_shifted_images_are_left_out_where_the_script_changes_the_images(compare, tmp_path):
    _, errors = compare(BUILD, MIRRORED + BUILD, status=1)
    assert "shifted images are left out: my_copy --epochs" in errors
    assert "was tested on other images than those of the data set, which get" in errors
    results = json.loads((tmp_path / "runs" / "compare" / "results.json").read_text())
    assert len(results["differences"]) == 1  # the labels are the same


@pytest.mark.parametrize(
    ("old", "new", "sentence", "status"),
    [
        (
            "        return report(data, session, test)",
            "        report(data, session, test)",
            "my_copy.py --epochs 1 --train-size 1000: its main does not return what report returns",
            1,
        ),
        ("def read_settings(", "def settings_of(", "has no function read_settings(argv)", 2),
    ],
    ids=["no return", "no read_settings"],
)
def test_what_a_comparison_needs_of_a_script_is_said(compare, old, new, sentence, status):
    _, errors = compare(old, new, status=status)
    assert sentence in errors
    assert "Traceback" not in errors
