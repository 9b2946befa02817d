"""common/runs.py and common/run/found.py: real runs, finished or not, and what else lies there."""

import json
import os
import re
import shutil

import mnist_cnn
import mnist_mlp
from common import UserError, runs
from common.process import streams
from common.run.checkpoints import decisive_settings
from common.run.files import lock_folder
from common.run.flags import flags_of
from common.run.found import read_run, run_folders

import pytest
import shell
from matplotlib.image import imread


@pytest.fixture
def folder(small, tmp_path):
    """A folder with a finished run, and one that was interrupted after two of three epochs."""
    shutil.copytree(small.finished, tmp_path / "runs" / "finished")
    shutil.copytree(small.finished, tmp_path / "runs" / "sweep" / "interrupted")
    interrupt(tmp_path / "runs" / "sweep" / "interrupted")
    return tmp_path / "runs"


def interrupt(run):
    """Leave what a run of 27 steps has left when it was killed after step 18."""
    (run / "metrics.json").unlink(missing_ok=True)
    for path in (run / "checkpoints").glob("step-27.*"):
        path.unlink()


def test_finished_and_interrupted_runs_are_told_apart(folder, small, capsys):
    found = {row["directory"]: row for row in runs.main([str(folder), "--json"])}
    assert json.loads(capsys.readouterr().out) == list(found.values())
    metrics = shell.metrics_in(small.finished)
    finished, interrupted = found[f"{folder}/finished"], found[f"{folder}/sweep/interrupted"]
    for key in ("model", "seed", "epochs", "parameters", "test_accuracy", "train_seconds"):
        assert finished[key] == metrics[key]
    assert finished["validation_accuracy"] == metrics["validation_accuracy"]
    assert (finished["state"], finished["done"]) == ("finished", 1)
    assert (interrupted["state"], interrupted["done"]) == ("interrupted", 18 / 27)
    assert interrupted["epochs"] == 2
    assert interrupted["model"] == "mnist_softmax"
    assert interrupted["validation_accuracy"] == metrics["history"][1]["validation_accuracy"]
    assert interrupted["test_accuracy"] is None
    assert finished["flags"] == interrupted["flags"] == ["--epochs", "3", "--batch-size", "10"]


def test_a_new_run_in_the_folder_of_a_finished_one_is_the_one_that_counts(small, tmp_path):
    run = tmp_path / "run"
    small.copy(run)
    small.train(run, "--seed", "4")
    assert read_run(run).seed == 4
    (run / "metrics.json").write_text((small.finished / "metrics.json").read_text())
    interrupt_newer = read_run(run)
    assert (interrupt_newer.state, interrupt_newer.seed) == ("interrupted", 4)


def test_a_run_that_goes_on_is_running(folder):
    run = folder / "sweep" / "interrupted"
    lock = lock_folder(run)
    assert read_run(run).state == "running"
    assert read_run(run).done == 18 / 27
    lock.close()
    assert read_run(run).state == "interrupted"
    lock = lock_folder(folder / "finished")  # by a new run in its first epoch
    os.utime(folder / "finished" / "metrics.json", (1, 1))
    assert read_run(folder / "finished").problem == "no epoch is finished yet"
    os.utime(folder / "finished" / "metrics.json")  # the run draws its pictures
    assert read_run(folder / "finished").state == "finished"
    lock.close()
    assert read_run(folder / "finished").state == "finished"
    new = folder / "new"
    new.mkdir()
    lock = lock_folder(new)
    assert read_run(new).problem == "no epoch is finished yet"
    lock.close()
    assert read_run(new) is None


FOREIGN = {
    "empty": (b"", "its metrics.json is damaged, too old or of another program"),
    "of another program": (b'{"loss": [0.1]}', "it has no model"),
    "no text": (b"\xff\xfe\x00", "its metrics.json is damaged, too old or of another program"),
    "cut": (b'{"model": "mnist_cnn", "hist', "its metrics.json is damaged,"),
}


def test_damaged_and_foreign_folders_get_a_line(folder, capsys):
    for name, (content, _) in FOREIGN.items():
        (folder / name).mkdir()
        (folder / name / "metrics.json").write_bytes(content)
    checkpoints = folder / "bad" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "step-1.index").write_bytes(b"no checkpoint")
    (folder / "model" / "checkpoints").mkdir(parents=True)
    shutil.copytree(folder / "finished", folder / "spoilt")
    (folder / "spoilt" / "metrics.json").write_bytes(b"[")
    (folder / "photos").mkdir()
    (folder / "loop").symlink_to(folder)
    rows = {row["directory"]: row for row in runs.main([str(folder)])}
    for name, (_, sentence) in FOREIGN.items():
        assert rows[f"{folder}/{name}"]["state"] == "damaged"
        assert sentence in rows[f"{folder}/{name}"]["problem"]
    assert "none of its checkpoints can be read" in rows[f"{folder}/bad"]["problem"]
    assert rows[f"{folder}/spoilt"]["state"] == "damaged"
    assert len(rows) == 2 + len(FOREIGN) + 2
    output = " ".join(capsys.readouterr().out.split())
    assert output.count("damaged: ") == 6


