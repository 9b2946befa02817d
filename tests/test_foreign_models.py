"""common/predict.py with SavedModels that other programs wrote: a sentence, or an answer."""

from common import UserError
from common.comparison.figures import draw_figures
from common.data import load_data
from common.run.model import Model

import numpy as np
import pytest
import tensorflow as tf
from idx_files import sentence_of

UINT8 = tf.TensorSpec([None, 784], tf.uint8, "images")


def probabilities(rows):
    return tf.nn.softmax(tf.cast(rows, tf.float32)[:, :10])


def saved(folder, serve, images=UINT8, output="probabilities", signature="serving_default"):
    """Save a function as a model that TensorFlow 2 programs write."""
    module = tf.Module()
    name = images.name

    @tf.function(input_signature=[images])
    def call(images):
        return {output: serve(images)}

    module.call = call
    concrete = call.get_concrete_function()
    assert name in {tensor.name.partition(":")[0] for tensor in concrete.inputs}
    tf.saved_model.save(module, str(folder), signatures={signature: concrete})
    return folder


def test_a_model_of_this_signature_answers(tmp_path):
    model = Model(saved(tmp_path / "model", probabilities))
    images = np.random.default_rng(0).integers(0, 256, (3, 784), np.uint8)
    expected = tf.nn.softmax(images[:, :10].astype(np.float32))
    assert np.allclose(model.probabilities(images), expected)
    assert model.image_shape == (28, 28)
    assert model.probabilities(images[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    ("shape", "dtype", "match"),
    [
        ([None, None], tf.uint8, r"has images as uint8 \[n, any\]"),
        ([None, 28, 28, 1], tf.uint8, r"has images as uint8 \[n, 28, 28, 1\]"),
        ([None, 784], tf.float32, r"has images as float32 \[n, 784\]"),
        (None, tf.uint8, r"has images as uint8 of unknown shape"),
    ],
)
def test_other_images_get_a_sentence(shape, dtype, match, tmp_path):
    def serve(images):
        return probabilities(tf.reshape(images, [-1, 784]))

    folder = saved(tmp_path / "model", serve, tf.TensorSpec(shape, dtype, "images"))
    with pytest.raises(UserError, match=match) as error:
        Model(folder)
    sentence_of(error)
    assert str(folder) in str(error.value)
    assert "uint8 [n, height · width]" in str(error.value)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        ({"signature": "classify"}, r"no signature serving_default \(but .*classify"),
        ({"output": "logits"}, r"returns logits, not probabilities"),
        ({"images": tf.TensorSpec([None, 784], tf.uint8, "x")}, r"takes \w+, not images"),
    ],
)
def test_other_names_get_a_sentence(names, match, tmp_path):
    if "images" in names:  # the name in the signature is that of the function's argument
        module = tf.Module()
        module.call = tf.function(lambda x: {"probabilities": probabilities(x)})
        concrete = module.call.get_concrete_function(names["images"])
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=concrete)
    else:
        saved(tmp_path / "model", probabilities, **names)
    with pytest.raises(UserError, match=match) as error:
        Model(tmp_path / "model")
    sentence_of(error)


@pytest.mark.parametrize(
    ("serve", "match"),
    [
        (lambda rows: probabilities(rows) * np.float32("nan"), "not finite"),
        (lambda rows: probabilities(rows)[:1], r"array of shape \[1, 10\] for 3 images"),
        (lambda rows: tf.cast(rows, tf.float32)[:, :10] - 99, "do not sum to 1.*softmax"),
        (
            lambda rows: tf.ensure_shape(
                tf.numpy_function(lambda _: np.zeros((3, 9), np.float32), [rows], tf.float32),
                [None, 10],
            ),
            "fails while it classifies 3 images",
        ),
    ],
)
def test_other_answers_get_a_sentence(serve, match, tmp_path):
    model = Model(saved(tmp_path / "model", serve))
    with pytest.raises(UserError, match=match) as error:
        model.probabilities(np.zeros((3, 784), np.uint8))
    sentence_of(error)
    assert str(tmp_path / "model") in str(error.value)


def test_layers_with_other_names_end_no_comparison(tmp_path, capsys):
    """Two rows of which the second classifies one more image; nothing is known of their layers."""
    data = load_data()
    true, right = data.test.labels, data.test.labels.copy()
    wrong = right.copy()
    wrong[3] = (true[3] + 1) % 10
    matrix = {"confusion_matrix": np.eye(10), "history": []}
    runs = [
        [{"model": "mnist_mlp", "true": true, "predicted": answers, "test_correct": k, **matrix}]
        for k, answers in enumerate((wrong, right))
    ]
    for k, (run,) in enumerate(runs):
        run["folder"] = saved(tmp_path / str(k), probabilities)
    assert "one_image.png" in draw_figures(tmp_path, ["one", "other"], runs, data)
    assert capsys.readouterr().err == ""
