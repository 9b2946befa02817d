"""What the page holds: which nets fit together, their names, their weights, the test images."""

import base64
import json

from common import UserError
from common.data import load_data
from common.page.__main__ import main
from common.page.build import page_text
from common.page.content import choose_kinds
from common.page.examples import choose
from common.page.facts import read_facts
from common.page.layers import Layer

import idx_files
import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf
from idx_files import sentence_of
from saved_nets import conv, dense, save

CONTENT = '<script type="application/json" id="data">'


def content_of(path):
    """What a page holds, read as a browser reads it."""
    return json.loads(path.read_text().partition(CONTENT)[2].partition("</script")[0])


@pytest.fixture(scope="module")
def content(built):
    return content_of(built)


def test_it_says_what_the_runs_say(content, runs):
    assert [one["name"] for one in content["networks"]] == [
        *("softmax regression --epochs 3 --train-size 8000", "MLP --epochs 4 --train-size 4000"),
        "CNN --epochs 2 --train-size 8000",
    ]
    for network, run in zip(content["networks"], runs, strict=True):
        metrics = shell.metrics_in(run)
        for name in ("parameters", "test_accuracy"):
            assert network[name] == metrics[name]
        assert network["command"].startswith(f"{metrics['model']}.py --")


def test_it_says_what_rounding_does(content):
    for network in content["networks"]:
        rounding = network["rounding"]
        assert rounding["kind"] == "float16"
        assert rounding["test_total"] == 1_000
        assert rounding["different"] <= 1
        # Of all 10,000 images the accuracy is another one, but not much.
        assert abs(rounding["test_accuracy"] - network["test_accuracy"]) < 0.05


def test_its_images_are_test_images(content, small_mnist):
    test = load_data(small_mnist).test
    labels = {image.tobytes(): k for image, k in zip(test.images, test.labels, strict=True)}
    pixels = np.frombuffer(base64.b64decode(content["images"]["data"]), np.uint8)
    images = [image.tobytes() for image in pixels.reshape(-1, 784)]
    assert content["labels"] == [labels[image] for image in images]
    assert content["images"]["shape"] == [len(set(images)), 28, 28]
    plain = [k for k in range(len(images)) if k not in content["hard"]]
    assert np.bincount([content["labels"][k] for k in plain]).tolist() == [6] * 10
    assert len(content["hard"]) == 60


def test_hard_images_are_of_all_kinds():
    """Each net is right alone on some of them; nobody is right on others, which they read apart."""
    labels = np.zeros(1_000, int)
    predicted = [labels.copy() for _ in range(3)]
    predicted[0][:300] = 1  # only the first is wrong
    predicted[1][290:310] = 1
    predicted[2][305:320] = 2
    predicted[0][320:330] = predicted[1][320:330] = predicted[2][320:330] = 3  # all agree
    chosen = choose(labels, predicted, 2)
    assert not set(chosen.plain) & set(chosen.hard)
    assert set(chosen.plain) == set(range(330, 390))
    assert len(chosen.hard) == 60
    assert not set(chosen.hard) & set(range(320, 330))
    patterns = {tuple(one[k] == 0 for one in predicted) for k in chosen.hard}
    assert len(patterns) == 5
    assert chosen.disputed.size == 0
    assert set(choose(labels, predicted[2:], 2).hard) == {*range(305, 330)}


def test_disputed_labels_are_marked():
    labels = load_data().test.labels
    predicted = [labels.copy(), labels.copy()]
    for one in predicted:
        one[947] = 9 - one[947]  # disputed, and all nets give another class
    chosen = choose(labels, predicted, 10)
    assert chosen.hard.tolist() == chosen.disputed.tolist() == [947]


@pytest.mark.parametrize(
    ("sizes", "kinds"),
    [
        ([7_850, 535_818, 242_062], ["float16"] * 3),
        ([7_850, 435_818, 525_000], ["float16", "float16", "int8"]),
        ([900_000, 7_850, 600_000], ["int8", "float16", "int8"]),
    ],
)
def test_large_nets_are_kept_in_8_bits(sizes, kinds):
    chains = [[Layer("dense", (10,), "", {"weights": np.zeros(size)})] for size in sizes]
    assert choose_kinds(chains, 784) == kinds


def test_nothing_ends_a_script_early():
    names = ["</script><script>alert(1)</script>", "<!--", "a\u2028b"]
    text = page_text({"classes": names, "networks": [float("nan")]})
    assert json.loads(text.partition(CONTENT)[2].partition("</script")[0])["classes"] == names
    assert "alert(1)</script>" not in text
    for part in text.split("<script")[1:]:
        assert part.count("</script>") == 1


# The name of a run.


@pytest.mark.parametrize(
    ("model", "settings", "name"),
    [
        ("mnist_softmax", {}, "softmax regression"),
        (
            "mnist_mlp",
            {"batch_norm": True, "hidden": [300, 100]},
            "MLP --hidden 300 100 --batch-norm",
        ),
        ("mnist_cnn", {"network": "two-conv", "seed": 3}, "CNN"),
        ("mnist_cnn", {"network": "fast", "batch_norm": True, "epochs": 4}, "CNN --network fast"),
        (
            "mnist_cnn",
            {"network": "fast", "batch_norm": False},
            "CNN --network fast --no-batch-norm",
        ),
        ("mnist_cnn", {"conv": [[3, 8], [5, 36]]}, "CNN --conv 3x8 5x36"),
        (
            "mnist_softmax",
            {"optimizer": "sgd", "learning_rate": 0.5},  # which follows from the optimizer
            "softmax regression --optimizer sgd",
        ),
        ("mnist_cnn", {"network": "unknown", "of_tomorrow": 1}, "CNN --network unknown"),
        ("mnist_cnn", {"network": [1]}, "CNN --network 1"),
        ("mnist_cnn", {"transfer_from": "runs/a", "epochs": 10}, "CNN --from runs/a --epochs 10"),
        ("my_net", {}, "my_net"),
    ],
)
def test_a_net_is_called_by_its_flags(model, settings, name, tmp_path):
    metrics = {"model": model, "history": [], "settings": settings, "parameters": 5}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    facts = read_facts(tmp_path)
    assert facts["name"] == name
    assert facts["parameters"] == 5
    assert "test_accuracy" not in facts


