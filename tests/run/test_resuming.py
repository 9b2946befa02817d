"""What --resume accepts, what it refuses and why, and what it says when nothing is left to do."""

import shutil
import signal

import mnist_mlp
import mnist_softmax
from common import UsageError
from common.data import load_data
from common.layers import new_fc_layer
from common.process.errors import InterruptedRunError
from common.process.signals import signals_deferred
from common.session import new_session
from common.training import mini_batches

import idx_files
import pytest
import shell
import tensorflow.compat.v1 as tf
from test_scripts import assert_same_run

pytestmark = pytest.mark.usefixtures("no_pictures")

FLAGS = ["--hidden", "16", "--batch-size", "50", "--moving-average", "0.9"]
DECAYS = {
    "constant": [],
    "exponential": ["--decay-steps", "5"],
    "staircase": ["--decay-steps", "5"],
    "one-cycle": [],
    "cosine": [],
}
ENDLESS = ["constant", "exponential", "staircase"]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Train on 300 images of noise, which are quickly read and classified."""
    data = idx_files.write_data_set(tmp_path_factory.mktemp("data"), num_train=327)

    def train(folder, *flags):
        where = ["--data-dir", str(data), "--output-dir", str(folder)]
        return mnist_mlp.main([*FLAGS, *map(str, flags), *where])

    return train


@pytest.fixture(scope="module")
def short_run(train, tmp_path_factory):
    """Name of a schedule and more flags → a copy of a finished run of two epochs."""
    made = {}

    def new(folder, decay, *more):
        key = (decay, *more)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("short") / "run"
            train(made[key], "--decay", decay, *DECAYS[decay], *more, "--epochs", 2)
        shutil.copytree(made[key], folder)
        return ["--decay", decay, *DECAYS[decay], *more]

    return new


@pytest.mark.parametrize(
    ("decay", "more"),
    [*((decay, []) for decay in ENDLESS), ("constant", ["--augment", "--fading", "0"])],
)
def test_a_run_whose_steps_do_not_depend_on_its_length_can_be_made_longer(
    train, short_run, tmp_path, decay, more
):
    flags = short_run(tmp_path / "short", decay, *more)
    train(tmp_path / "short", *flags, "--epochs", 4, "--resume")
    train(tmp_path / "long", *flags, "--epochs", 4)
    assert_same_run(tmp_path / "short", tmp_path / "long")


@pytest.mark.parametrize("decay", ["one-cycle", "cosine"])
def test_a_run_with_a_schedule_explains_why_it_cannot(train, short_run, tmp_path, decay):
    flags = short_run(tmp_path / "run", decay)
    reason = f"this run cannot be made longer: the learning rate of the schedule {decay} depends on"
    with pytest.raises(UsageError, match=rf"epochs was 2, now 4; steps was 12, now 24 \({reason}"):
        train(tmp_path / "run", *flags, "--epochs", 4, "--resume")


@pytest.mark.parametrize("decay", ENDLESS)
def test_nor_can_one_with_distorted_images(train, short_run, tmp_path, decay):
    """The distortions fade in the last part of the run, wherever that is."""
    flags = short_run(tmp_path / "run", decay, "--augment")
    reason = r"this run cannot be made longer: the strength of --augment depends on its length"
    with pytest.raises(UsageError, match=rf"steps was 12, now 24 \({reason}\)"):
        train(tmp_path / "run", *flags, "--epochs", 4, "--resume")


def test_the_length_may_be_given_in_either_way(train, short_run, tmp_path):
    flags = short_run(tmp_path / "run", "one-cycle")
    before = shell.without_times(shell.metrics_in(tmp_path / "run"))
    with pytest.raises(UsageError, match=r"epochs was 2, now None; --iterations was None, now 12"):
        train(tmp_path / "run", *flags, "--iterations", 12, "--resume")
    flags = short_run(tmp_path / "constant", "constant")
    metrics = train(tmp_path / "constant", *flags, "--iterations", 13, "--resume")
    assert metrics["steps"] == before["steps"] + 1


@pytest.mark.parametrize(
    ("decay", "more"),
    [*((decay, []) for decay in DECAYS), ("constant", ["--augment"]), ("staircase", ["--augment"])],
)
def test_the_advice_for_a_finished_run_works(train, short_run, tmp_path, capsys, decay, more):
    flags = short_run(tmp_path / "run", decay, *more)
    capsys.readouterr()
    train(tmp_path / "run", *flags, "--epochs", 2, "--resume")
    (said,) = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("This run is")
    ]
    assert said.startswith("This run is finished: all 12 steps are done. ")
    # Follow it.
    if decay not in ENDLESS or more:
        assert "start a new one" in said
        assert "--epochs" in said
        assert "another --output-dir" in said
        assert "without --resume" in said
        metrics = train(tmp_path / "another", *flags, "--epochs", 3)
    else:
        assert said.endswith("Give more --epochs to continue it.")
        metrics = train(tmp_path / "run", *flags, "--epochs", 3, "--resume")
    assert metrics["steps"] == 18


def test_resuming_nothing_starts_from_the_beginning(train, tmp_path, capsys):
    train(tmp_path / "plain", "--epochs", 1)
    capsys.readouterr()
    train(tmp_path / "resumed", "--epochs", 1, "--resume")
    lines = capsys.readouterr().out.splitlines()
    where = f"{tmp_path}/resumed/checkpoints"
    assert lines.count(f"No checkpoint in {where}: the run starts from the beginning.") == 1
    assert_same_run(tmp_path / "plain", tmp_path / "resumed")


def test_a_run_in_the_folder_of_another_one_says_so_in_one_line(tmp_path, capsys):
    sentence = f"{tmp_path} holds the results of an earlier run, which this run replaces."
    flags = ["--train-size", "100", "--epochs", "1", "--output-dir", str(tmp_path)]
    for more, expected in ([], 0), (["--seed", "1"], 1), (["--seed", "1", "--resume"], 0):
        mnist_softmax.main([*flags, *more])
        assert capsys.readouterr().out.splitlines().count(sentence) == expected


@pytest.mark.parametrize("length", [["--epochs", "2"], ["--iterations", "4"]])
def test_a_stage_beyond_the_end_is_refused_before_a_step_is_done(tmp_path, capsys, length):
    """With --epochs the number of steps is known only when the data are read."""
    flags = ["--train-size", "100", "--batch-size", "50", *length, "--output-dir", str(tmp_path)]
    mnist_softmax.main([*flags, "--evaluate-at", "4"])
    shutil.rmtree(tmp_path)
    capsys.readouterr()
    with pytest.raises((UsageError, SystemExit)) as error:
        mnist_softmax.main([*flags, "--evaluate-at", "4", "5"])
    assert (getattr(error.value, "exit_status", None) or error.value.code) == 2
    sentence = str(error.value) + capsys.readouterr().err
    assert "--evaluate-at 5 is beyond the end of the run, which has 4 training steps" in sentence
    assert not list(tmp_path.glob("checkpoints/*"))


def test_an_edited_layer_is_named_and_no_checkpoint_called_damaged(
    train, short_run, tmp_path, monkeypatch, capsys
):
    """What a reader changes in the text of a script shows in no flag."""

    def two_layers(layer, num_inputs, num_outputs, activation):
        if activation is None:  # the output layer
            layer, num_inputs = new_fc_layer(layer, num_inputs, 20), 20
        return new_fc_layer(layer, num_inputs, num_outputs, activation=activation)

    flags = short_run(tmp_path / "run", "constant")
    before = shell.metrics_in(tmp_path / "run")
    monkeypatch.setattr(mnist_mlp, "new_fc_layer", two_layers)
    with pytest.raises(UsageError) as error:
        train(tmp_path / "run", *flags, "--epochs", 3, "--resume")
    sentence = str(error.value)
    assert "with other layers or another optimizer: " in sentence
    assert "variable fc2/weights was [16, 10], now [16, 20]; " in sentence
    assert "variable fc3/weights was absent, now [20, 10]; " in sentence
    assert "Adam" not in sentence
    assert "Undo that change of the script, or start a new run in another --output-" in sentence
    assert "damaged" not in capsys.readouterr().err
    assert shell.metrics_in(tmp_path / "run") == before


@pytest.mark.parametrize("own", [True, False])
def test_a_random_operation_of_the_reader_s_own_is_named(train, tmp_path, monkeypatch, capsys, own):
    """Its state is in no checkpoint; that of the dropout of common.layers is the step."""
    if own:
        monkeypatch.setattr(
            mnist_mlp, "dropout", lambda layer, rate, is_training: tf.nn.dropout(layer, rate=rate)
        )
    flags = ["--decay", "constant", "--dropout", 0.1, "--epochs"]
    train(tmp_path, *flags, 1)
    capsys.readouterr()
    train(tmp_path, *flags, 2, "--resume")
    line = (
        "The result will not be that of an uninterrupted run: no checkpoint holds the state of "
        "dropout/random_uniform/RandomUniform.\n"
    )
    assert (line in capsys.readouterr().out) == own


@pytest.mark.parametrize("step", [2, 4])
def test_ctrl_c_ends_the_run_in_its_last_epoch_too(tmp_path, step):
    flags = ["--epochs", "1", "--train-size", "512", "--batch-size", "128"]
    settings = mnist_softmax.read_settings([*flags, "--output-dir", str(tmp_path)])
    net = mnist_softmax.build_graph(settings, data := load_data(train_size=512))
    with new_session(net, settings) as session, pytest.raises(InterruptedRunError) as stopped:
        for number, (images, labels) in enumerate(mini_batches(data, session), 1):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
            if number == step:
                signal.raise_signal(signal.SIGINT)
    assert f"Stopped after step {step} of 4" in str(stopped.value)
    settings.resume = True
    with new_session(net, settings) as session:
        assert len(list(mini_batches(data, session))) == 4 - step


def test_a_signal_that_is_ignored_stays_ignored():
    """A script in the background of a shell is not ended by the Ctrl-C for another program."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals_deferred(signal.SIGINT, signal.SIGTERM) as requests:
            signal.raise_signal(signal.SIGINT)
            assert requests == []
            signal.raise_signal(signal.SIGTERM)
            assert requests == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
