"""Nothing is lost: full disks, damaged checkpoints, kills and Ctrl-C at any moment.

docs/reliability.md names these tests beside the promises that they prove.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import mnist_mlp
import mnist_softmax
from common import UsageError, UserError
from common.data import load_data
from common.session import new_session
from common.training import mini_batches

import numpy as np
import pytest
import shell
import tensorflow.compat.v1 as tf

QUICK = ["--train-size", "500", "--batch-size", "50", "--epochs", "3"]


def tensors_in(folder):
    """Every number of every checkpoint in a run's folder: reading them checks their checksums."""
    found = {}
    for index in sorted((folder / "checkpoints").glob("*.index")):
        reader = tf.train.load_checkpoint(str(index.with_suffix("")))
        names = reader.get_variable_to_shape_map()
        found[index.stem] = {name: reader.get_tensor(name) for name in names}
    return found


def assert_one_sentence(errors):
    assert re.fullmatch(r"Error: [^\n]*\n", errors), errors


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("mounting a file system takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_at_any_write_is_a_sentence_and_the_old_run_stays(small_disk, capsys):
    run = small_disk / "run"
    flags = [*QUICK, "--output-dir", str(run)]
    mnist_softmax.main(flags)
    metrics, checkpoints = shell.metrics_in(run), set(tensors_in(run))
    filler = small_disk / "filler"
    stat = os.statvfs(small_disk)
    filler.write_bytes(bytes(stat.f_bavail * stat.f_frsize))
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device\. .* --resume$"):
        mnist_softmax.main([*flags, "--resume"])  # it is finished: only the report is written again
    filler.unlink()
    failures = 0
    capsys.readouterr()
    for kilobytes in range(0, 400, 90):
        stat = os.statvfs(small_disk)
        free = stat.f_bavail * stat.f_frsize
        filler.write_bytes(bytes(max(0, free - kilobytes * 1024)))
        try:
            mnist_softmax.main([*flags, "--seed", "1"])
            assert capsys.readouterr().err == ""
            break  # now there was space for everything
        except UserError as error:
            message = str(error)
        finally:
            filler.unlink()
        assert re.fullmatch(r"cannot write .*: No space left on device\. [^\n]*", message)
        failures += 1
        assert shell.metrics_in(run) == metrics
        assert len(tensors_in(run)) >= 1  # each of them can be read
        assert not [path for path in run.rglob("*") if "tmp" in path.name or "temp" in path.name]
    assert len(checkpoints) == 3
    assert failures >= 2
    assert shell.metrics_in(run)["seed"] == 1  # and the last run is complete


@pytest.mark.slow
def test_a_disk_that_turns_read_only_is_a_sentence(small_disk):
    run = small_disk / "run"
    mnist_softmax.main([*QUICK, "--output-dir", str(run)])
    before = shell.metrics_in(run), set(tensors_in(run))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    _, errors = shell.run("mnist_softmax.py", *QUICK, "--output-dir", run, status=1)
    assert_one_sentence(errors)
    assert "Read-only file system" in errors
    assert (shell.metrics_in(run), set(tensors_in(run))) == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    mnist_softmax.main([*QUICK, "--output-dir", str(folder)])
    return folder


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


INDEX, DATA = "index", "data-00000-of-00001"
FAST = [(INDEX, truncate), (INDEX, os.unlink), (DATA, flip)]
SLOW = [(INDEX, flip), (INDEX, empty), (DATA, truncate), (DATA, empty), (DATA, os.unlink)]


@pytest.mark.parametrize(
    ("part", "damage"), [*FAST, *(pytest.param(*one, marks=pytest.mark.slow) for one in SLOW)]
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    finished, tmp_path, capsys, part, damage
):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    damage(run / "checkpoints" / f"step-30.{part}")
    mnist_softmax.main([*QUICK, "--output-dir", str(run), "--resume"])
    if (part, damage) != ("index", os.unlink):  # without an index there is no checkpoint to name
        errors = capsys.readouterr().err
        assert re.fullmatch(r"The checkpoint .*step-30 is damaged: .*\n", errors)
    first, second = shell.metrics_in(finished), shell.metrics_in(run)
    assert shell.without_times(first) == shell.without_times(second)


def test_without_an_intact_checkpoint_the_run_stops_and_says_what_to_do(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for path in (run / "checkpoints").glob("*.data*"):
        truncate(path)
    with pytest.raises(UserError, match=r"none of the checkpoints in .*run without --resume"):
        mnist_softmax.main([*QUICK, "--output-dir", str(run), "--resume"])
    assert len(capsys.readouterr().err.splitlines()) == 3  # each is named


def test_a_checkpoint_of_another_network_is_refused(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    with pytest.raises(UsageError, match=r"cannot resume the run in .* with other settings: .*hid"):
        mnist_mlp.main([*QUICK, "--output-dir", str(run), "--resume"])
    assert shell.metrics_in(run) == shell.metrics_in(finished)


def test_two_runs_do_not_share_a_folder_and_a_killed_run_leaves_no_lock(tmp_path):
    flags = ["--train-size", "500", "--batch-size", "1", "--epochs", "500"]
    process = shell.start("mnist_softmax.py", *flags, "--output-dir", tmp_path)
    for line in process.stdout:
        if line.split()[:1] == ["1"]:
            break
    with pytest.raises(UserError, match=f"another run is writing to {tmp_path}"):
        mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path)])
    process.kill()
    process.communicate()
    mnist_softmax.main([*QUICK, "--output-dir", str(tmp_path)])


