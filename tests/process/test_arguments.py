"""common/process/arguments.py: types of arguments, help, and errors in one sentence."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import mnist_cnn
import mnist_mlp
import mnist_softmax
from common import UsageError, compare, predict, runs, transfer
from common.datasets import __main__ as datasets
from common.process.alike import nearest_flags
from common.process.arguments import (
    Choice,
    Flag,
    new_parser,
    parse_count,
    parse_filters,
    parse_fraction,
    parse_penalty,
    parse_rate,
    parse_seed,
    parse_step,
    shown,
    typed_arguments,
)

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def parser():
    parser = new_parser("python -m common.read", "Reads.\n\n  a  b", {"--hidden": "mnist_mlp.py"})
    parser.add_argument("picture", nargs="*", help="a picture")
    parser.add_argument("--model-name", default="best", help="name of the model")
    parser.add_argument("--size", type=parse_count, default=28, metavar="N", help="100%% pixels")
    parser.add_argument("--json", action=argparse.BooleanOptionalAction, default=False, help="JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing")
    return parser


def error_of(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        parser().parse_args(arguments)
    assert exit_.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    return errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--modle-name", "x"],
            "unrecognized arguments: --modle-name (did you mean --model-name?)",
        ),
        (["--mn", "x"], "unrecognized arguments: --mn (did you mean --model-name?)"),
        (
            ["--hidden", "5"],
            "unrecognized arguments: --hidden (--hidden is a flag of mnist_mlp.py)",
        ),
        (["--model", "x"], "unrecognized arguments: --model (did you mean --model-name?)"),
        (["--xyz", "-1"], "unrecognized arguments: --xyz"),
        (
            ["--model_name=x", "--sise", "3", "--hiden", "5"],
            "unrecognized arguments: --model_name=x --sise --hiden 5 (did you mean --model-name "
            "and --size?; --hidden is a flag of mnist_mlp.py)",
        ),
        (["--size", "x"], "argument --size: 'x' is not a whole number of 1 or more"),
        (["--model-name"], "argument --model-name: expected one argument"),
    ],
)
def test_an_error_is_one_sentence(capsys, arguments, sentence):
    error = error_of(capsys, *arguments)
    assert error.startswith(f"common.read: {sentence}")
    assert error.endswith("; see python -m common.read --help\n")
    assert error.count("\n") == 1


def test_a_misspelt_flag_is_named_though_an_argument_is_missing(capsys):
    """Its value was perhaps taken for that argument, or not."""
    parser = new_parser("python -m common.read", "Reads.")
    parser.add_argument("picture")
    parser.add_argument("--size")
    for arguments in (["--sise=3"], ["--sise=3", "--", "--other"][:1]):
        with pytest.raises(SystemExit):
            parser.parse_args(arguments)
        sentence = "common.read: unrecognized arguments: --sise=3 (did you mean --size?); see"
        assert capsys.readouterr().err.startswith(sentence)
    with pytest.raises(SystemExit):
        parser.parse_args(["--size", "3"])
    assert "the following arguments are required: picture;" in capsys.readouterr().err


def test_the_flags_of_other_commands_are_asked_for_only_when_needed(capsys):
    parser = new_parser("python -m common.read", "Reads.", lambda: {"--hidden": "mnist_mlp.py"})
    with pytest.raises(SystemExit):
        parser.parse_args(["--hiden", "5"])
    assert "(--hidden is a flag of mnist_mlp.py)" in capsys.readouterr().err


SCRIPTS = (mnist_softmax.read_settings, mnist_mlp.read_settings, mnist_cnn.read_settings)
MEANT = {
    "--data_dir": "--data-dir",
    "--learning_rate": "--learning-rate",
    "--lr": "--learning-rate",
    "--epoch": "--epochs",
    "--batchsize": "--batch-size",
    "--batch_size": "--batch-size",
    "--outdir": "--output-dir",
    "--output_dir": "--output-dir",
    "-epochs": "--epochs",
    "--Seed": "--seed",
    "--optimiser": "--optimizer",
}
MISSPELT = {typed: f"did you mean {flag}?" for typed, flag in MEANT.items()}
OF_COMMANDS = [
    (compare.main, "--data_dir", "did you mean --data-dir?"),
    (compare.main, "--seed", "did you mean --seeds?"),
    (compare.main, "--lr", "--learning-rate is a flag of the scripts, which take it in --run"),
    (compare.main, "--outdir", "did you mean --output-dir?"),
    (predict.main, "--modle", "did you mean --model?"),
    (predict.main, "--output_dir", "did you mean --output-dir?"),
    (transfer.read_settings, "--learning_rate", "did you mean --learning-rate?"),
    (transfer.read_settings, "--form", "did you mean --from?"),
    (transfer.read_settings, "--hiden", "--hidden is a flag of mnist_mlp.py"),
    (datasets.main, "--sise", "did you mean --size?"),
    (runs.main, "--sorted", "did you mean --sort?"),
]


@pytest.mark.parametrize(
    ("read", "typed", "hint"),
    [
        *((read, *pair) for read in SCRIPTS for pair in MISSPELT.items()),
        *OF_COMMANDS,
    ],
)
def test_every_command_asks_for_the_flag_that_was_meant(capsys, read, typed, hint):
    for arguments in ([typed, "3"], [f"{typed}=3"]):
        with pytest.raises(SystemExit) as exit_:
            read(arguments)
        assert exit_.value.code == 2
        errors = capsys.readouterr().err
        assert f" ({hint}); see python " in errors
        assert errors.count("\n") == 1


def test_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit_:
        parser().parse_args(["--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m common.read ")
    assert "\n\nReads.\n\n  a  b\n\n" in text
    assert "  --model-name MODEL_NAME\n" in text
    assert " name of the model (default: best)\n" in text
    assert "  --size N                100% pixels (default: 28)\n" in text
    assert "  --[no-]json             JSON (default: off)\n" in text
    assert "  --quiet                 print nothing (default: off)\n" in text
    assert "  picture                 a picture\n" in text
    assert text.endswith("--[no-]FLAG: on with --FLAG, off with --no-FLAG.\n")


def test_help_breaks_no_flag_at_its_dash(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    parser = new_parser("python -m common.read", "Reads.")
    parser.add_argument("--one-long-name", help=f"{'x' * 25} --learning-rate, then\na new line")
    parser.print_help()
    text = capsys.readouterr().out
    lines = [line.strip() for line in text.splitlines()]
    assert lines[-3:] == ["x" * 25, "--learning-rate, then", "a new line"]
    assert "[no-]" not in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--learning-rte", ["--learning-rate"]),
        ("--learning_rate", ["--learning-rate"]),
        ("--Learning-Rate", ["--learning-rate"]),
        ("-learning-rate", ["--learning-rate"]),
        ("--lr", ["--learning-rate"]),
        ("--learn", ["--learning-rate"]),
        ("--batch", ["--batch-size", "--batch-norm"]),
        ("--no-batchnorm", ["--no-batch-norm"]),
        ("--frobnicate", []),
        ("-x", []),
        ("--", []),
    ],
)
def test_nearest_flags(typed, meant):
    flags = "--batch-size --batch-norm --no-batch-norm --learning-rate --l1 --l2 --hidden -h --help"
    assert nearest_flags(typed, flags.split()) == meant


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (parse_count, {"1": 1, "600": 600}, ["0", "-1", "1.5", "", "one"]),
        (parse_step, {"0": 0}, ["-1", "1e3"]),
        (parse_seed, {"0": 0, "2147483647": 2147483647}, ["-1", "2147483648"]),
        (parse_rate, {"1e-3": 1e-3, "5": 5.0}, ["0", "-1", "nan", "inf", "x"]),
        (parse_penalty, {"0": 0.0}, ["-0.1", "nan", "inf"]),
        (parse_fraction, {"0": 0.0, "0.99": 0.99}, ["1", "-0.1", "nan"]),
        (parse_filters, {"5x16": (5, 16)}, ["5", "x", "5x", "0x5", "5x0", "5x5x5", "-1x5", "5×16"]),
        (Choice(["a", "b"]), {"a": "a"}, ["c", ""]),
    ],
)
def test_types(kind, right, wrong):
    for text, value in right.items():
        assert kind(text) == value
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"^'{text}' is n"):
            kind(text)


def test_the_nearest_name_comes_first():
    with pytest.raises(argparse.ArgumentTypeError, match="'adamm' is none of adam, sgd"):
        Choice(["sgd", "adam"])("adamm")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "on"),
        (False, "off"),
        (0.0, "0"),
        (0.002, "0.002"),
        (128, "128"),
        ((512, 256), "512 256"),
        (((5, 16), (5, 36)), "5x16 5x36"),
        ((), "none"),
        (Path("runs/a"), "runs/a"),
    ],
)
def test_defaults_as_they_would_be_typed(value, text):
    assert shown(value) == text


def test_a_default_is_checked_like_what_is_typed():
    Flag(parse_fraction, "").check("dropout", 0.5)
    Flag(parse_fraction, "").check("dropout", None)
    Flag(bool, "").check("batch_norm", True)
    with pytest.raises(UsageError, match="dropout in the recipe: '2' is not a number from 0"):
        Flag(parse_fraction, "").check("dropout", 2)


@pytest.mark.parametrize(
    ("flag", "value", "problem"),
    [
        (Flag(parse_count, "", many=True), 128, "128 is no list such as [128]"),
        (Flag(parse_filters, "", many=True), (5, 16), "'5' is not filters such as 5x16"),
        (Flag(parse_filters, "", many=True), "5x16", "'5x16' is no list such as ['5x16']"),
        (Flag(Choice(["cosine"]), ""), None, "'None' is none of cosine"),
    ],
)
def test_a_default_of_another_kind(flag, value, problem):
    with pytest.raises(UsageError, match=re.escape(f"it in the recipe: {problem}")):
        flag.check("it", value)


@pytest.mark.parametrize("value", [(), (512, 256), [7]])
def test_a_default_of_several_values(value):
    Flag(parse_step, "", many=True).check("evaluate_at", value)
    Flag(parse_filters, "", many=True).check("conv", ((5, 16), (3, 8)))


def test_arguments_that_a_program_gives_itself():
    """Numbers in a list; and tf.app.run(main) of TensorFlow 1 passes the program's name first."""
    assert typed_arguments(["--epochs", 1, "--data-dir", Path("a")]) == [
        *("--epochs", "1", "--data-dir", "a")
    ]
    assert typed_arguments([sys.argv[0], "--epochs", "1"]) == ["--epochs", "1"]
    assert typed_arguments([]) == []


def test_the_parser_needs_neither_tensorflow_nor_numpy():
    code = "import sys, common.process.arguments; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert not {"tensorflow", "numpy"} & set(result.stdout.split())
