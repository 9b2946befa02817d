"""benchmarks/: the arithmetic by hand, real child processes, equal nets, the published page."""

import importlib.util
import json
import re
from dataclasses import replace
from types import SimpleNamespace

from benchmarks import __main__ as command
from benchmarks import exponents, growth, process, tables, timing
from benchmarks.accuracy import train
from benchmarks.frameworks import (
    FRAMEWORKS,
    deserialise,
    missing_packages,
    new_trainer,
    select,
    serialise,
    workload_for,
)
from benchmarks.workloads import RUNS, STEPS, read
from common import UserError
from common.data import load_data
from common.objective import one_cycle

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf


def test_a_ratio_divides_times_of_the_same_round():
    # The machine became ten times slower; the order of the frameworks did not change.
    ours, theirs = [1.0, 1.0, 10.0, 10.0, 11.0], [2.0, 2.0, 20.0, 20.0, 11.0]
    assert timing.ratio(ours, theirs) == (0.5, 0.5, 0.5)
    assert timing.spread([1.0, 2.0, 3.0, 4.0, 50.0]) == (3.0, 2.0, 4.0)


@pytest.mark.parametrize("power", [0.0, 1.0, 1.7])
def test_the_exponent_of_a_power_law(power):
    sizes = [10, 20, 50, 400]
    values = [3 * size**power for size in sizes]
    assert exponents.exponent(sizes, values) == pytest.approx(power)
    assert exponents.exponents_between(sizes, values) == pytest.approx([power] * 3)


def test_where_growth_is_linear():
    assert exponents.where_linear([1, 10, 100], [5, 50, 500]) == "linear throughout"
    assert exponents.where_linear([1, 10, 100], [5, 5, 5]) == "nowhere linear"
    # A constant of 100 plus 1 for each: the constant dominates small sizes.
    sizes = [1, 10, 1_000, 10_000, 100_000]
    assert exponents.where_linear(sizes, [100 + s for s in sizes]) == "linear from 1,000 to 100,000"
    assert exponents.slope([1, 2, 3], [105, 110, 115]) == pytest.approx(5)


def test_memory_and_time_of_a_whole_process():
    small = process.whole_process("-c", "pass")
    large = process.whole_process("-c", "import time; time.sleep(0.3); b'1' * 300_000_000")
    assert 290e6 < large.memory - small.memory < 310e6
    assert large.seconds - small.seconds > 0.2
    # Not the memory of this test's process, which is far larger.
    assert small.memory < 50e6
    with pytest.raises(UserError, match="status 3: too bad"):
        process.whole_process("-c", "import sys; print('too bad', file=sys.stderr); sys.exit(3)")


def test_the_schedule_of_the_other_frameworks_is_ours():
    workload = read(RUNS["one-epoch"])
    assert workload.decay == "one-cycle"
    steps = [0, 1, 40, 53, 54, 100, 214]
    with tf.Graph().as_default(), tf.Session() as session:
        ours = [one_cycle(workload.learning_rate, tf.constant(step), 215, None) for step in steps]
        expected = session.run(ours)
    assert [workload.rate(step, 215) for step in steps] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["cnn", "one-epoch"])
def test_the_lists_of_layers_are_those_of_the_scripts(name):
    workload = replace(read((STEPS | RUNS)[name]), train_size=1000)
    ours, plain = new_trainer("ours", workload), new_trainer("plain", workload)
    assert plain.num_parameters == ours.num_parameters
    for trainer in (ours, plain):
        trainer.session.close()


def test_a_workload_survives_the_way_to_the_child_process():
    workload = read(STEPS["cnn"])
    assert deserialise(serialise(workload)) == workload


def test_bfloat16_is_measured_only_where_the_processor_has_it(monkeypatch):
    names = ["ours", "ours-bfloat16"]
    monkeypatch.setattr("benchmarks.frameworks.has_bfloat16", lambda: True)
    assert select(names, with_bfloat16=True) == (names, {})
    assert select(names, with_bfloat16=False) == (["ours"], {})
    monkeypatch.setattr("benchmarks.frameworks.has_bfloat16", lambda: False)
    selected, left_out = select(names, with_bfloat16=True)
    assert selected == ["ours"]
    assert "no arithmetic" in left_out["bfloat16"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FRAMEWORKS if "matmul" not in name])
