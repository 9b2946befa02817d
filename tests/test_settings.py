"""common/settings.py: one sentence for what is wrong, and the defaults of the recipes."""

import re
import sys
from pathlib import Path

from common import UsageError
from common.objective import OPTIMIZERS
from common.settings import ALL, parse_settings, require_stages_within

import pytest
from recipes import LEARNING, RECIPES, SCRIPTS, cnn, error_of, mlp, read, softmax

# Usage errors.


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--frobnicate"], "unrecognized arguments: --frobnicate; see"),
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
        (["--loss", "cross"], "argument --loss: 'cross' is none of cross-entropy, "),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0"),
        (["--train-size", "0"], "argument --train-size: '0' is not a whole number of 1 or more"),
        (["--evaluate-at", "-1"], "argument --evaluate-at: '-1' is not a whole number of 0"),
        (["mnist.png"], "unrecognized arguments: mnist.png; see"),
        (["--learning-rte", "1"], "--learning-rte 1 (did you mean --learning-rate?); see"),
        (["--lr", "1"], "unrecognized arguments: --lr 1 (did you mean --learning-rate?); see"),
        (["--learning_rate=1"], "--learning_rate=1 (did you mean --learning-rate?); see"),
        (["--epoch", "1"], "unrecognized arguments: --epoch 1 (did you mean --epochs?); see"),
        (["--data_dir", "x"], "--data_dir x (did you mean --data-dir?); see"),
    ],
)
def test_usage_errors(capsys, script, arguments, sentence):
    error = error_of(capsys, read, script, *arguments)
    assert sentence in error
    assert error.startswith(f"{script}.py: ")
    assert error.endswith(f"; see python {script}.py --help\n")


@pytest.mark.parametrize("rate", ["1", "1.5", "-0.1", "nan"])
def test_a_dropout_rate_is_a_fraction(capsys, rate):
    error = error_of(capsys, mlp, f"--dropout {rate}")
    assert "is not a number from 0 up to, but not including, 1" in error


@pytest.mark.parametrize(
    ("script", "line", "sentence"),
    [
        (
            cnn,
            "--network lenet5 --conv 5x8",
            "--conv goes with --network two-conv, not with lenet5",
        ),
        (cnn, "--network vgg --fc 9", "--fc goes with --network two-conv, not with vgg"),
        (cnn, "--network vgg --no-activate-first", "--activate-first goes with --network two-conv"),
        (cnn, "--network fast --pooling max", "--pooling goes with --network two-conv, not with f"),
        (cnn, "--network lenet", "'lenet' is none of lenet5, "),
        (cnn, "--network", "argument --network: expected one argument"),
        (cnn, "--conv 5", "'5' is not filters such as 5x16"),
        (cnn, "--conv 0x5", "'0x5' is not filters such as 5x16"),
        (mlp, "--activation rleu", "'rleu' is none of relu, relu6, "),
        (mlp, "--hidden 512 0", "'0' is not a whole number of 1 or more"),
        (mlp, "--hidden", "expected at least one argument"),
        (mlp, "--decay expo", "'expo' is none of exponential, "),
        (mlp, "--decay-rate 0.9", "--decay-rate goes with --decay exponential or staircase, not"),
        (mlp, "--fading 0.2", "--fading goes with --augment; see"),
        (cnn, "--fading 0.2 --no-augment", "--fading goes with --augment; see"),
        (mlp, "--augment --fading 1", "'1' is not a number from 0 up to, but not including, 1"),
        (mlp, "--l2 -1", "'-1' is not a number of 0 or more"),
        (mlp, "--moving-average 1", "is not a number from 0 up to, but not including,"),
        (mlp, "--network fast", "--network fast (--network is a flag of mnist_cnn.py); see"),
        (softmax, "--hidden 5", "--hidden 5 (--hidden is a flag of mnist_mlp.py); see"),
        (softmax, "--hiden 5", "--hiden 5 (--hidden is a flag of mnist_mlp.py); see"),
        (softmax, "--no-augment", "(--augment is a flag of mnist_mlp.py and mnist_cnn.py); see"),
        (mlp, "--no-batchnorm", "(did you mean --no-batch-norm?); see"),
        (mlp, "--transfer-from runs", "unrecognized arguments: --transfer-from runs; see"),
    ],
)
def test_contradictions_and_unknown_names(capsys, script, line, sentence):
    assert sentence in error_of(capsys, script, line)


def test_of_several_contradictions_the_same_is_reported_each_time(capsys):
    line = "--network vgg --fc 9 --conv 5x8 --pooling max"
    assert "--conv goes with" in error_of(capsys, cnn, line)


def test_no_flag_is_guessed_from_its_beginning(capsys):
    sentence = "--batch 5 (did you mean --batch-norm or --batch-size?)"
    assert sentence in error_of(capsys, mlp, "--batch 5")


def test_steps_beyond_the_end_of_the_run(capsys):
    error = error_of(capsys, mlp, "--iterations 600 --evaluate-at 0 600 601 700")
    assert "--evaluate-at 601 700 is beyond the end of the run, which has 600 training" in error
    assert mlp("--iterations 600 --evaluate-at 0 600").evaluate_at == [0, 600]
    assert mlp("--evaluate-at 1000000").evaluate_at == [1000000]  # the run will know


def test_the_run_refuses_steps_beyond_its_end():
    settings = mlp("--epochs 2 --evaluate-at 0 860 861")
    require_stages_within(settings, 861)
    with pytest.raises(UsageError, match=r"--evaluate-at 861 is beyond .* which has 860 training"):
        require_stages_within(settings, 860)
    require_stages_within(mlp(), 1)


# Defaults.


