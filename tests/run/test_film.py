"""--film: an animated picture of the training, which changes nothing."""

import itertools

import mnist_mlp
import mnist_softmax

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf
from PIL import Image

QUICK = ["--train-size", "300", "--iterations", "6", "--batch-size", "50"]


@pytest.mark.slow
def test_a_filmed_run_ends_with_the_same_bits(tmp_path, capsys):
    plain, filmed = tmp_path / "plain", tmp_path / "filmed"
    mnist_softmax.main([*QUICK, "--output-dir", str(plain)])
    mnist_softmax.main([*QUICK, "--output-dir", str(filmed), "--film"])
    for name in ("predictions.npy", "probabilities.npy"):
        assert (plain / name).read_bytes() == (filmed / name).read_bytes()
    assert not (plain / "film.gif").exists()
    assert f"  {filmed}/film.gif\n" in capsys.readouterr().out
    with Image.open(filmed / "film.gif") as film:
        assert film.n_frames == 7  # before the first step, and after each of six
        shown = []
        for k in range(film.n_frames):
            film.seek(k)
            shown.append(np.asarray(film.convert("RGB"), int))
    assert all(np.any(one != other) for one, other in itertools.pairwise(shown))


@pytest.mark.slow
def test_a_resumed_run_is_filmed_from_there_on(tmp_path):
    settings = mnist_mlp.read_settings([*QUICK, "--film", "--output-dir", str(tmp_path)])
    assert settings.film
    flags = [*QUICK[:2], "--batch-size", "50", "--decay", "constant", "--output-dir", str(tmp_path)]
    mnist_mlp.main([*flags, "--iterations", "3"])
    mnist_mlp.main([*flags, "--iterations", "5", "--resume", "--film"])
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 2
    assert shell.metrics_in(tmp_path)["steps"] == 5


def test_a_net_without_layers_of_ours_is_not_filmed_and_says_so(tmp_path, capsys, monkeypatch):
    def own_layer(input, num_inputs, num_outputs, **options):
        return tf.matmul(input, tf.Variable(tf.zeros([num_inputs, num_outputs])))

    monkeypatch.setattr(mnist_softmax, "new_fc_layer", own_layer)
    mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path), "--film"])
    assert "No film: " in capsys.readouterr().out
    assert not (tmp_path / "film.gif").exists()
    assert shell.metrics_in(tmp_path)["steps"] == 6
