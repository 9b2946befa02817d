"""What the exported model holds, and what other programs make of it: LiteRT, ONNX, Keras 3."""

import sys
import types
from collections import Counter

import mnist_cnn
from common.data import load_data
from common.run import folding
from common.run.export import export
from common.run.model import Model
from common.session import new_session

import numpy as np
import pytest
import shell
import tensorflow as tf
import trained
from tensorflow.core.protobuf import saved_model_pb2

# What a net of the scripts computes with. The division by 255 is a multiplication.
OPERATIONS = {
    *("Placeholder", "Cast", "Const", "Mul", "MatMul", "BiasAdd", "Relu", "Softmax"),
    *("Reshape", "Conv2D", "MaxPool"),
}


def graph_in(folder):
    """The graph in a saved_model/."""
    content = (folder / "saved_model" / "saved_model.pb").read_bytes()
    (meta,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    return meta.graph_def


def require_a_net(graph):
    """Require one placeholder, `images`, and what a net computes with, nothing random."""
    assert not graph.library.function
    operations = Counter(node.op for node in graph.node)
    assert set(operations) <= OPERATIONS
    assert [node.name for node in graph.node if node.op == "Placeholder"] == ["images"]


def num_weights(graph):
    """How many numbers the constants hold that are no shapes and no scalars."""
    constants = (node.attr["value"].tensor for node in graph.node if node.op == "Const")
    arrays = map(tf.make_ndarray, constants)
    return sum(a.size for a in arrays if a.dtype == np.float32 and a.ndim)


@pytest.mark.parametrize("script", trained.FLAGS)
def test_the_file_holds_the_net_and_nothing_about_training(script, trained_run):
    """As many numbers as the net has parameters."""
    folder = trained_run(script).folder
    graph = graph_in(folder)
    require_a_net(graph)
    assert num_weights(graph) == shell.metrics_in(folder)["parameters"]


# The ways of docs/export.md.


def by_litert(folder, images, tmp_path, monkeypatch):
    model = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model")).convert()
    run = tf.lite.Interpreter(model_content=model).get_signature_runner("serving_default")
    return run(images=images)["probabilities"]


def by_onnx(folder, images, tmp_path, monkeypatch):
    import onnxruntime
    import tf2onnx.convert

    path = str(tmp_path / "mnist.onnx")
    arguments = ["--saved-model", str(folder / "saved_model"), "--output", path]
    monkeypatch.setattr(sys, "argv", ["python -m tf2onnx.convert", *arguments])
    tf2onnx.convert.main()
    session = onnxruntime.InferenceSession(path)
    (fed,) = session.get_inputs()
    assert (fed.name, fed.type) == ("images", "tensor(uint8)")
    return session.run(["probabilities"], {"images": images})[0]


def by_keras(folder, images, tmp_path, monkeypatch):
    path = str(folder / "saved_model")
    layer = tf.keras.layers.TFSMLayer(path, call_endpoint="serving_default")
    return layer(images)["probabilities"].numpy()


WAYS = pytest.mark.parametrize("way", [by_litert, by_onnx, by_keras])


PAIRS = [("mnist_softmax", by_onnx), ("mnist_mlp", by_litert), ("mnist_mlp", by_keras)]
PAIRS += [("mnist_cnn", by_litert), ("mnist_cnn", by_onnx)]
OTHERS = [("mnist_softmax", by_litert), ("mnist_softmax", by_keras)]
OTHERS += [("mnist_mlp", by_onnx), ("mnist_cnn", by_keras)]


@pytest.mark.parametrize(
    ("script", "way"), [*PAIRS, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in OTHERS)]
)
def test_other_programs_give_the_10_000_predictions(
    script, way, trained_run, tmp_path, monkeypatch
):
    folder = trained_run(script).folder
    found = way(folder, load_data().test.images, tmp_path, monkeypatch)
    predicted = np.load(folder / "predictions.npy")[:, 1]
    assert len(predicted) == 10_000
    np.testing.assert_array_equal(found.argmax(axis=1), predicted)


