"""common/cli.py and the scripts' command lines: defaults, and one sentence for what is wrong."""

import re

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common.settings import parse_settings

import pytest

SCRIPTS = [mnist_softmax, mnist_mlp, mnist_cnn]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--epochs", "0"], "argument --epochs: '0' is not a whole number of 1 or more"),
        (["--epochs", "-3"], "argument --epochs: '-3' is not a whole number of 1 or more"),
        (["--epochs", "2.5"], "argument --epochs: '2.5' is not a whole number of 1 or more"),
        (["--iterations", "0"], "argument --iterations: '0' is not a whole number of 1 or more"),
        (["--epochs", "1", "--iterations", "1"], "not allowed with argument"),
        (["--batch-size", "0"], "argument --batch-size: '0' is not a whole number of 1 or more"),
        (["--batch-size", "many"], "argument --batch-size: 'many' is not a whole number"),
        (["--learning-rate", "-0.1"], "argument --learning-rate: '-0.1' is not a number above 0"),
        (["--learning-rate", "0"], "argument --learning-rate: '0' is not a number above 0"),
        (["--learning-rate", "nan"], "argument --learning-rate: 'nan' is not a number above 0"),
        (["--learning-rate", "inf"], "argument --learning-rate: 'inf' is not a number above 0"),
        (["--optimizer", "adamm"], "argument --optimizer: 'adamm' is none of adam, "),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0"),
        (["--train-size", "0"], "argument --train-size: '0' is not a whole number of 1 or more"),
        (["--evaluate-at", "-1"], "argument --evaluate-at: '-1' is not a whole number of 0"),
        (["mnist.png"], "unrecognized arguments: mnist.png"),
    ],
)
def test_usage_errors(capsys, script, arguments, sentence):
    with pytest.raises(SystemExit) as exit_:
        script.main(arguments)
    assert exit_.value.code == 2
    output, errors = capsys.readouterr()
    assert sentence in errors
    assert output == ""


@pytest.mark.parametrize("rate", ["1", "1.5", "-0.1", "nan"])
def test_a_dropout_rate_is_a_share(capsys, rate):
    with pytest.raises(SystemExit) as exit_:
        mnist_mlp.main(["--dropout", rate])
    assert exit_.value.code == 2
    assert "is not a number from 0 up to, but not including, 1" in capsys.readouterr().err


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_every_default(capsys, script):
    with pytest.raises(SystemExit) as exit_:
        script.main(["--help"])
    assert exit_.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert " ".join(script.__doc__.split()) in text
    flags = re.split(r" (--[a-z-]+) ", text.split("options:")[1])
    for name, description in zip(flags[1::2], flags[2::2], strict=True):
        # --decay-rate also stands inside the description of --decay-steps.
        if name not in ("--help", "--iterations", "--decay-rate"):
            assert "(default: " in description or description.endswith("by"), name


@pytest.mark.parametrize(
    ("script", "arguments", "sentence"),
    [
        (mnist_cnn, ["--network", "lenet5", "--conv", "5x8"], "--conv goes with --network s4, not"),
        (mnist_cnn, ["--network", "vgg", "--fc", "9"], "--fc goes with --network s4, not with vgg"),
        (mnist_cnn, ["--network", "lenet"], "'lenet' is none of lenet5, "),
        (mnist_cnn, ["--conv", "5"], "'5' is not filters such as 5x16"),
        (mnist_cnn, ["--conv", "0x5"], "'0x5' is not filters such as 5x16"),
        (mnist_mlp, ["--activation", "rleu"], "'rleu' is none of relu, relu6, "),
        (mnist_mlp, ["--hidden", "512", "0"], "'0' is not a whole number of 1 or more"),
        (mnist_mlp, ["--hidden"], "expected at least one argument"),
        (mnist_mlp, ["--decay", "expo"], "'expo' is none of exponential, "),
        (mnist_mlp, ["--decay-rate", "0.9"], "--decay-rate goes with --decay exponential or stair"),
        (mnist_mlp, ["--l2", "-1"], "'-1' is not a number of 0 or more"),
        (mnist_mlp, ["--moving-average", "1"], "is not a number from 0 up to, but not including,"),
        (mnist_mlp, ["--network", "s4"], "unrecognized arguments: --network s4"),
        (mnist_softmax, ["--hidden", "5"], "unrecognized arguments: --hidden 5"),
    ],
)
def test_contradictions_and_unknown_names(capsys, script, arguments, sentence):
    with pytest.raises(SystemExit) as exit_:
        script.main(arguments)
    assert exit_.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_another_optimizer_brings_its_own_learning_rate():
    assert mnist_mlp.read_settings([]).learning_rate == 0.002
    assert mnist_mlp.read_settings(["--optimizer", "adam"]).learning_rate == 0.002
    assert mnist_mlp.read_settings(["--optimizer", "sgd"]).learning_rate == 0.5
    chosen = mnist_mlp.read_settings(["--optimizer", "sgd", "--learning-rate", "0.1"])
    assert chosen.learning_rate == 0.1


def settings(*arguments):
    return parse_settings(
        arguments, "mnist_net", "A net.", epochs=3, batch_size=50, learning_rate=0.1
    )


def test_the_recipe_is_the_default():
    defaults = settings()
    assert (defaults.epochs, defaults.iterations) == (3, None)
    assert (defaults.batch_size, defaults.learning_rate, defaults.seed) == (50, 0.1, 0)
    assert str(defaults.output_dir) == "runs/mnist_net"
    assert not hasattr(defaults, "dropout")  # nets without dropout have no flag for it


def test_iterations_replace_epochs():
    chosen = settings("--iterations", "7")
    assert (chosen.epochs, chosen.iterations) == (None, 7)


def test_the_command_to_go_on_is_the_command_that_was_typed():
    chosen = settings("--output-dir", "my runs", "--resume", "--seed", "4")
    assert chosen.command == "python mnist_net.py --output-dir 'my runs' --seed 4"