def test_settings_of_any_kind_are_shown(folder):
    """Others may have written them: other names, other types."""
    path = folder / "finished" / "metrics.json"
    metrics = json.loads(path.read_text())
    bad = {"network": [1], "optimizer": {"a": 1}, "batch_size": "ten", "conv": [[5, "x"], 3]}
    for model in ("mnist_softmax", "mnist_cnn", "another"):
        for change in (bad, {"seed": {"a": []}}, {"dropout": True, "hidden": None}):
            settings = metrics["settings"] | change
            path.write_text(json.dumps(metrics | {"model": model, "settings": settings}))
            (row,) = runs.main([str(folder / "finished")])
            assert row["model"] == model


def test_the_list_fits_into_80_columns_and_can_be_sorted(folder, capsys):
    long = folder / ("a_rather_long_name_of_a_folder_" * 4) / "finished-10"
    shutil.copytree(folder / "finished", long)
    shutil.copytree(folder / "finished", folder / "finished-9")
    rows = runs.main([str(folder)])
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80
    assert re.split("  +", output.splitlines()[0].strip()) == list(runs.HEAD)
    page = (shell.REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert re.split("  +", re.search(r"```\n(.+)\n", page)[1].strip()) == list(runs.HEAD)
    assert "softmax regression --epochs 3 --batch-size 10" in " ".join(output.split())
    assert "interrupted 67%" in output
    names = [row["directory"].removeprefix(f"{folder}/") for row in rows]
    assert names[1:] == ["finished", "finished-9", "sweep/interrupted"]
    assert runs.main([str(folder), "--sort", "test"])[-1]["state"] == "interrupted"
    capsys.readouterr()
    runs.main([str(folder), "--markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 4
    assert {line.count("|") for line in lines} == {len(runs.HEAD) + 3}


def flags_of_a_run(script, *typed):
    settings = script.read_settings([*typed, "--seed", "3"])
    return flags_of(settings.model, decisive_settings(settings))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "--network best",
        "--network fast --learning-rate 0.02",
        "--optimizer sgd",
        "--epochs 3 --optimizer adam-short --decay constant",
        "--conv 3x4 5x6 --fc 20 30 --activate-first",
        "--iterations 10 --train-size 100 --augment --batch-norm",
        "--network tiny --no-batch-norm --dropout 0.1",
    ],
)
def test_the_flags_of_a_run_are_those_that_were_typed(typed):
    found = flags_of_a_run(mnist_cnn, *typed.split())
    assert sorted(found) == sorted(typed.split())
    settings, again = mnist_cnn.read_settings(typed.split()), mnist_cnn.read_settings(found)
    assert vars(again) | {"command": ""} == vars(settings) | {"command": ""}


def test_the_flags_of_an_mlp():
    typed = ["--hidden", "9", "8", "--batch-norm", "--moving-average", "0.9"]
    typed += ["--teacher", "runs/a teacher"]
    assert sorted(flags_of_a_run(mnist_mlp, *typed)) == sorted(typed)


def test_curves_are_drawn_over_each_other(folder, tmp_path, capsys):
    path = tmp_path / "new" / "curves.png"
    runs.main([str(folder), "--plot", str(path)])
    assert f"Files written:\n  {path}\n" in capsys.readouterr().out
    assert imread(path).shape[1] == 858
    for flags, sentence in (["--plot", "x.jpg"], "must end in .png"), (["--frob"], "--frob"):
        with pytest.raises(SystemExit, match=r"^2$"):
            runs.main([str(folder), *flags])
        assert sentence in capsys.readouterr().err


def test_nothing_there_is_a_sentence(folder, tmp_path, capsys):
    cases = {tmp_path / "photos": "photos has no runs", tmp_path / "not": "no folder .*not"}
    cases[tmp_path / "photos" / "metrics.json.txt"] = "metrics.json.txt is no folder"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "metrics.json.txt").touch()
    for where, sentence in cases.items():
        with pytest.raises(UserError, match=f"{sentence}\\..*mnist_softmax.py"):
            runs.main([str(where)])
    assert list(run_folders(tmp_path / "not")) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "failures", [])  # by which a command ends with status 1
        assert len(runs.main([str(folder), str(folder / "finished"), str(tmp_path / "not")])) == 2
        assert len(streams.failures) == 1
    assert capsys.readouterr().err.startswith(f"Error: no folder {tmp_path}/not. ")
