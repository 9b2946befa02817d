"""evidence.js beside TensorFlow's gradients, and what its numbers add up to."""

from common.page.layers import Layer, compute
from common.page.weights import pack

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

pytestmark = pytest.mark.browser

EVIDENCE = """([layers, images]) => {
    const net = Network.read({layers});
    return images.map(([pixels, index]) => {
        const found = Evidence.of(net, Uint8Array.from(pixels), index);
        return {...found, pixels: Array.from(found.pixels)};
    });
}"""
OF_THE_PAGE = """pixels => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const image = Uint8Array.from(pixels);
    return data.networks.map((json) => {
        const net = Network.read(json);
        const { scores } = Network.run(net, image);
        return Array.from(scores, (score, k) => {
            const found = Evidence.of(net, image, k);
            return {...found, pixels: Array.from(found.pixels), given: score};
        });
    });
}"""
RANDOM = np.random.default_rng(0)
PIXELS = Layer(
    "pixels",
    (9, 8, 1),
    "",
    {"factor": np.full(1, 1 / 255, np.float32), "offset": np.full(1, 0.1, np.float32)},
)
IMAGES = RANDOM.integers(0, 256, (3, 72)).astype(np.uint8)


def floats(*shape):
    return RANDOM.normal(0, 0.5, shape).astype(np.float32)


def conv(shape, kernel, **options):
    options = {"strides": [1, 1], "padding": "SAME", "dilations": [1, 1]} | options
    arrays = {"kernel": floats(*kernel, shape[2]), "bias": floats(shape[2])}
    return Layer("conv", shape, "", arrays, options)


def pool(kind, shape, size, strides, padding="SAME"):
    return Layer(kind, shape, "", {}, {"size": size, "strides": strides, "padding": padding})


def dense(inputs, neurons):
    return Layer(
        "dense", (neurons,), "", {"weights": floats(inputs, neurons), "bias": floats(neurons)}
    )


def scale(shape):
    return Layer("scale", shape, "", {"factor": floats(shape[-1]), "offset": floats(shape[-1])})


PAD = {"before": [1, 0], "after": [2, 1]}
PIECEWISE_LINEAR = [
    [
        *(PIXELS, conv((9, 8, 4), (3, 3, 1)), pool("max_pool", (5, 4, 4), [2, 2], [2, 2])),
        *(Layer("relu", (5, 4, 4)), conv((3, 2, 5), (2, 3, 4), strides=[2, 2])),
        *(Layer("leaky_relu", (3, 2, 5), "", {}, {"alpha": 0.3}), scale((3, 2, 5))),
        *(Layer("flatten", (30,)), dense(30, 6), Layer("relu", (6,)), dense(6, 3)),
    ],
    [
        *(PIXELS, Layer("pad", (12, 9, 1), "", {}, PAD)),
        conv((8, 5, 4), (3, 3, 1), padding="VALID", dilations=[2, 2]),
        *(pool("average_pool", (4, 2, 4), [3, 2], [2, 3]), Layer("average", (4,)), dense(4, 3)),
    ],
]
OTHERS = ["relu6", "sigmoid", "tanh", "softplus", "softsign", "elu", "selu"]


def curved(kind):
    shape = (9, 8, 2)
    layers = [PIXELS, conv(shape, (3, 3, 1)), scale(shape), Layer(kind, shape)]
    # Large enough numbers for a relu6 to cut.
    layers[1].arrays["kernel"][:] *= 8
    return [*layers, Layer("flatten", (144,)), dense(144, 3)]


def gradients(layers):
    """Scores [n, classes], and gradient × pixel [n, classes, pixels], by TensorFlow."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        x = tf.placeholder(tf.float32, [None, 72])
        scores = compute(layers, x)
        slopes = [tf.gradients(scores[:, k], x)[0] for k in range(3)]
        scores, slopes = session.run([scores, slopes], {x: IMAGES})
    return scores, np.stack(slopes, axis=1) * IMAGES[:, None]


@pytest.mark.parametrize("layers", [*PIECEWISE_LINEAR, *map(curved, OTHERS)])
def test_it_is_tensorflows_gradient(layers, functions):
    scores, expected = gradients(layers)
    wanted = [(image.tolist(), k) for image in IMAGES for k in range(3)]
    found = functions.evaluate(EVIDENCE, [pack(layers, "float32")[0], wanted])
    assert len(found) == scores.size
    for one, score, pixels in zip(found, scores.ravel(), expected.reshape(-1, 72), strict=True):
        size = np.abs(pixels).max()
        np.testing.assert_allclose(one["pixels"], pixels, rtol=1e-4, atol=1e-5 * size)
        np.testing.assert_allclose(one["score"], score, rtol=1e-4, atol=1e-4)
        total = sum(one["pixels"]) + one["bias"] + one["rest"]
        np.testing.assert_allclose(total, one["score"], rtol=1e-6, atol=1e-6)
        if any(layers is one for one in PIECEWISE_LINEAR):
            assert abs(one["rest"]) < 1e-4 * max(size, 1)


def test_the_evidence_of_the_trained_nets_adds_up_to_the_scores(functions, small_mnist):
    """To all ten, not only to that of the class that they give."""
    from common.data import load_data

    image = load_data(small_mnist).test.images[3]
    for network in functions.evaluate(OF_THE_PAGE, image.tolist()):
        assert len(network) == 10
        for one in network:
            assert one["score"] == one["given"]
            assert abs(sum(one["pixels"]) + one["bias"] - one["score"]) < 1e-3
            assert abs(one["rest"]) < 1e-3
            assert not np.array(one["pixels"])[image == 0].any()


def test_for_softmax_regression_it_is_weight_times_pixel(functions, runs, small_mnist):
    from common.data import load_data
    from common.page.chain import read_chain
    from common.run.model import Model

    image = load_data(small_mnist).test.images[7]
    layer = read_chain(Model(runs[0]))[-1]
    found = functions.evaluate(OF_THE_PAGE, image.tolist())[0]
    for k, one in enumerate(found):
        expected = layer.arrays["weights"][:, k] * (image / 255)
        np.testing.assert_allclose(one["pixels"], expected, rtol=2**-10, atol=1e-6)
        np.testing.assert_allclose(one["bias"], layer.arrays["bias"][k], rtol=1e-6)
