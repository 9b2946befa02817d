"""The recipes of the three scripts, in short, and functions that read command lines with them."""

import shlex

from common.settings import parse_settings

import pytest

DESCRIPTION = "A net.\n\n    images  [n, 784]\n       │\n    logits  [n, 10]"
LEARNING = {"loss": "cross-entropy", "optimizer": "adam", "decay": "one-cycle", "batch_size": 128}
HIDDEN = {"activation": "relu", "batch_norm": False, "augment": False, "fading": 0.5}
NETWORKS = {"two-conv": None, "lenet5": None, "vgg": None, "fast": None, "tiny": None}
RECIPES = {
    "fast": {
        "epochs": 4,
        "batch_size": 256,
        "optimizer": "adam-short",
        "learning_rate": 0.01,
        "batch_norm": True,
    },
    "tiny": {"epochs": 40, "batch_norm": True, "dropout": 0.0},
}
# The recipes of the three scripts, in short.
SCRIPTS = {
    "mnist_softmax": {"epochs": 10, "learning_rate": 0.005, **LEARNING},
    "mnist_mlp": {
        **{"epochs": 20, "learning_rate": 0.002, **LEARNING},
        **{"hidden": (512, 256), "dropout": 0.4, **HIDDEN},
    },
    "mnist_cnn": {
        **{"epochs": 6, "learning_rate": 0.005, **LEARNING},
        **{"network": NETWORKS, "recipes": RECIPES, "conv": ((5, 16), (5, 36)), "fc": (128,)},
        **{"pooling": "max", "activate_first": False, "relu_last": False, "input_channel": None},
        **{"dropout": 0.3, **HIDDEN},
    },
}


def read(script, *arguments, **changes):
    return parse_settings(arguments, script, DESCRIPTION, **SCRIPTS[script] | changes)


def softmax(line=""):
    return read("mnist_softmax", *shlex.split(line))


def mlp(line="", **changes):
    return read("mnist_mlp", *shlex.split(line), **changes)


def cnn(line="", **changes):
    return read("mnist_cnn", *shlex.split(line), **changes)


def error_of(capsys, function, *arguments):
    """Return the sentence with which the usage error ends."""
    with pytest.raises(SystemExit) as exit_:
        function(*arguments)
    assert exit_.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    return errors


def help_of(capsys, function, line="--help"):
    with pytest.raises(SystemExit) as exit_:
        function(line)
    assert exit_.value.code == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    return output
