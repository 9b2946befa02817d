"""network.js beside NumPy: each kind of layer, alone, with many sizes, strides and paddings."""

import base64
import json

from common.page.layers import Layer
from common.page.weights import pack, rounded

import numpy as np
import numpy_layers
import pytest

pytestmark = pytest.mark.browser

OUTPUTS = """cases => cases.map(([layers, pixels]) => {
    const {outputs, scores, probabilities} =
        Network.run(Network.read({layers}), Uint8Array.from(pixels));
    return [outputs.map(({values}) => Array.from(values)), Array.from(scores),
        Array.from(probabilities)];
})"""
RANDOM = np.random.default_rng(0)
PIXELS = {"factor": np.full(1, 1 / 255, np.float32), "offset": np.zeros(1, np.float32)}


def floats(*shape):
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def image(shape):
    """Pixels, a third of them 0, and the layer that makes an image of them."""
    pixels = RANDOM.integers(0, 256, shape) * (RANDOM.random(shape) > 1 / 3)
    return pixels, Layer("pixels", shape, "", PIXELS)


def compute(page, cases):
    """The outputs of the last layers in the browser, for (layers, pixels)."""
    cases = [(pack(layers, "float32")[0], pixels.ravel().tolist()) for layers, pixels in cases]
    return [outputs[-1] for outputs, *_ in page.evaluate(OUTPUTS, cases)]


def check(page, cases, expected):
    found = compute(page, cases)
    for (layers, _), one, other in zip(cases, found, expected, strict=True):
        assert other.shape == layers[-1].shape
        np.testing.assert_allclose(one, other.ravel(), rtol=1e-5, atol=1e-5)


def windows(count, sizes):
    """Random sizes of images, windows and strides, with both paddings."""
    for _ in range(count):
        height, width = (int(n) for n in RANDOM.integers(4, 12, 2))
        size, strides = (RANDOM.integers(1, most, 2).tolist() for most in (sizes, 4))
        yield (height, width, int(RANDOM.integers(1, 4))), size, strides


def test_convolutions(functions):
    cases, expected = [], []
    for shape, size, strides in windows(60, 6):
        dilations = RANDOM.integers(1, 3, 2).tolist() if strides == [1, 1] else [1, 1]
        filters = int(RANDOM.integers(1, 5))
        kernel, bias = floats(*size, shape[2], filters), floats(filters)
        for padding in ("SAME", "VALID"):
            reach = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
            if padding == "VALID" and (reach[0] > shape[0] or reach[1] > shape[1]):
                continue
            pixels, first = image(shape)
            options = {"strides": strides, "padding": padding, "dilations": dilations}
            expected.append(numpy_layers.conv(pixels / 255, kernel, bias, **options))
            arrays = {"kernel": kernel, "bias": bias}
            layer = Layer("conv", expected[-1].shape, "", arrays, options)
            cases.append(([first, layer], pixels))
    assert len(cases) > 90
    check(functions, cases, expected)


@pytest.mark.parametrize(("kind", "join"), [("max_pool", np.max), ("average_pool", np.mean)])
def test_pooling(functions, kind, join):
    cases, expected = [], []
    for shape, size, strides in windows(40, 4):
        for padding in ("SAME", "VALID"):
            pixels, first = image(shape)
            # Negative numbers, too: padding with zeros would be seen.
            first = first._replace(arrays=PIXELS | {"offset": np.full(1, -2, np.float32)})
            options = {"size": size, "strides": strides, "padding": padding}
            expected.append(numpy_layers.pool(pixels / 255 - 2, join, **options))
            cases.append(([first, Layer(kind, expected[-1].shape, "", {}, options)], pixels))
    check(functions, cases, expected)