def net(*arguments, **recipe):
    recipe = {"epochs": 3, "batch_size": 50, "learning_rate": 0.1} | recipe
    return parse_settings(arguments, "mnist_net", "A net.", **recipe)


def test_the_recipe_is_the_default():
    defaults = net()
    assert (defaults.epochs, defaults.iterations) == (3, None)
    assert (defaults.batch_size, defaults.learning_rate, defaults.seed) == (50, 0.1, 0)
    assert (defaults.loss, defaults.optimizer, defaults.decay) == tuple(
        LEARNING[name] for name in ("loss", "optimizer", "decay")
    )
    assert (defaults.divide_steps, defaults.bfloat16, defaults.resume) == (True, False, False)
    assert defaults.output_dir == Path("runs/mnist_net")
    assert defaults.model == "mnist_net"
    assert not hasattr(defaults, "dropout")  # nets without dropout have no flag for it


def test_each_name_in_the_recipe_decides():
    recipe = {"loss": "squared-error", "optimizer": "sgd", "decay": "cosine", "l2": 1e-4, "mine": 7}
    chosen = net(**recipe)
    assert {name: getattr(chosen, name) for name in recipe} == recipe
    assert chosen.learning_rate == 0.1


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"optimizer": "adamm"}, "optimizer in the recipe: 'adamm' is none of adam, "),
        ({"dropout": 1.5}, "dropout in the recipe: '1.5' is not a number from 0 up to"),
        ({"batch_size": 1e3}, "batch_size in the recipe: '1000.0' is not a whole number"),
        ({"hidden": (512, 0)}, "hidden in the recipe: '0' is not a whole number of 1 or more"),
    ],
)
def test_a_recipe_with_an_impossible_value(recipe, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        net(**recipe)


def test_iterations_replace_epochs():
    chosen = net("--iterations", "7")
    assert (chosen.epochs, chosen.iterations) == (None, 7)


def test_a_recipe_may_count_iterations():
    chosen = net(epochs=None, iterations=500)
    assert (chosen.epochs, chosen.iterations) == (None, 500)
    chosen = net("--epochs", "2", epochs=None, iterations=500)
    assert (chosen.epochs, chosen.iterations) == (2, None)


def test_another_optimizer_brings_its_own_learning_rate():
    assert mlp().learning_rate == 0.002
    assert cnn("--optimizer adam").learning_rate == 0.005
    assert mlp("--optimizer sgd").learning_rate == 0.5
    assert mlp("--optimizer sgd --learning-rate 0.1").learning_rate == 0.1
    assert mlp(optimizer="sgd").learning_rate == 0.002  # what the script says


def test_some_optimizers_bring_a_constant_rate():
    constant = [name for name, one in OPTIMIZERS.items() if one.decay == "constant"]
    assert sorted(constant) == ["adagrad-da", "ftrl"]
    for name in constant:
        assert mlp(f"--optimizer {name}").decay == "constant"
        assert mlp(f"--optimizer {name} --decay cosine").decay == "cosine"
        assert mlp(optimizer=name, decay="cosine").decay == "cosine"  # what the script says
        assert name in ALL["decay"].help
    assert mlp("--optimizer sgd").decay == "one-cycle"
    assert mlp("--optimizer sgd", decay="cosine").decay == "cosine"


def test_a_network_has_its_own_recipe():
    fast = cnn("--network fast")
    assert {name: getattr(fast, name) for name in RECIPES["fast"]} == RECIPES["fast"]
    assert (fast.dropout, fast.network) == (0.3, "fast")
    assert cnn("--network=tiny").epochs == 40
    assert cnn().network == "two-conv"
    assert cnn("--network vgg").epochs == 6


def test_what_is_typed_wins_over_the_recipe_of_the_network():
    assert cnn("--network fast --no-batch-norm").batch_norm is False
    assert cnn("--no-batch-norm --network fast").batch_norm is False
    assert cnn("--network tiny --dropout 0.1").dropout == 0.1
    chosen = cnn("--network fast --optimizer adam")
    assert chosen.learning_rate == OPTIMIZERS["adam"].learning_rate
    chosen = cnn("--network fast --iterations 7")
    assert (chosen.epochs, chosen.iterations) == (None, 7)


SWITCHES = [name for name, flag in ALL.items() if flag.kind is bool]


@pytest.mark.parametrize("name", SWITCHES)
def test_every_boolean_can_be_switched_both_ways(name):
    flag = name.replace("_", "-")
    for default in (True, False):
        assert getattr(cnn(**{name: default}), name) is default
        assert getattr(cnn(f"--{flag}", **{name: default}), name) is True
        assert getattr(cnn(f"--no-{flag}", **{name: default}), name) is False
        assert getattr(cnn(f"--{flag} --no-{flag}"), name) is False


def test_the_booleans():
    switches = "augment batch_norm relu_last activate_first bfloat16 divide_steps show tensorboard"
    assert {*switches.split(), "film", "resume", "transpose"} == set(SWITCHES)


def test_show_opens_nothing_yet(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert mlp("--show").show is True


def test_the_command_repeats_the_run_from_the_beginning():
    chosen = net("--output-dir", "my runs", "--resume", "--seed", "4")
    assert chosen.command == "python mnist_net.py --output-dir 'my runs' --seed 4"
    assert net("--no-resume").command == "python mnist_net.py"


def test_the_arguments_of_the_process_are_the_default(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mnist_mlp.py", "--seed", "4"])
    settings = parse_settings(None, "mnist_mlp", "A net.", **SCRIPTS["mnist_mlp"])
    assert (settings.seed, settings.command) == (4, "python mnist_mlp.py --seed 4")
