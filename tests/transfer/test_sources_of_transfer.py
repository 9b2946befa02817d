"""Which folders `common.transfer` accepts as a source, and what it says about the others."""

import json
import shutil
from dataclasses import replace

from common import UsageError, UserError, transfer
from common.run.source import read_source

import crafted
import idx_files
import pytest
import shell
from transfers import run


@pytest.mark.parametrize(
    "flags",
    [
        ["--conv", "5x8"],
        ["--fc", "64"],
        ["--network", "lenet5"],
        ["--batch-norm"],
        ["--pooling", "average"],
        ["--activation", "relu"],
        ["--augment"],
    ],
)
def test_the_kept_layers_cannot_be_changed(source, capsys, flags):
    """They are the source's: such a flag is wrong usage, and the sentence says whose flag it is."""
    with pytest.raises(SystemExit) as exit_:
        run("--from", source, *flags)
    assert exit_.value.code == 2
    errors = capsys.readouterr().err
    assert f"unrecognized arguments: {' '.join(flags)} ({flags[0]} is a flag of " in errors
    assert errors.endswith("mnist_cnn.py); see python -m common.transfer --help\n")


def test_the_defaults_are_a_recipe_of_its_own_and_the_layers_are_the_sources(source):
    settings = transfer.read_settings(["--from", str(source)])
    assert (settings.network, settings.conv) == ("two-conv", [[5, 16], [5, 36]])
    assert (settings.fc, settings.activation, settings.batch_norm) == ([128], "relu", False)
    assert str(settings.output_dir) == "runs/mnist_cnn_transfer"
    assert (settings.epochs, settings.learning_rate, settings.dropout) == (10, 0.02, 0)
    assert settings.command == f"python -m common.transfer --from {source}"


def test_the_source_is_not_overwritten(source):
    with pytest.raises(UsageError, match=r"would overwrite its source .*--output-dir"):
        run("--from", source, "--output-dir", source / ".." / source.name)


def damage(folder, what):
    metrics = shell.metrics_in(folder)
    if what == "metrics":
        (folder / "metrics.json").write_text("{")
    elif what == "list":
        (folder / "metrics.json").write_text("[]")
    elif what == "old":
        del metrics["settings"]["network"]
        (folder / "metrics.json").write_text(json.dumps(metrics))
    elif what == "model":
        (folder / "metrics.json").write_text(json.dumps(metrics | {"model": "mnist_mlp"}))
    elif what == "network":
        metrics["settings"]["network"] = "resnet"
        (folder / "metrics.json").write_text(json.dumps(metrics))
    elif what == "unlike":
        metrics["settings"]["conv"] = [[5, 16], [5, 30]]
        (folder / "metrics.json").write_text(json.dumps(metrics))
    elif what == "checkpoints":
        shutil.rmtree(folder / "checkpoints")
    elif what == "rerun":  # the checkpoints are of a later run, which is not finished
        metrics["history"][-1]["seconds"] += 1
        (folder / "metrics.json").write_text(json.dumps(metrics))
    elif what == "bytes":
        for path in (folder / "checkpoints").glob("*.data*"):
            content = bytearray(path.read_bytes())
            content[::1000] = bytes(byte ^ 1 for byte in content[::1000])
            path.write_bytes(content)
    else:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("everything", r"its metrics\.json cannot be read \(No such file or directory\)"),
        ("metrics", r"its metrics\.json is damaged or too old"),
        ("list", r"its metrics\.json is damaged or too old"),
        ("old", r"its metrics\.json is damaged or too old: it has no network\. "),
        ("model", r"it holds a run of mnist_mlp\.py, not of mnist_cnn\.py"),
        ("network", r"this version knows no network resnet"),
        ("unlike", r"its conv2/weights has the shape \[5, 5, 16, 36\], not \[5, 5, 16, 30\]"),
        ("checkpoints", r"it has no intact checkpoint of the run that its metrics\.json reports"),
        ("rerun", r"it has no intact checkpoint of the run that its metrics\.json reports"),
        ("bytes", r"it has no intact checkpoint|its checkpoint is damaged"),
    ],
)
def test_a_source_that_does_not_fit_is_a_sentence(digits, source, tmp_path, what, sentence):
    broken = tmp_path / "broken"
    shutil.copytree(source, broken)
    damage(broken, what)
    with pytest.raises(UserError, match=rf"cannot transfer from {broken}: {sentence}") as error:
        run("--from", broken, "--data-dir", digits["high"], "--output-dir", tmp_path / "o")
    assert error.value.exit_status == 1
    assert not (tmp_path / "o" / "metrics.json").exists()


