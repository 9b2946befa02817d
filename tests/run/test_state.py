"""What a checkpoint says of its run: read as it was written, or refused with a sentence."""

import json
import os
import re
import shutil

from common import UsageError, UserError
from common.run.checkpoints import Checkpoints
from common.run.state import found_checkpoints, parse_state, read_state

import crafted
import pytest
import shell
import tensorflow.compat.v1 as tf


@pytest.fixture(scope="module")
def good(last):
    return json.loads(crafted.tensors_of(last)["run_state"])


def test_a_state_is_read_as_it_was_written(last, good):
    state = read_state(str(last))
    assert state._asdict() == good
    assert (state.run, state.step, state.global_step) == (1, 27, 27)
    assert [row["step"] for row in state.history] == [9, 18, 27]
    assert json.loads(state.to_json()) == good


def test_a_state_of_another_kind_is_refused_with_a_reason(good):
    count = 0
    for name, text in crafted.crafted_states(good):
        with pytest.raises(ValueError, match=r"^[^\n]{5,150}$"):
            pytest.fail(f"{name} is taken for {parse_state(text, 27)}")
        count += 1
    assert count == 241


def test_what_older_versions_wrote_is_read(good):
    old = {name: good[name] for name in ("facts", "history", "seconds")}
    state = parse_state(json.dumps(old), 27)
    assert (state.run, state.step, state.history) == (0, 27, good["history"])


def test_what_a_reader_has_added_to_the_rows_is_kept(good):
    for value in (0.5, 3, None):
        good["history"][0]["rate"] = value
        assert parse_state(json.dumps(good), 27).history[0]["rate"] == value
    del good["history"][0]["rate"]


@pytest.fixture(scope="module")
def forge(last):
    return crafted.Forge(last)


CASES = {
    "{}": {"run_state": b"{}"},
    "a list": {"run_state": b"[]"},
    "null": {"run_state": b"null"},
    "brackets": {"run_state": b"[" * 100_000},
    "no text": {"run_state": b"\xff"},
    "an escape": {"run_state": b'"\x1b[31m'},
    "a step of -1": {"global_step": -1},
    "a step of 2^62": {"global_step": 2**62},
    "another step": {"global_step": 26},
}


@pytest.mark.parametrize("case", CASES)
def test_the_checkpoint_before_a_crafted_one_is_used(
    small, restoring, forge, good, tmp_path, capsys, case
):
    folder = small.copy(tmp_path / "run")
    contents = {"run_state": json.dumps(good), "global_step": 27, **CASES[case]}
    forge.write(folder / "step-27", **contents)
    assert restoring(folder) == 18
    errors = capsys.readouterr().err
    assert re.fullmatch(rf"The checkpoint {folder}/step-27 is damaged: [^\n\x1b]+\n", errors)


def test_an_old_step_of_2_to_the_62_is_no_finished_run(
    small, restoring, forge, good, tmp_path, capsys
):
    folder = small.copy(tmp_path / "run")
    old = {name: good[name] for name in ("facts", "history", "seconds")}
    forge.write(folder / f"step-{2**62}", run_state=json.dumps(old), global_step=2**62)
    assert restoring(folder) == 27
    assert f"step-{2**62} is damaged" in capsys.readouterr().err