def test_every_framework_learns_the_run(name):
    """One epoch of the fast net reaches 98 % in each framework, so the training is equivalent."""
    missing = missing_packages([name])
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    child = timing.Child(name, workload_for(name, read(RUNS["one-epoch"])))
    try:
        child.wait_until_ready()
        _, accuracy = train(child, 0)
        assert accuracy > 0.98
    finally:
        child.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The real command, with the frameworks that need only TensorFlow."""
    output = tmp_path_factory.mktemp("benchmarks") / "numbers.json"
    flags = ["--frameworks", "ours", "plain", "matmul-tensorflow", "--workloads", "softmax"]
    flags += ["--rounds", "3", "--seconds", "0.02", "--output", output]
    printed, errors = shell.run("-m", "benchmarks", "steps", *flags)
    assert errors == ""
    return json.loads(output.read_text()), printed


@pytest.mark.slow
def test_the_command_measures_real_steps(measured):
    numbers, printed = measured
    softmax = numbers["steps"]["workloads"]["softmax"]
    assert softmax["failed"] == {}
    # 784 · 10 weights: the result and the gradient of the weights, not of the images.
    assert softmax["flops"] == 2 * 100 * 2 * 7840
    rows = softmax["rows"]
    for name in ("ours", "plain"):
        assert len(rows[name]["rounds"]) == 3
        assert 1e-5 < rows[name]["seconds"][0] < 1
        assert rows[name]["memory"] > 100e6
    pairs = zip(rows["ours"]["rounds"], rows["plain"]["rounds"], strict=True)
    assert rows["plain"]["ratio"][0] == pytest.approx(np.median([a / b for a, b in pairs]))
    assert 0 < rows["ours"]["fraction_of_peak"][0] < 1
    assert tables.section("steps", numbers["steps"]) in printed


@pytest.mark.slow
def test_a_framework_that_fails_is_named_with_its_reason():
    workload = replace(read(STEPS["softmax"]), flags=("--no-such-flag",))
    child = timing.Child("ours", workload)
    try:
        with pytest.raises(timing.ChildError, match=r"ours ended: .*--no-such-flag"):
            child.wait_until_ready()
    finally:
        child.close()


def test_unequal_nets_are_not_compared():
    nets = {"ours": 7850, "plain": 7840, "matmul-tensorflow": 0}
    children = {name: SimpleNamespace(parameters=size) for name, size in nets.items()}
    with pytest.raises(UserError, match="different nets"):
        timing.require_equal_nets(children)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["speed"], "'speed' is none of steps, accuracy, process, growth"),
        (["--seconds", "fast"], "'fast' is not a number from 0.001 to 3600"),
        (["--rounds", "0"], "is not a whole number of 1 or more"),
        (["--frameworks", "theano"], "invalid choice: 'theano'"),
    ],
)
def test_usage_errors(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err


def test_missing_packages_are_named_before_anything_is_measured(capsys, monkeypatch):
    find, absent = importlib.util.find_spec, {"torch", "jax", "optax"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else find(name)
    )
    with pytest.raises(SystemExit) as exit_:
        command.main(["steps", "--frameworks", "ours", "jax", "plain", "pytorch"])
    assert exit_.value.code == 2
    errors = " ".join(capsys.readouterr().err.split())
    assert "jax, optax, torch are not installed" in errors
    assert "pip install -r benchmarks/requirements.txt" in errors
    assert "--frameworks ours plain" in errors


def test_data_of_other_sizes(tmp_path):
    mnist = load_data()
    growth.write_resized(mnist, 14, tmp_path / "small.npz")
    small = load_data(tmp_path / "small.npz")
    assert small.image_shape == (14, 14)
    assert len(small.train) + len(small.validation) == 2400
    growth.write_repeated(mnist.__class__(**vars(mnist)), 56_000, tmp_path / "large.npz")
    large = load_data(tmp_path / "large.npz")
    first = np.concatenate([large.validation.labels, large.train.labels])
    assert len(first) == 56_000
    assert np.array_equal(first[55_000:], mnist.train.labels[:1000])


@pytest.mark.parametrize("name", tables.TEXTS)
def test_the_page_shows_the_published_numbers(name):
    (found,) = re.findall(
        rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", command.PAGE.read_text(), re.DOTALL
    )
    published = json.loads(command.RESULTS.read_text()) if command.RESULTS.exists() else {}
    if name in published:
        assert found == tables.section(name, published[name])
    else:
        assert found == f"Not measured yet: `python -m benchmarks {name} --update-docs`.\n"