def test_layers_without_windows(functions):
    shape = (5, 4, 3)
    pixels, first = image(shape)
    values = pixels / 255
    wide = first._replace(arrays={"factor": floats(60), "offset": floats(60)})
    weights, bias, factor, offset = floats(60, 7), floats(7), floats(3), floats(3)
    flat = Layer("flatten", (60,))
    options = {"before": [1, 0], "after": [2, 3]}
    check(
        functions,
        [
            ([wide], pixels),
            ([first, Layer("scale", shape, "", {"factor": factor, "offset": offset})], pixels),
            ([first, flat, Layer("dense", (7,), "", {"weights": weights, "bias": bias})], pixels),
            ([first, Layer("average", (3,))], pixels),
            ([first, Layer("pad", (8, 7, 3), "", {}, options)], pixels),
            ([first, Layer("reshape", (2, 10, 3))], pixels),
        ],
        [
            pixels * wide.arrays["factor"].reshape(shape) + wide.arrays["offset"].reshape(shape),
            values * factor + offset,
            values.ravel() @ weights + bias,
            values.mean((0, 1)),
            np.pad(values, [(1, 2), (0, 3), (0, 0)]),
            values.reshape(2, 10, 3),
        ],
    )


def test_activations(functions):
    pixels = np.arange(256).reshape(16, 16, 1)
    arrays = {"factor": np.full(1, 0.1, np.float32), "offset": np.full(1, -12.75, np.float32)}
    first, values = Layer("pixels", pixels.shape, "", arrays), pixels * 0.1 - 12.75
    kinds = {**numpy_layers.ACTIVATIONS, "leaky_relu": lambda x: np.where(x > 0, x, 0.3 * x)}
    layers = [Layer(kind, pixels.shape, "", {}, {"alpha": 0.3}) for kind in kinds]
    expected = [function(values) for function in kinds.values()]
    check(functions, [([first, layer], pixels) for layer in layers], expected)


def test_scores_and_probabilities(functions):
    """Scores of any size, of which a softmax without care would overflow."""
    weights = np.diag(np.array([1, 2, 4, -3], np.float32)) * 300
    layer = Layer("dense", (4,), "", {"weights": weights, "bias": np.zeros(4, np.float32)})
    pixels = np.array([255, 126, 60, 10])
    case = (pack([Layer("pixels", (4,), "", PIXELS), layer], "float32")[0], pixels.tolist())
    [[outputs, scores, found]] = functions.evaluate(OUTPUTS, [case])
    np.testing.assert_allclose(scores, pixels / 255 @ weights, rtol=1e-5)
    np.testing.assert_allclose(found, numpy_layers.softmax(np.array(scores)), rtol=1e-4, atol=1e-30)
    assert outputs[-1] == scores


def test_an_image_of_the_last_call_is_not_confused_with_another(functions):
    layers = [Layer("pixels", (3,), "", PIXELS)]
    json_layers = pack(layers, "float32")[0]
    found = functions.evaluate(
        """layers => {
            const net = Network.read({layers}), other = Network.read({layers});
            const pixels = new Uint8Array([0, 255, 51]);
            const run = net => Array.from(Network.run(net, pixels).scores);
            const answers = [run(net), run(net)];
            pixels[0] = 102;
            return [...answers, run(net), run(other)];
        }""",
        json_layers,
    )
    expected = [[0, 1, 0.2], [0, 1, 0.2], [0.4, 1, 0.2], [0.4, 1, 0.2]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float16", "int8", "float32"])
def test_weights_are_decoded_as_they_were_rounded(functions, kind):
    array = np.concatenate([floats(300, 8), 1e-6 * floats(40, 8), 60_000 * floats(1, 8) / 4])
    array[:, 0] = 0
    packed, back = rounded(array, kind)
    layer = {"kind": "dense", "shape": [8], "weights": packed, "bias": rounded(floats(8), kind)[0]}
    found = functions.evaluate(
        "layer => Array.from(Network.read({layers: [layer]}).layers[0].weights.values)",
        json.loads(json.dumps(layer)),
    )
    np.testing.assert_array_equal(np.array(found, np.float32), back.ravel())
    bound = {
        "float16": np.maximum(np.abs(array) / 2048, 2**-25),
        "int8": np.abs(array).max(0) / 253,
        "float32": 0,
    }[kind]
    assert (np.abs(back - array) <= bound).all()
    if kind == "float16":
        size = len(base64.b64decode(packed["data"]))
        assert size == 2 * array.size