def interrupt_after(seconds, folder, *arguments):
    process = shell.start(*arguments, "--output-dir", folder)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors, (seconds, errors)
    left = [path.name for path in folder.rglob("*") if re.search(r"\.te?mp|\.old$", path.name)]
    assert left == []
    return process.returncode, errors


@pytest.mark.parametrize(
    "seconds", [1.0, 3.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.5, 2.0, 4.0, 5.0))]
)
def test_ctrl_c_in_every_phase_ends_quietly(tmp_path, seconds):
    """During the imports, loading, training, evaluation, the pictures; the last may be too late."""
    status, errors = interrupt_after(
        seconds, tmp_path, "mnist_softmax.py", "--train-size", 2000, "--epochs", 3
    )
    assert (status, bool(errors)) in ((130, True), (0, False))


def test_a_ctrl_c_while_python_shuts_down_is_ignored():
    """Its handler is gone by then: the signal would kill a program that has done its work."""
    program = """
import os, signal, common
class Last:
    def __del__(self, kill=os.kill, me=os.getpid(), number=signal.SIGINT):
        kill(me, number)
last = Last()
"""
    assert shell.run("-c", shell.as_script(program)) == ("", "")


def test_ctrl_c_in_the_step_in_which_the_weights_overflow_keeps_no_broken_checkpoint(tmp_path):
    flags = ["--learning-rate", "1e6", "--decay", "constant", *QUICK, "--output-dir", str(tmp_path)]
    settings = mnist_mlp.read_settings(flags)
    data = load_data(train_size=settings.train_size)
    net = mnist_mlp.build_graph(settings, data)
    with (
        new_session(net, settings) as session,
        pytest.raises(UserError, match=r"after 1 step the loss is no longer a finite number"),
    ):
        for images, labels in mini_batches(data, session):
            session.run(net.train_step, {net.x: images, net.y_true: labels})
            os.kill(os.getpid(), signal.SIGINT)
    assert tensors_in(tmp_path) == {}


DISTORTED = ["--dropout", "0.3", "--batch-norm", "--augment"]
# Enough work for each step of MLP and CNN to be computed in two halves.
ALL_ON = {
    "mnist_softmax.py": [],
    "mnist_mlp.py": ["--hidden", "128", "64", *DISTORTED],
    "mnist_cnn.py": ["--conv", "3x6", "3x8", "--fc", "20", *DISTORTED],
}
SHARED = ["--train-size", "1500", "--batch-size", "100", "--epochs", "20"]
SHARED += ["--moving-average", "0.9"]


@pytest.mark.slow
@pytest.mark.parametrize("decay", ["one-cycle", "constant", "exponential", "staircase", "cosine"])
@pytest.mark.parametrize("script", ALL_ON)
def test_killed_at_random_moments_and_resumed_it_ends_the_same(tmp_path, script, decay):
    """20 kills for each script over all schedules and more: kill -9, resume, kill -9, resume, …"""
    flags = [script, *ALL_ON[script], *SHARED, "--decay", decay, "--l2", "1e-5", "--clip-norm", "5"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    shell.run(*flags, "--output-dir", whole)
    command = [*flags, "--output-dir", killed, "--resume"]
    chance = random.Random(f"{script} {decay}")
    kills = 0
    while kills < 4:
        process = shell.start(*command)
        if chance.random() < 0.7:  # most of them while it trains, the others at any moment
            for line in process.stdout:
                if line.startswith("epoch"):
                    break
            time.sleep(chance.uniform(0, 1))
        else:
            time.sleep(chance.uniform(0, 6))
        process.kill()
        process.communicate()
        kills += 1
        if (killed / "metrics.json").exists():
            break
    while kills < 4:  # it was finished early: kill it in its report, which it then writes again
        process = shell.start(*command)
        time.sleep(chance.uniform(2, 6))
        process.kill()
        process.communicate()
        kills += 1
    shell.run(*command)
    first, second = shell.metrics_in(whole), shell.metrics_in(killed)
    assert shell.without_times(first) == shell.without_times(second)
    last = max(tensors_in(whole), key=lambda name: int(name.split("-")[1]))
    one, other = tensors_in(whole)[last], tensors_in(killed)[last]
    assert one.keys() == other.keys()
    for name in one.keys() - {"run_state"}:
        np.testing.assert_array_equal(one[name], other[name], name)
    states = [json.loads(each["run_state"]) for each in (one, other)]
    for state in states:
        del state["seconds"]
        for row in state["history"]:
            del row["seconds"]
    assert states[0] == states[1]


@pytest.mark.slow
def test_ctrl_c_at_forty_moments_ends_quietly(tmp_path):
    outcomes = []
    for k in range(40):
        status, _ = interrupt_after(
            0.15 * (k + 1), tmp_path / str(k), "mnist_cnn.py", "--train-size", 1000, "--epochs", 2
        )
        outcomes.append(status)
    assert set(outcomes) <= {130, 0}
    assert outcomes.count(130) >= 30
