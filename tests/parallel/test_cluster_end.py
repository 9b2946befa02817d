"""The chief tells the other machines how the training ended; they wait for it until then."""

import dataclasses
import signal

import mnist_softmax
from common import UserError
from common.parallel.cluster import waiting
from common.parallel.cluster.config import Cluster, Task
from common.process.errors import InterruptedRunError
from common.session import new_session

import pytest
import tensorflow.compat.v1 as tf
from cluster_server import build, use_cluster


@pytest.fixture
def chief_and_worker(monkeypatch):
    """The server of this process, and a cluster as the chief and as a worker on it see it."""
    server = tf.train.Server.create_local_server()
    port = server.target.rpartition(":")[2]
    tasks = tuple(Task("localhost", 0, f"{host}:{port}") for host in ("localhost", "127.0.0.1"))
    chief = Cluster(tasks, tasks[0], wait=1)
    monkeypatch.setattr(waiting, "start_server", lambda cluster: server)
    return server, chief, dataclasses.replace(chief, me=tasks[1])


@pytest.mark.parametrize(
    ("error", "reason"),
    [(UserError("the disk is full"), "the disk is full"), (ValueError(), "ValueError")],
)
def test_a_worker_reports_why_the_chief_has_stopped(chief_and_worker, error, reason):
    server, chief, worker = chief_and_worker
    waiting.tell_end(chief, server.target, error)
    with pytest.raises(UserError, match=f"^the localhost 0 at localhost.* has stopped: {reason}$"):
        waiting.serve(worker)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InterruptedRunError("", signal.SIGTERM)])
def test_a_worker_waits_for_a_chief_that_was_interrupted(chief_and_worker, capfd, error):
    server, chief, worker = chief_and_worker
    waiting.tell_end(chief, server.target, error)
    waiting.tell_end(chief, server.target, None)
    with pytest.raises(SystemExit) as ended:
        waiting.serve(worker)
    assert ended.value.code == 0
    assert "The training has ended." in capfd.readouterr().out


def test_a_worker_gives_up_when_the_chief_is_away(chief_and_worker, monkeypatch):
    monkeypatch.setattr(waiting, "is_reachable", lambda task: False)
    with pytest.raises(UserError, match=r"did not answer for 1 seconds\. Start it"):
        waiting.serve(chief_and_worker[2])


def test_a_missing_machine_is_named(chief_and_worker, monkeypatch, capfd):
    _, chief, _ = chief_and_worker
    monkeypatch.setattr(waiting, "is_reachable", lambda task: False)
    with pytest.raises(UserError, match=r"^localhost 0 at 127.* did not answer within 0\.1 sec"):
        waiting.wait_for(chief.others, 0.1)
    assert "Waiting for localhost 0 at 127" in capfd.readouterr().out


def test_the_chief_tells_it_once(monkeypatch, tmp_path):
    used = use_cluster(monkeypatch)
    for error in (None, KeyError("x")):
        net, settings = build(mnist_softmax, [], tmp_path)
        session = new_session(net, settings)
        try:
            with session:
                if error:
                    raise error
        except KeyError:
            pass
        session.close()
    assert len(used.ends) == 2
    assert used.ends[0] is None
    assert isinstance(used.ends[1], KeyError)


@pytest.mark.parametrize(
    ("machines", "asynchronous", "sentence"),
    [
        (1, False, "Training step: on 1 machine, synchronously, each with its part of"),
        (3, False, "Training step: on 3 machines, synchronously, each with its part of"),
        (2, True, "Training step: on 2 machines, asynchronously, each with its own mini-"),
    ],
)
def test_a_run_says_how_its_step_is_computed(
    monkeypatch, tmp_path, machines, asynchronous, sentence
):
    use_cluster(monkeypatch, machines, asynchronous=asynchronous)
    with new_session(*build(mnist_softmax, [], tmp_path)) as session:
        assert session.step_description.startswith(sentence)