# Networks with batch normalisation, trained on distorted images.
FLAGS = ["--augment", "--dropout", "0.4", "--moving-average", "0.9", "--train-size", "500"]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The network `fast`, exported with random numbers in the place of trained ones."""
    folder = tmp_path_factory.mktemp("untrained")
    flags = ["--network", "fast", *FLAGS, "--output-dir", str(folder)]
    settings, data = mnist_cnn.read_settings(flags), load_data(train_size=500)
    net = mnist_cnn.build_graph(settings, data)
    draw = np.random.default_rng(0).uniform
    with new_session(net, settings) as session, net.graph.as_default():
        names = ("scale", "offset", "mean", "variance")
        variables = [v for v in net.graph.get_collection("variables") if v.op.name.endswith(names)]
        session.run([v.assign(draw(0.2, 2, v.shape)) for v in variables])
        assert export(session, folder / "saved_model", data) == ["saved_model/"]
        expected = session.run(net.y_pred, {net.x: data.test.images[:500]})
    return folder, data, expected


@WAYS
def test_other_programs_take_batch_normalisation(untrained, way, tmp_path, monkeypatch):
    folder, data, expected = untrained
    found = way(folder, data.test.images[:500], tmp_path, monkeypatch)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_batch_normalisation_is_in_the_weights(untrained):
    graph = graph_in(untrained[0])
    require_a_net(graph)
    # 5 × 5 × 1 × 16 and 3 × 3 × 16 × 48 filters, 1200 · 128 and 128 · 10 weights, and biases.
    assert num_weights(graph) == 400 + 6912 + 153_600 + 1280 + 16 + 48 + 128 + 10


@pytest.mark.slow
@pytest.mark.parametrize("network", mnist_cnn.NETWORKS)
def test_every_network_in_other_programs(network, tmp_path, monkeypatch):
    folder = tmp_path / network
    flags = ["--network", network, "--batch-norm", *FLAGS, "--iterations", "60"]
    mnist_cnn.main([*flags, "--output-dir", str(folder)])
    images = load_data().test.images
    expected, predicted = Model(folder).probabilities(images), np.load(folder / "predictions.npy")
    np.testing.assert_array_equal(expected.argmax(axis=1), predicted[:, 1])
    more = {"Pad", "ConcatV2", "Mean", "Mul", "AddV2", "DepthwiseConv2dNative", "Elu"}
    assert {node.op for node in graph_in(folder).node} <= OPERATIONS | more
    for way in (by_litert, by_onnx, by_keras):
        found = way(folder, images, tmp_path, monkeypatch)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(found.argmax(axis=1), predicted[:, 1])


# Edited scripts.

USUAL = "images = tf.cast(x, tf.float32) / 255"
BY_NUMPY = """
        images = tf.numpy_function(lambda a: a.astype("float32") / 255, [x], tf.float32)
        images.set_shape([None, num_pixels])
"""
SENTENCE = (
    "saved_model/ is not written, since the net cannot be exported: it calls Python functions, "
    "which no other program has (PyFunc).\n"
)


def edited(new):
    """mnist_mlp.py with other lines in the place of one."""
    text = (shell.REPOSITORY / "mnist_mlp.py").read_text()
    assert text.count(USUAL) == 1
    module = types.ModuleType("edited_mlp")
    exec(compile(text.replace(USUAL, new.strip()), "edited_mlp.py", "exec"), module.__dict__)
    return module


def exported(script, folder):
    """What `export` returns for an untrained net of a script."""
    settings = script.read_settings([*FLAGS[-2:], "--output-dir", str(folder)])
    data = load_data(train_size=500)
    with new_session(script.build_graph(settings, data), settings) as session:
        return export(session, folder / "saved_model", data)


def test_a_net_that_cannot_be_exported(tmp_path, capsys):
    (tmp_path / "saved_model").mkdir()  # of an earlier run
    assert exported(edited(BY_NUMPY), tmp_path) == []
    assert capsys.readouterr().out == SENTENCE
    assert not (tmp_path / "saved_model").exists()


@pytest.mark.slow
def test_it_keeps_its_results(tmp_path, capsys):
    flags = ["--train-size", "500", "--iterations", "5", "--output-dir", str(tmp_path)]
    metrics = edited(BY_NUMPY).main(flags)
    output = capsys.readouterr().out
    assert SENTENCE in output
    assert "saved_model/\n" not in output
    assert shell.metrics_in(tmp_path)["test_correct"] == metrics["test_correct"]
    assert (tmp_path / "predictions.npy").exists()


def test_a_net_that_is_random_in_use(tmp_path, capsys):
    """It is exported as it is, and said."""
    always = edited(f"{USUAL}\n        images = tf.nn.dropout(images, rate=0.5)")
    assert exported(always, tmp_path) == ["saved_model/"]
    assert capsys.readouterr().out.startswith(
        "The exported net draws random numbers whenever it is used (dropout/"
    )


def test_a_rewritten_graph_that_answers_otherwise_is_not_exported(tmp_path, capsys, monkeypatch):
    """As it would after an error in the rewriting: here every scale is taken for a zero."""
    monkeypatch.setattr(folding, "_moved", lambda steps: (0.0, []))
    assert exported(edited(USUAL), tmp_path) == []
    assert "its probabilities are others" in capsys.readouterr().out