def test_without_metrics_the_folder_names_the_net(tmp_path, capsys):
    assert read_facts(tmp_path) == {"name": tmp_path.name}
    assert capsys.readouterr().err == ""
    (tmp_path / "metrics.json").write_text('{"model": "mnist_cnn", "history": [')
    assert read_facts(tmp_path) == {"name": tmp_path.name}
    assert "metrics.json cannot be read: " in capsys.readouterr().err


# Bad input.


@pytest.fixture(scope="module")
def data_of_9_by_8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return idx_files.write_data_set(folder, 60, 40, (9, 8), 3)


def flat(x, _):
    return dense(x)


def flat_with_four(x, _):
    return dense(x, 4)


def names_of(count):
    return [str(k) for k in range(count)]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Functions: saved nets in folders of their own."""
    kept = {}

    def get(name, **options):
        if name not in kept:
            options = {"names": names_of(3), "polarity": None, **options}
            build = flat_with_four if len(options["names"]) == 4 else flat
            kept[name] = save(tmp_path_factory.mktemp("nets") / name, build, **options)
        return kept[name]

    return get


def test_other_sizes_and_class_names(own, data_of_9_by_8, tmp_path, monkeypatch):
    output = tmp_path / "new" / "own.html"
    monkeypatch.chdir(data_of_9_by_8)
    main(["--model", str(own("flat")), "--output", str(output), "--data-dir", "."])
    content = content_of(output)
    assert content["shape"] == [9, 8]
    assert content["classes"] == ["0", "1", "2"]
    [network] = content["networks"]
    assert network["name"] == "flat"
    assert not {"test_accuracy", "parameters", "command"} & set(network)
    assert content["source"] == data_of_9_by_8.name
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize(
    ("models", "match"),
    [
        ([("missing", None)], "no trained model in .*missing: it has no saved_model"),
        ([("flat", {}), ("flat", {})], "--model names .*flat twice; name each model once"),
        ([("flat", {}), ("wide", {"shape": (8, 9)})], "images of 8 × 9 pixels and .* of 9 × 8"),
        ([("flat", {}), ("four", {"names": names_of(4)})], "classes 0, 1, 2, 3 and .* 0, 1, 2;"),
        (
            [("flat", {}), ("dark", {"polarity": "dark on light"})],
            "trained with images dark on light and .* of no common polarity",
        ),
        ([("flat", {}), ("turned", {"transposed": True})], "was trained with --transpose and"),
        ([("named", {"names": ["a", "b", "c"]})], "with the classes a, b, c, and .* 0, 1, 2; name"),
        ([("small", {"shape": (3, 3)})], "3 × 3 pixels, .* and the test images are 9 × 8"),
    ],
)
def test_models_that_do_not_fit(models, match, own, data_of_9_by_8, tmp_path):
    paths = [own(name, **note) if note is not None else tmp_path / name for name, note in models]
    output = tmp_path / "page.html"
    output.write_text("kept")
    flags = [word for path in paths for word in ("--model", str(path))]
    with pytest.raises(UserError, match=match) as error:
        main([*flags, "--output", str(output), "--data-dir", str(data_of_9_by_8)])
    sentence_of(error)
    assert output.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [output]


def test_it_cannot_be_written(own, data_of_9_by_8, tmp_path):
    flags = ["--model", str(own("flat")), "--data-dir", str(data_of_9_by_8), "--output"]
    with pytest.raises(UserError, match="it is a folder") as error:
        main([*flags, str(tmp_path)])
    sentence_of(error)
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match=r"cannot write .*page.html: ") as error:
        main([*flags, str(tmp_path / "file" / "page.html")])
    sentence_of(error)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_net_with_branches_gets_a_sentence(data_of_9_by_8, tmp_path):
    def branches(x, _):
        h = tf.reshape(x, [-1, 9, 8, 1])
        return dense(tf.concat([conv(h, (3, 3), 2), h], 3, name="side"))

    folder = save(tmp_path / "net", branches, names=names_of(3), polarity=None)
    output = tmp_path / "page.html"
    flags = ["--model", str(folder), "--output", str(output), "--data-dir", str(data_of_9_by_8)]
    with pytest.raises(UserError, match="its layer side joins 2 branches"):
        main(flags)
    assert not output.exists()


def test_other_test_images_than_those_of_the_run(own, data_of_9_by_8, tmp_path, capsys):
    folder = own("measured")
    metrics = {"model": "my_net", "history": [], "test_accuracy": 0.99, "test_total": 40}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    flags = ["--model", str(folder), "--data-dir", str(data_of_9_by_8)]
    main([*flags, "--output", str(tmp_path / "page.html")])
    assert "99.00% in its metrics.json; name its own data" in capsys.readouterr().err
