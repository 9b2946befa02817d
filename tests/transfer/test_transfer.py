"""common/transfer.py: from the digits 0 to 4 to 5 to 9."""

import re

import mnist_cnn
from common import UsageError
from common.data import load_data
from common.parallel.fast_session import FastSession
from common.run.checkpoints import Checkpoints

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf
from transfers import QUICK, run

KEPT = ["conv1/weights", "conv1/biases", "conv2/weights", "conv2/biases"]
KEPT += ["fc1/weights", "fc1/biases"]


@pytest.fixture(scope="module")
def finished(digits, source, tmp_path_factory):
    """A transfer to 5 to 9, run from the shell: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("transfer")
    flags = ["--from", source, "--data-dir", digits["high"], "--output-dir", folder]
    output, errors = shell.run("-m", "common.transfer", *flags)
    assert errors == ""
    return folder, output


def weights_in(folder, names):
    """Variables of the newest checkpoint."""
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    return {name: reader.get_tensor(name) for name in names}


def constants_in(folder):
    """The weights as the exported model has them: what the run's report was about."""
    with tf.Session(graph=tf.Graph()) as session:
        model = tf.saved_model.load(session, ["serve"], str(folder / "saved_model"))
        nodes = [node for node in model.graph_def.node if node.op == "Const"]
        # Weights that took the scales of batch normalisation are named so.
        return {
            node.name.removesuffix("/folded"): tf.make_ndarray(node.attr["value"].tensor)
            for node in nodes
        }


def test_it_learns_what_a_random_bottleneck_does_not(digits, finished, tmp_path):
    # Measured with four seeds: 93.6 to 94.9 % from trained layers, 89.2 to 90.2 % from random ones.
    folder, _ = finished
    random, transferred = tmp_path / "random", tmp_path / "transferred"
    nothing = ["--iterations", 1, "--learning-rate", 1e-9]
    run("--data-dir", digits["low"], *nothing, "--output-dir", random, script=mnist_cnn)
    flags = ["--from", random, "--data-dir", digits["high"]]
    from_random = run(*flags, "--output-dir", transferred)["test_accuracy"]
    accuracy = shell.metrics_in(folder)["test_accuracy"]
    assert accuracy >= 0.92
    assert 0.8 < from_random < accuracy - 0.02


def test_the_kept_layers_are_the_sources_bit_for_bit(source, finished):
    folder, _ = finished
    for there, here in (
        (weights_in(source, KEPT), weights_in(folder, KEPT)),
        (constants_in(source), constants_in(folder)),
    ):
        for name in KEPT:
            np.testing.assert_array_equal(there[name], here[name], name)
    assert constants_in(folder)["fc2/weights"].shape == (128, 5)
    assert (constants_in(folder)["fc2/weights"] != constants_in(source)["fc2/weights"]).all()


def test_it_prints_both_data_sets_and_both_accuracies(source, finished):
    folder, output = finished
    assert f"Transfer from {source}: conv1, conv2, fc1 stay as they are, fc2 is new.\n" in output
    assert re.search(r"\nBottleneck: 128 values for each image, computed once in \d+\.\d s", output)
    for name, where in (("from", source), ("to", folder)):
        metrics = shell.metrics_in(where)
        row = re.search(
            rf"^  {name} +(\d+) +([\d,]+) +([\d,]+) +(\d+\.\d)%  {where}$", output, re.M
        )
        assert row[1] == "5"
        assert int(row[2].replace(",", "")) == metrics["data"]["training"] == 6_500 - 541
        assert int(row[3].replace(",", "")) == metrics["test_total"]
        assert float(row[4]) == round(100 * metrics["test_accuracy"], 1)
    assert "  5 classes" not in output.split("Transfer:")[0]
    assert "Data: 28 × 28 pixels, 5 classes" in output
    assert shell.metrics_in(folder)["settings"]["transfer_from"] == str(source)


def test_the_exported_model_is_the_whole_net(digits, finished):
    folder, _ = finished
    images = load_data(digits["high"]).test.images
    with tf.Session(graph=tf.Graph()) as session:
        model = tf.saved_model.load(session, ["serve"], str(folder / "saved_model"))
        signature = model.signature_def["serving_default"]
        probabilities = session.run(
            signature.outputs["probabilities"].name, {signature.inputs["images"].name: images}
        )
    assert probabilities.shape == (len(images), 5)
    predicted = np.load(folder / "predictions.npy")[:, 1]
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predicted)