def test_settings_from_elsewhere_cannot_steer_the_terminal(small, restoring, forge, good, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    good = good | {"facts": good["facts"] | {"decay": "\x1b[31m\u202e" + 1000 * "x", "\x07": 1}}
    forge.write(folder / "step-27", run_state=json.dumps(good), global_step=27)
    with pytest.raises(UsageError) as error:
        restoring(folder)
    sentence = str(error.value)
    assert r"\x07 was 1, now None; --decay was \x1b[31m\u202exxx" in sentence
    assert sentence.isprintable()
    assert len(sentence) < 600


# The clock.


def steps_in(folder):
    return [one.state.step for one in found_checkpoints(folder)]


def set_times(folder, times):
    """Give the files of each step a time, as a clock that is wrong or a copy does."""
    for step, time in times.items():
        for path in folder.glob(f"step-{step}.*"):
            os.utime(path, (time, time))


@pytest.mark.parametrize("times", [(1, 2, 3), (3, 2, 1), (2, 3, 1), (5, 5, 5), (9e9, 1, 0)])
def test_the_step_decides_whatever_the_time(small, restoring, tmp_path, times):
    folder = small.copy(tmp_path / "run")
    set_times(folder, dict(zip((9, 18, 27), times, strict=True)))
    assert steps_in(folder) == [9, 18, 27]
    assert restoring(folder) == 27


def test_a_copied_folder_is_resumed_as_the_first_one(small, tmp_path):
    folder = small.copy(tmp_path / "copied")
    for path in sorted(folder.iterdir(), reverse=True):  # a copy writes files in any order
        path.write_bytes(path.read_bytes())
    small.train(folder.parent, "--resume")
    assert shell.metrics_in(folder.parent) == shell.metrics_in(small.finished)
    # TensorFlow's own functions find them in the copy, too.
    assert tf.train.latest_checkpoint(str(folder)) == str(folder / "step-27")


def stop_at(epoch, small, folder, *more):
    """Start a run and leave it, as a kill does, when this epoch's checkpoint is written."""

    class Stopping(Checkpoints):
        def save(self, step, seconds):
            super().save(step, seconds)
            if step == 9 * epoch:
                raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.training.Checkpoints", Stopping)
        with pytest.raises(InterruptedError):
            small.train(folder, *more)


def states_in(folder):
    return [(one.state.run, one.state.step) for one in found_checkpoints(folder)]


@pytest.mark.parametrize("more", [[], ["--seed", "1"]])
def test_what_an_earlier_run_left_is_not_taken_for_the_new_one(small, tmp_path, more):
    """Neither with other settings nor with the same ones, between which the script may differ."""
    run, alone = tmp_path / "run", tmp_path / "alone"
    folder = small.copy(run)
    stop_at(1, small, run, *more)
    set_times(folder, {9: 1, 18: 3, 27: 2})
    assert states_in(folder) == [(1, 18), (1, 27), (2, 9)]
    metrics = small.train(run, *more, "--resume")
    assert states_in(folder) == [(2, 9), (2, 18), (2, 27)]
    if more:
        assert shell.without_times(metrics) == shell.without_times(small.train(alone, *more))
    else:
        assert shell.without_times(metrics) == shell.without_times(shell.metrics_in(small.finished))


def test_checkpoints_of_another_run_that_lie_beside_are_left_out(small, tmp_path, capsys):
    """Both count as the first run of their folder; the settings tell them apart."""
    run, other = tmp_path / "run", tmp_path / "other"
    stop_at(1, small, run)
    small.train(other, "--seed", 1)
    for path in (other / "checkpoints").glob("step-27.*"):
        shutil.copy(path, run / "checkpoints")
    capsys.readouterr()
    metrics = small.train(run, "--resume")
    assert (
        "Left out, since their runs had other settings or layers: step-27.\n"
        in capsys.readouterr().out
    )
    assert shell.without_times(metrics) == shell.without_times(shell.metrics_in(small.finished))


def test_without_any_of_its_own_the_nearest_settings_are_named(small, tmp_path):
    folder = small.copy(tmp_path / "run").parent
    with pytest.raises(UsageError, match=r"seed was 0, now 1\. Use the same flags"):
        small.train(folder, "--seed", "1", "--resume")


def test_a_damaged_folder_is_one_sentence(small, forge, tmp_path, capsys):
    folder = small.copy(tmp_path / "run")
    for step in (9, 18, 27):
        forge.write(folder / f"step-{step}", run_state=b"{}", global_step=step)
    with pytest.raises(UserError, match=r"^none of the checkpoints in .* without --resume"):
        small.train(folder.parent, "--resume")
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert shell.metrics_in(folder.parent) == shell.metrics_in(small.finished)
