"""A SavedModel becomes a chain of layers that computes the same, or a sentence names the layer."""

import mnist_cnn
import mnist_mlp
from common import UserError
from common.data import load_data
from common.page.chain import read_chain
from common.page.weights import probabilities
from common.run.model import Model

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from idx_files import sentence_of
from saved_nets import IMAGES, conv, dense, numbers, save, write


def check(folder, images=IMAGES, tolerance=1e-5):
    """Compare the probabilities; return the chain."""
    model = Model(folder)
    chain = read_chain(model)
    expected = model.probabilities(images)
    np.testing.assert_allclose(probabilities(chain, images), expected, rtol=0, atol=tolerance)
    assert chain[0].kind == "pixels"
    assert chain[-1].shape == (expected.shape[1],)
    return chain


# Nets of the scripts, untrained, but with batch normalisation that does something.

NETS = {
    "mlp": (mnist_mlp, "--hidden 30 20 --activation tanh --batch-norm"),
    "cnn": (mnist_cnn, "--conv 3x4 5x6 --fc 12 --pooling average --batch-norm"),
}
MORE = {
    "lenet5": (mnist_cnn, "--network lenet5"),
    "tiny": (mnist_cnn, "--network tiny"),
    "micro": (mnist_cnn, "--network micro"),
    "stride": (mnist_cnn, "--conv 3x4 4x6 --fc 12 --pooling stride --activation softplus"),
    "none": (mnist_cnn, "--conv 3x4 3x2 --fc 9 --pooling none --activation relu6 --relu-last"),
    "first": (mnist_cnn, "--conv 3x4 5x6 --fc 12 --activate-first --batch-norm"),
    "odd": (mnist_cnn, "--conv 3x4 2x6 3x5 3x4 --fc 12 --activation sigmoid"),
    **{name: (mnist_cnn, f"--network {name} --batch-norm") for name in ("vgg", "fast", "best")},
    "bfloat16": (mnist_cnn, "--conv 3x4 --fc 12 --bfloat16"),
}
KINDS = {
    "mlp": "pixels dense tanh dense tanh dense",
    "cnn": "pixels conv average_pool relu conv average_pool relu flatten dense relu dense",
    "lenet5": "pixels pad conv max_pool relu conv max_pool relu flatten dense relu dense relu "
    "dense",
    "tiny": "pixels conv max_pool relu" + 3 * " conv conv relu" + " average dense",
    "none": "pixels conv relu6 conv relu6 flatten dense relu6 dense relu",
}


@pytest.fixture(scope="module")
def data(small_mnist):
    return load_data(small_mnist)


def untrained(script, flags, data, folder):
    """A net of a script, saved with random numbers in the place of trained ones."""
    settings = script.read_settings(["--output-dir", str(folder), *flags.split()])
    net = script.build_graph(settings, data)
    draw = np.random.default_rng(0).uniform
    with tf.Session(graph=net.graph) as session, net.graph.as_default():
        session.run(tf.global_variables_initializer())
        names = ("scale", "offset", "mean", "variance", "biases")
        variables = [v for v in tf.global_variables() if v.op.name.endswith(names)]
        session.run([v.assign(draw(0.2, 2, v.shape)) for v in variables])
        note = {"image_shape": data.image_shape, "class_names": data.class_names}
        return write(folder, session, net, note)


@pytest.mark.parametrize("name", [*NETS, *(pytest.param(n, marks=pytest.mark.slow) for n in MORE)])
def test_nets_of_the_scripts(name, data, tmp_path):
    script, flags = (NETS | MORE)[name]
    tolerance = 0.05 if name == "bfloat16" else 1e-5
    chain = check(untrained(script, flags, data, tmp_path), data.test.images[:50], tolerance)
    if name in KINDS:
        assert " ".join(layer.kind for layer in chain) == KINDS[name]


# Nets of a learner's own.


def image(x):
    return tf.reshape(x, [-1, 9, 8, 1])


def strided(x, _):
    h = tf.nn.relu(conv(image(x), (4, 3), 5, strides=2) + numbers(5))
    h = tf.nn.max_pool2d(h, 3, 2, "SAME")
    return dense(tf.nn.elu(conv(h, (2, 2), 4, strides=(1, 2))))


def padded(x, _):
    h = conv(tf.pad(image(x), [[0, 0], [1, 2], [0, 3], [0, 0]]), (3, 3), 4, padding="VALID")
    h = conv(h, (3, 2), 3, padding=[[0, 0], [2, 1], [0, 1], [0, 0]], dilations=(2, 1))
    return dense(tf.nn.avg_pool2d(tf.nn.selu(h), (3, 2), (2, 3), "SAME"))