def test_each_image_goes_through_the_kept_layers_once(digits, source, tmp_path, monkeypatch):
    fed = []
    plain = FastSession.run

    def count(self, fetches, feed_dict=None, *others):
        fed.extend((t.name, len(v)) for t, v in (feed_dict or {}).items() if np.ndim(v) == 2)
        return plain(self, fetches, feed_dict, *others)

    monkeypatch.setattr(FastSession, "run", count)
    flags = ["--from", source, "--data-dir", digits["high"], "--evaluate-at", 0, 20]
    metrics = run(*flags, "--epochs", 3, "--output-dir", tmp_path)
    begin = [name for name, _ in fed].index("bottleneck:0")
    end = len(fed) - [name for name, _ in fed][::-1].index("bottleneck:0")
    assert sum(n for _, n in fed[:begin]) == sum(
        metrics["data"][split] for split in ("training", "validation", "test")
    )
    # From the first training step to the last line of the learning curve: not one image.
    assert {name for name, _ in fed[begin:end]} == {"bottleneck:0"}
    # Afterwards the test of the whole net, and the comparison with the exported one.
    assert sum(n for _, n in fed[end:]) == metrics["test_total"] + 256


@pytest.mark.parametrize(
    "flags",
    [
        ["--moving-average", "0.9", "--batch-norm", "--conv", "3x4", "3x6", "--fc", "9", "8"],
        pytest.param(
            ["--network", "lenet5", "--batch-norm", "--optimizer", "momentum"],
            marks=pytest.mark.slow,
        ),
        ["--network", "inception", "--moving-average", "0.9", "--activation", "tanh"],
        pytest.param(
            ["--pooling", "stride", "--activate-first", "--relu-last", "--loss", "squared-error"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_whatever_the_source_is_its_layers_are_kept(digits, tmp_path, flags):
    source, folder = tmp_path / "source", tmp_path / "transfer"
    run(*QUICK, *flags, "--data-dir", digits["low"], "--output-dir", source, script=mnist_cnn)
    run(
        *(*QUICK, "--from", source, "--data-dir", digits["high"]),
        *("--moving-average", "0.9", "--l2", "0.001", "--dropout", "0.1", "--output-dir", folder),
    )
    there, here = constants_in(source), constants_in(folder)
    last = max(name for name in there if re.fullmatch(r"fc\d/weights", name))
    kept = [name for name in there if re.fullmatch(r"(conv|fc)\d/(weights|biases)", name)]
    kept = [name for name in kept if not name.startswith(last[:4])]
    assert len(kept) >= 6
    for name in kept:
        np.testing.assert_array_equal(there[name], here[name], name)
    settings = shell.metrics_in(folder)["settings"]
    for name in ("network", "conv", "fc", "pooling", "activate_first", "activation", "batch_norm"):
        assert settings[name] == shell.metrics_in(source)["settings"][name]


def test_a_transfer_can_be_the_source_of_another_one(digits, source, finished, tmp_path):
    folder, _ = finished
    flags = ["--from", folder, "--data-dir", digits["low"], "--tensorboard"]
    metrics = run(*QUICK, *flags, "--output-dir", tmp_path)
    assert metrics["test_accuracy"] > 0.7
    for name in KEPT:
        np.testing.assert_array_equal(constants_in(tmp_path)[name], constants_in(source)[name])


def test_an_interrupted_transfer_resumes_to_the_same_end(digits, source, tmp_path, monkeypatch):
    flags = ["--from", source, "--data-dir", digits["high"], "--train-size", 1_000]
    flags += ["--epochs", 4, "--dropout", 0.2, "--output-dir"]
    whole = run(*flags, tmp_path / "whole")
    save = Checkpoints.save

    def save_or_die(self, done, seconds):
        if done == 24:
            raise KeyboardInterrupt
        save(self, done, seconds)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", save_or_die)
        run(*flags, tmp_path / "halved")
    halved = run(*flags, tmp_path / "halved", "--resume")
    assert shell.without_times(halved) == shell.without_times(whole)
    names = [*KEPT, "fc2/weights", "fc2/biases"]
    there, here = (weights_in(tmp_path / name, names) for name in ("whole", "halved"))
    for name in names:
        np.testing.assert_array_equal(there[name], here[name])


def test_resuming_from_a_source_that_has_changed_is_refused(digits, tmp_path):
    small = [*QUICK, "--conv", "3x4", "--fc", "8", "--data-dir", digits["low"]]
    source, folder = tmp_path / "source", tmp_path / "transfer"
    flags = [*QUICK, "--from", source, "--data-dir", digits["high"]]
    run(*small, "--output-dir", source, script=mnist_cnn)
    run(*flags, "--output-dir", folder)
    run(*small, "--output-dir", source, "--seed", 1, script=mnist_cnn)
    with pytest.raises(UsageError, match=r"cannot resume the run in .* with other data: data"):
        run(*flags, "--output-dir", folder, "--resume")