@pytest.mark.parametrize("shape", [(27, 27), (14, 56), (32, 32)])
def test_images_of_another_size_are_a_sentence(source, tmp_path, shape):
    # 27 × 27 pixels would give the same number of features, and 14 × 56 the same of pixels.
    data = idx_files.write_data_set(tmp_path / "data", 60, 20, shape)
    with pytest.raises(UserError, match=rf"28 × 28 pixels, and these have {shape[0]} × {shape[1]}"):
        run("--from", source, "--data-dir", data, "--output-dir", tmp_path / "out")


def test_images_of_another_polarity_than_the_sources_are_warned_of(source):
    read = transfer.read_source(source)
    data = transfer.load_data(train_size=100)
    assert transfer._polarity_remark(read, data) is None
    other = data.conventions._replace(polarity="dark on light")
    remark = transfer._polarity_remark(read, replace(data, conventions=other))
    assert "trained with images light on dark, and these are dark on light" in remark
    read.metrics["data"].pop("polarity")  # as an older run
    assert transfer._polarity_remark(read, replace(data, conventions=other)) is None


CONTENTS = [(("settings",), kind) for kind in ("list", "null", "text", "missing")]
CONTENTS += [
    (("settings", name), kind)
    for name in ("network", "conv", "fc", "pooling", "activate_first", "activation", "batch_norm")
    for kind in crafted.BAD
]
CONTENTS += [(("settings", "conv", 0), kind) for kind in crafted.BAD if kind != "missing"]
CONTENTS += [(("settings", "conv", 0, 1), kind) for kind in crafted.BAD]
CONTENTS += [(("settings", "fc", 0), kind) for kind in crafted.BAD if kind != "missing"]
CONTENTS += [((name,), kind) for name in ("test_total", "test_accuracy", "data", "history", "model")
             for kind in ("null", "missing", "list", "nan")]  # fmt: skip
# These are lists, and booleans; a net without layers in one of them is one, too.
ALLOWED = {(("settings", name), kind) for name in ("conv", "fc") for kind in ("list",)}
ALLOWED |= {(("settings", name), "true") for name in ("activate_first", "batch_norm")}
ALLOWED |= {(("settings", "network"), "text"), (("history",), "list")}


def test_metrics_of_another_kind_are_refused(source, tmp_path):
    """What the kept layers are built from is checked before a layer is built."""
    good = shell.metrics_in(source)
    shutil.copytree(source / "checkpoints", tmp_path / "checkpoints")
    texts = dict(crafted.TEXTS)
    for place, kind in CONTENTS:
        if (place, kind) not in ALLOWED:
            legal = {(place, other) for other in crafted.BAD if other != kind}
            texts |= dict(crafted.variations(good, [place], legal))
    assert len(texts) == 160
    for name, text in texts.items():
        (tmp_path / "metrics.json").write_bytes(text)
        with pytest.raises(UserError) as error:
            pytest.fail(f"{name} is taken for {read_source(tmp_path)}")
        sentence = str(error.value)
        assert sentence.startswith(f"cannot transfer from {tmp_path}: "), name
        assert sentence.isprintable()
    (tmp_path / "metrics.json").write_text(json.dumps(good))
    assert read_source(tmp_path).metrics == good


def test_a_net_that_does_not_fit_takes_no_memory(digits, source, tmp_path):
    """Its weights would be 4 TB."""
    shutil.copytree(source, tmp_path / "large")
    metrics = shell.metrics_in(source)
    metrics["settings"]["fc"] = [2**20]
    metrics["settings"]["conv"] = [[5, 2**20]]
    (tmp_path / "large" / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(UserError, match=r"its conv1/weights has the shape \[5, 5, 1, 16\], not"):
        run("--from", tmp_path / "large", "--data-dir", digits["high"], "--output-dir", tmp_path)