def separable(x, _):
    h = tf.nn.separable_conv2d(
        conv(image(x), (3, 3), 2), numbers(3, 3, 2, 2), numbers(1, 1, 4, 5), [1, 2, 2, 1], "SAME"
    )
    return dense(tf.reduce_max(tf.nn.leaky_relu(h, 0.3), [1, 2]))


def averaged(x, _):
    h = tf.nn.softsign(conv(image(x), (3, 3), 3, padding="VALID"))
    return tf.squeeze(tf.reduce_mean(h, [1, 2], keepdims=True), [1, 2]) * 5.0


def scaled(x, _):
    """With a mean image, a constant minus the input, a division, and scales that no layer takes."""
    h = (x - numbers(1, 72)) / numbers(72, low=0.5)
    h = tf.tanh(1.0 - tf.matmul(h, numbers(6, 72), transpose_b=True))
    return tf.einsum("ni,ij->nj", tf.maximum(h * numbers(6) + 0.1, 0), numbers(6, 3)) / 0.1


def by_shape(x, _):
    h = tf.reshape(x, [tf.shape(x)[0], 9, 8, 1])
    h = tf.nn.relu6(conv(h, (3, 3), 2))
    return dense(tf.reshape(h, [tf.shape(h)[0], 144]))


@pytest.mark.parametrize("build", [strided, padded, separable, averaged, scaled, by_shape])
def test_nets_of_a_learner(build, tmp_path):
    chain = check(save(tmp_path, build))
    scales = [layer.kind for layer in chain].count("scale")
    assert scales == (build in (averaged, scaled))


def test_offsets_are_part_of_the_bias(tmp_path):
    def build(x, _):
        h = tf.nn.max_pool2d(conv(image(x), (3, 3), 4), 2, 2, "SAME") + numbers(4)
        return dense(tf.nn.relu(h))

    chain = check(save(tmp_path, build))
    assert [layer.kind for layer in chain] == [
        "pixels",
        "conv",
        "max_pool",
        "relu",
        "flatten",
        "dense",
    ]
    assert chain[1].arrays["bias"].any()
    assert chain[0].arrays["factor"] == np.float32(1 / 255)
    assert [layer.shape for layer in chain][:3] == [(9, 8, 1), (9, 8, 4), (5, 4, 4)]


# What cannot be drawn.


def branches(x, _):
    h = image(x)
    return dense(tf.concat([conv(h, (3, 3), 2), conv(h, (1, 1), 2)], 3, name="side_by_side"))


def residual(x, _):
    h = tf.nn.relu(conv(image(x), (3, 3), 2))
    return dense(tf.add(h, conv(h, (3, 3), 2), name="residual"))


def normalised_locally(x, _):
    return dense(tf.nn.local_response_normalization(conv(image(x), (3, 3), 4), name="lrn"))


def binary(x, _):
    return dense(tf.cast(tf.greater(x, 0.5, name="threshold"), tf.float32))


def mirrored(x, _):
    return dense(tf.pad(image(x), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT", name="mirror"))


def over_channels(x, _):
    return dense(tf.reduce_mean(conv(image(x), (3, 3), 4), [3], name="channels"))


def always_dropped(x, _):
    return dense(tf.nn.dropout(x, rate=0.5, name="noise"))


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (branches, r"side_by_side joins 2 branches \(ConcatV2\)"),
        (residual, r"residual joins 2 branches \(AddV2\)"),
        (normalised_locally, r"lrn is of a kind that the page does not know \(LRN\)"),
        (binary, r"threshold is of a kind that the page does not know \(Greater\)"),
        (mirrored, r"mirror is of a kind that the page does not know \(MirrorPad\)"),
        (over_channels, r"channels joins other axes than height and width \(Mean\)"),
        (always_dropped, r"noise/\w+ "),
    ],
)
def test_a_layer_that_cannot_be_drawn_is_named(build, named, tmp_path):
    model = Model(save(tmp_path, build))
    with pytest.raises(UserError, match=f"because its layer {named}") as error:
        read_chain(model)
    assert str(tmp_path) in sentence_of(error)


def test_a_net_without_softmax(tmp_path):
    def last(scores):
        return tf.divide(tf.sigmoid(scores), 2.0, name="half")

    with pytest.raises(UserError, match="its layer half is the last one and no softmax"):
        read_chain(Model(save(tmp_path, lambda x, _: dense(x), last=last)))


def test_the_network_with_branches_of_the_script(data, tmp_path):
    folder = untrained(mnist_cnn, "--network inception", data, tmp_path)
    with pytest.raises(UserError, match=r"its layer concat joins 3 branches \(ConcatV2\)"):
        read_chain(Model(folder))
