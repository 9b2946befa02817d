"""Waiting for other machines, and working for the chief until it says that training has ended."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NoReturn

from common import UserError
from common.parallel.cluster.config import Cluster, Task, host_and_port
from common.parallel.cluster.server import start_server

import tensorflow.compat.v1 as tf

PAUSE = 0.2  # seconds between two attempts to reach a machine
END_TIMEOUT = 10_000  # milliseconds for telling the other machines that training has ended
# The queue through which the chief tells another machine how the training ended.
END = "end_of_training"
FINISHED = ""


def say(line: str) -> None:
    """Print a line at once, so that a log file is never behind."""
    print(line, flush=True)


def is_reachable(task: Task, seconds: float = 1.0) -> bool:
    """Say whether a process accepts connections at the task's address within so many seconds."""
    host, port = host_and_port(task.address)
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True


def wait_for(tasks: Iterable[Task], seconds: float) -> bool:
    """Wait until all `tasks` can be reached, in whatever order they start.

    TensorFlow would also wait, but without a limit, and its pauses grow.

    Args:
        tasks: other processes.
        seconds: how long to wait at most.

    Returns:
        whether any of them was missing at first.

    Raises:
        UserError: one of them could not be reached in time.
    """
    deadline = time.monotonic() + seconds
    missing = [task for task in tasks if not is_reachable(task)]
    if missing:
        say(f"Waiting for {', '.join(map(str, missing))} …")
    any_missing = bool(missing)
    while missing:
        if time.monotonic() > deadline:
            raise UserError(
                f"{missing[0]} did not answer within {seconds:g} seconds. Start the same command "
                "there with its own TF_CONFIG, and check that no firewall is in between."
            )
        time.sleep(PAUSE)
        missing = [task for task in missing if not is_reachable(task)]
    return any_missing


def _end_queue() -> tf.queue.FIFOQueue:
    """Add the queue for how the training ended to the default graph, on the current device."""
    return tf.queue.FIFOQueue(1, [tf.string], [[]], shared_name=END)


def tell_end(cluster: Cluster, target: str, error: BaseException | None) -> None:
    """Tell the other machines that training has ended, and by which error, if any.

    After Ctrl-C and SIGTERM they are told nothing: they wait for a chief that resumes the run.

    Args:
        cluster: all tasks. Those that cannot be reached are left out.
        target: the server of this process.
        error: why the training ended; None if it is finished.
    """
    if isinstance(error, KeyboardInterrupt) or getattr(error, "exit_status", 0) >= 128:
        return
    reason = FINISHED if error is None else str(error) or type(error).__name__
    present = [task for task in cluster.others if is_reachable(task)]
    if not present:
        return
    with tf.Graph().as_default() as graph:
        ends = []
        for task in present:
            with tf.device(task.device):
                ends.append(_end_queue().enqueue(reason))
    config = tf.ConfigProto(
        device_filters=devices([cluster.me, *present]), operation_timeout_in_ms=END_TIMEOUT
    )
    with suppress(tf.errors.OpError), tf.Session(target, graph, config) as session:
        session.run(ends)


def serve(cluster: Cluster) -> NoReturn:
    """Compute for the chief until the training ends, and then end this program.

    If the chief is away, because it was killed or has not started yet, this waits for it.

    Args:
        cluster: all tasks, of which this process is not the chief.

    Raises:
        UserError: the chief stopped with an error, or was away for `cluster.wait` seconds.
        SystemExit: training has ended, status 0.
    """
    target = start_server(cluster).target
    with tf.Graph().as_default() as graph, tf.device(cluster.me.device):
        queue = _end_queue()
        length, message = queue.size(), queue.dequeue()
    config = tf.ConfigProto(device_filters=[cluster.me.device])
    say(f"This is {cluster.me}; it computes for the {cluster.chief}.")
    last_seen = time.monotonic()
    with tf.Session(target, graph, config) as session:
        # A blocking dequeue would delay Ctrl-C, and would not notice that the chief is gone.
        while not session.run(length):
            if is_reachable(cluster.chief):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > cluster.wait:
                raise UserError(
                    f"the {cluster.chief} did not answer for {cluster.wait:g} seconds. Start it "
                    "(with --resume, if the run had begun), then this one again."
                )
            time.sleep(PAUSE)
        reason = session.run(message).decode()
    if reason != FINISHED:
        raise UserError(f"the {cluster.chief} has stopped: {reason}")
    say("The training has ended.")
    sys.exit(0)


def devices(tasks: Sequence[Task]) -> list[str]:
    """Return TensorFlow's names of some tasks, each once."""
    return list(dict.fromkeys(task.device for task in tasks))
