"""A session that loses a machine is replaced when the machine is back, whatever TensorFlow does."""

import threading

from common import UserError
from common.parallel.cluster import reconnecting
from common.parallel.cluster.config import Cluster, Task

import pytest
import tensorflow.compat.v1 as tf

TASKS = (Task("chief", 0, "a:1"), Task("worker", 0, "b:1"))


def never():
    threading.Event().wait()


def lost():
    raise tf.errors.UnavailableError(None, None, "Socket closed")


def nothing():
    pass


@pytest.fixture
def attempts(monkeypatch):
    """What happens when a session is joined, runs the operation and is closed: to be filled."""
    todo = []

    class Session:
        def __init__(self, target, graph, config):
            self.joined, self.ran, self.close = todo.pop(0)

        def run(self, operation, feeds=None):
            self.joined() if feeds is None else self.ran()

    monkeypatch.setattr(tf, "Session", Session)
    return todo


@pytest.fixture
def missing(monkeypatch):
    """How many machines were missing each time when the others were waited for."""
    waits = []
    monkeypatch.setattr(reconnecting, "is_reachable", lambda task: False)

    def wait_for(tasks, seconds):
        waits.append(len(tasks))
        return True

    monkeypatch.setattr(reconnecting, "wait_for", wait_for)
    return waits


def new_session(seconds=9):
    cluster = Cluster(TASKS, TASKS[0], wait=seconds)
    return reconnecting.ReconnectingSession("", tf.Graph(), tf.ConfigProto(), cluster)


@pytest.mark.parametrize(
    "failure",
    [
        (nothing, lost, nothing),
        (nothing, lost, never),  # a session that cannot be closed
        (lost, nothing, nothing),
        (never, nothing, nothing),  # a machine that fails while it joins
    ],
)
def test_an_operation_is_repeated_when_the_machine_is_back(attempts, missing, failure):
    attempts += [failure, failure, (nothing, nothing, nothing)]
    session = new_session()
    session.run(None, {})
    session.run(None, {})
    assert attempts == []
    assert missing == [1, 1]


def test_machines_that_never_work_together_are_a_sentence(attempts, missing, monkeypatch):
    monkeypatch.setattr(reconnecting, "wait_for", lambda tasks, seconds: False)
    attempts += [(nothing, lost, nothing)] * 10_000
    with pytest.raises(UserError, match="the machines do not work together: Socket closed"):
        new_session(0.1).run(None, {})


def test_a_machine_that_answers_but_does_not_join_is_a_sentence(attempts, monkeypatch):
    monkeypatch.setattr(reconnecting, "wait_for", lambda tasks, seconds: False)
    monkeypatch.setattr(reconnecting, "is_reachable", lambda task: True)
    attempts += [(never, nothing, nothing)] * 10
    with pytest.raises(UserError, match="the machines do not work together: a machine does not"):
        new_session(0.1).run(None, {})


def test_another_error_is_not_repeated(attempts):
    def wrong():
        raise tf.errors.InvalidArgumentError(None, None, "wrong")

    attempts.append((nothing, wrong, nothing))
    with pytest.raises(tf.errors.InvalidArgumentError):
        new_session().run(None, {})
