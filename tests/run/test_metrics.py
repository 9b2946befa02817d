"""metrics.json of a finished run: what reads it checks it, and it is JSON whatever was measured."""

import json
import math

from common.comparison import runs
from common.run.files import json_text, write_json
from common.run.metrics import read_metrics

import crafted
import pytest
import shell

# An entry that is null was not measured, and one that is missing is of an older version.
NUMBERS = ["train_accuracy", "validation_accuracy", "test_accuracy", "steps", "epochs"]
NUMBERS += ["train_seconds", "test_correct", "test_total", "parameters", "multiply_adds"]
LEGAL = {((name,), kind) for name in [*NUMBERS, "machine", "data"] for kind in ("null", "missing")}
LEGAL |= {((name,), "text") for name in ("model", "machine")} | {(("settings",), "missing")}
LEGAL |= {(("settings",), "object"), (("train_seconds",), "large")}
PLACES = [(name,) for name in [*NUMBERS, "model", "machine", "data", "settings", "history"]]
PLACES += [("history", 0), ("history", 0, "seconds"), ("history", 0, "validation_accuracy")]
PLACES += [("data", name) for name in ("image_shape", "classes", "training")]
PLACES += [("data", "image_shape", 0)]


@pytest.fixture(scope="module")
def good(trained_run):
    return shell.metrics_in(trained_run("mnist_softmax").folder)


def test_what_a_run_has_written_is_read(good, trained_run):
    needed = ("settings", "data", "test_total", "test_accuracy")
    assert read_metrics(trained_run("mnist_softmax").folder, needed) == good


def test_contents_of_another_kind_are_refused_and_a_comparison_goes_on(good, tmp_path, capsys):
    path = tmp_path / "metrics.json"
    cases = [*crafted.TEXTS.items(), *crafted.variations(good, PLACES, LEGAL)]
    assert len(cases) == 271
    for name, text in cases:
        path.write_bytes(text)
        with pytest.raises(ValueError, match=r"^[^\n]{5,150}$"):
            pytest.fail(f"{name} is taken for {read_metrics(tmp_path)}")
        assert runs._kept_metrics(tmp_path) is None
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith(f"{path} is damaged, too old or of another program: ")
        assert errors.endswith(". It is written again.\n")
        assert errors[:-1].isprintable()


def test_a_comparison_without_a_kept_run_says_nothing(tmp_path, capsys):
    assert runs._kept_metrics(tmp_path) is None
    assert capsys.readouterr() == ("", "")


def test_nan_and_infinity_never_reach_a_file(tmp_path):
    values = {"a": math.nan, "b": [math.inf, (-math.inf, 1.5)], "c": {"d": [math.nan]}, "e": 1}
    write_json(tmp_path / "metrics.json", values)
    found = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert found == {"a": None, "b": [None, [None, 1.5]], "c": {"d": [None]}, "e": 1}
    assert json.loads(json_text(values)) == found
