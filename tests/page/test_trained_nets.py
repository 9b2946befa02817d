"""The page's own functions beside TensorFlow, for the three trained nets."""

import base64

from common.data import load_data
from common.page.__main__ import main
from common.run.model import Model

import numpy as np
import pytest

pytestmark = pytest.mark.browser

PROBABILITIES = """([text, count]) => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const bytes = Network.bytes(text), size = data.shape[0] * data.shape[1];
    return data.networks.map((json) => {
        const net = Network.read(json);
        return Array.from({length: count}, (_, k) =>
            Array.from(Network.run(net, bytes.subarray(k * size, (k + 1) * size)).probabilities));
    });
}"""
# What rounding to float16 may change in a probability: a weight by at most 1/2048 of itself, and
# over a thousand products these changes mostly cancel.
BOUND = 0.002


def answers(page, images):
    """Probabilities [nets, n, 10] in the browser."""
    found = []
    for start in range(0, len(images), 2_500):
        part = images[start : start + 2_500]
        text = base64.b64encode(part.tobytes()).decode()
        found.append(np.array(page.evaluate(PROBABILITIES, [text, len(part)])))
    return np.concatenate(found, axis=1)


def check(page, runs, images, most_different):
    found = answers(page, images)
    assert found.shape == (len(runs), len(images), 10)
    for one, run in zip(found, runs, strict=True):
        expected = Model(run).probabilities(images)
        different = one.argmax(axis=1) != expected.argmax(axis=1)
        assert different.sum() <= most_different
        assert np.abs(one - expected)[:200].max() < BOUND


def test_a_thousand_test_images(functions, runs, small_mnist):
    check(functions, runs, load_data(small_mnist).test.images, 1)


@pytest.mark.slow
def test_ten_thousand_test_images(open_page, runs, tmp_path):
    models = [word for run in runs for word in ("--model", str(run))]
    path = main([*models, "--output", str(tmp_path / "page.html")])
    check(open_page(path), runs, load_data().test.images, 5)
