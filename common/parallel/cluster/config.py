"""TF_CONFIG → who is who: the machines that train together, and what this one has to do.

Without the environment variable TF_CONFIG a run stays on its machine and nothing here is used. With
it the same command is started on every machine of a cluster, each with its own `task`:

    TF_CONFIG='{"cluster": {"chief": ["10.0.0.1:2222"], "worker": ["10.0.0.2:2222"]},
                "task": {"type": "worker", "index": 0}}' python mnist_cnn.py

    chief    runs the script: keeps the weights, writes all files, and computes a share
    worker   computes a share of each step
    ps       parameter server: keeps weights in place of the chief

The chief decides what happens next; workers and parameter servers lend it their processors and end
when it says so. This room reads TF_CONFIG, starts TensorFlow's server, and waits for the others.
What the machines compute stands in replicas.py, the whole in docs/scaling.md.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from common import UsageError, UserError

import tensorflow.compat.v1 as tf

JOBS = ("chief", "worker", "ps")
# Seconds that a machine may be away, unless TF_CONFIG has another number under "wait".
WAIT = 300
PAUSE = 0.2  # seconds between two looks at the others
# The queue through which the chief tells each other machine how the training ended.
END = "end_of_training"
FINISHED = ""


@dataclass(frozen=True)
class Task:
    """One process of the cluster."""

    job: str  # chief, worker or ps
    index: int
    address: str  # host:port

    @property
    def device(self) -> str:
        """TensorFlow's name for it."""
        return f"/job:{self.job}/task:{self.index}"

    def __str__(self) -> str:
        name = self.job if self.job == "chief" else f"{self.job} {self.index}"
        return f"{name} at {self.address}"


@dataclass(frozen=True)
class Cluster:
    """What TF_CONFIG says.

    Attributes:
        tasks: all processes, chief, workers and parameter servers in this order.
        me: which of them this one is.
        wait: seconds that another machine may be away before this one gives up.
        asynchronous: each worker takes whole mini-batches and waits for no other.
    """

    tasks: tuple[Task, ...]
    me: Task
    wait: float = WAIT
    asynchronous: bool = False

    @property
    def chief(self) -> Task:
        """The process that runs the script: the job `chief`, or else worker 0."""
        return self.tasks[0]

    @property
    def replicas(self) -> list[Task]:
        """Those that compute: the chief and all workers."""
        return [task for task in self.tasks if task.job != "ps"]

    @property
    def holders(self) -> list[Task]:
        """Those that keep the weights: the parameter servers, or else the chief."""
        return [task for task in self.tasks if task.job == "ps"] or [self.chief]

    @property
    def others(self) -> list[Task]:
        """All but this process."""
        return [task for task in self.tasks if task != self.me]

    def __str__(self) -> str:
        how = "each at its own pace" if self.asynchronous else "in step"
        return f"Machines, {how}: {', '.join(map(str, self.tasks))}"


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return what TF_CONFIG says, or None where it is not set.

    The keys are TensorFlow's: `cluster`, a list of `host:port` for each job, and `task`, of which
    `type` and `index` say which entry this process is. Two keys are this project's own: `wait` and
    `asynchronous`, see `Cluster`. Without a job `chief` worker 0 is the chief, as for TensorFlow's
    own MultiWorkerMirroredStrategy. Other keys are left alone, as TensorFlow does.

    Raises:
        UsageError: TF_CONFIG cannot be understood or contradicts itself.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _wrong(f"is not JSON ({error})") from error
    if not isinstance(config, dict):
        raise _wrong("is not an object in braces with the keys cluster and task")
    tasks = _tasks(config.get("cluster"))
    wait = config.get("wait", WAIT)
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 < wait < 1e6:
        raise _wrong(f'has "wait": {json.dumps(wait)}, which is not a number of seconds above 0')
    asynchronous = config.get("asynchronous", False)
    if not isinstance(asynchronous, bool):
        raise _wrong(f'has "asynchronous": {json.dumps(asynchronous)}, not true or false')
    return Cluster(tuple(tasks), _me(config.get("task"), tasks), wait, asynchronous)


def _wrong(what: str) -> UsageError:
    example = '{"cluster": {"chief": ["10.0.0.1:2222"], "worker": ["10.0.0.2:2222"]}, '
    example += '"task": {"type": "chief", "index": 0}}'
    return UsageError(
        f"the environment variable TF_CONFIG {what}. Correct it, or unset it to train on this "
        f"machine alone; it should look like {example}"
    )


def _tasks(cluster: Any) -> list[Task]:
    """Read the value of `cluster`; whatever is wrong with it is a UsageError."""
    if not isinstance(cluster, dict) or not cluster:
        raise _wrong('has no "cluster" with a list of addresses for each job')
    unknown = [job for job in cluster if job not in JOBS]
    if unknown:
        raise _wrong(f"names the job {unknown[0]!r}, which is none of {', '.join(JOBS)}")
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not all(isinstance(a, str) for a in addresses):
            raise _wrong(f'has no list of "host:port" for the job {job!r}')
    tasks = [
        Task(job, index, address)
        for job in JOBS
        for index, address in enumerate(cluster.get(job, []))
    ]
    if len(cluster.get("chief", [])) > 1:
        raise _wrong(f"names {len(cluster['chief'])} chiefs; there can be one")
    if not tasks or tasks[0].job == "ps":
        raise _wrong("names neither a chief nor a worker, so nobody would train")
    seen: dict[str, Task] = {}
    for task in tasks:
        host, port = host_and_port(task.address)
        if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise _wrong(
                f"gives {task.job} {task.index} the address {task.address!r}, which is not a host "
                "and a port from 1 to 65535, such as 10.0.0.1:2222"
            )
        if task.address in seen:
            raise _wrong(f"gives the address {task.address} to two tasks, {seen[task.address]} too")
        seen[task.address] = task
    return tasks


def _me(task: Any, tasks: list[Task]) -> Task:
    """Find the value of `task` among the tasks; whatever is wrong with it is a UsageError."""
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise _wrong('has no "task" with "type" and "index", which say who this process is')
    job, index = task["type"], task["index"]
    mine = [one for one in tasks if one.job == job]
    if not mine:
        jobs = ", ".join(dict.fromkeys(one.job for one in tasks))
        raise _wrong(f"says that this is a {job!r}, but its cluster has only {jobs}")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(mine):
        raise _wrong(
            f"says that this is {job} {json.dumps(index)}, but the {job} list of its cluster has "
            f"{len(mine)}, counted from 0"
        )
    return mine[index]


def host_and_port(address: str) -> tuple[str, str]:
    """Split `host:port`; an IPv6 host stands in brackets: `[::1]:2222`."""
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]/\s]+)):(\d+)", address, re.ASCII)
    return (found[1] or found[2], found[3]) if found else ("", "")


# This process → a server that the others can reach.


@cache  # TensorFlow cannot stop a server: a second run in this process uses it again
def start_server(cluster: Cluster) -> tf.train.Server:
    """Start TensorFlow's gRPC server for this process.

    It accepts connections at this task's address and at no other address of the machine.

    Returns:
        the server, whose `target` is what a session on the cluster connects to.

    Raises:
        UserError: the address is not one of this machine's, or its port is taken.
    """
    addresses = _own_addresses(cluster.me)
    specification: dict[str, list[str]] = {}
    for task in cluster.tasks:
        specification.setdefault(task.job, []).append(task.address)
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # leave the rest of a GPU to others
    server = tf.train.Server(
        tf.train.ClusterSpec(specification),
        job_name=cluster.me.job,
        task_index=cluster.me.index,
        config=config,
        start=False,
    )
    # TensorFlow listens at every address of the machine, whatever it is told.
    _narrow(int(host_and_port(cluster.me.address)[1]), addresses)
    server.start()
    return server


def _own_addresses(me: Task) -> list[bytes]:
    """Return the packed IP addresses that the task's host name means on this machine."""
    host, port = host_and_port(me.address)
    own: list[bytes] = []
    reason = "no such host"
    with suppress(socket.gaierror):
        for family, _, _, _, (ip, *_rest) in socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM
        ):
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # The port of a process that was just killed is free, although the kernel waits.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    if ipaddress.ip_address(ip).is_unspecified:
                        raise OSError(0, "it stands for no particular machine")
                    probe.bind((ip, int(port)))
                    own.append(socket.inet_pton(family, ip))
                except OSError as error:
                    reason = error.strerror
    if not own:
        raise UserError(
            f"TF_CONFIG says that this process is {me}, but that address cannot be used on this "
            f"machine: {reason}. Give the task of this machine, and a port that is free."
        )
    return own


# From linux/filter.h and asm-generic/socket.h; a network header's bytes count from NET.
SO_ATTACH_FILTER = 26
LOAD_WORD, LOAD_BYTE, AND, JUMP_IF_EQUAL, RETURN = 0x20, 0x30, 0x54, 0x15, 0x06
NET = 0xFFF00000


def _narrow(port: int, addresses: list[bytes]) -> None:
    """Let this process's listening socket hear only packets that were sent to `addresses`.

    gRPC offers no way to say where TensorFlow should listen. But Linux runs a small program for
    each packet that reaches a socket, if the socket's owner attaches one; no privilege is needed.
    A connection inherits the program of the socket that accepted it.
    """
    program: list[tuple[int, int, int, int]] = []
    for address in addresses:
        version, offset = (0x40, 16) if len(address) == 4 else (0x60, 24)
        words = struct.unpack(f"!{len(address) // 4}I", address)
        rest = 2 * len(words) + 1  # instructions up to the next address
        program += [(LOAD_BYTE, 0, 0, NET), (AND, 0, 0, 0xF0), (JUMP_IF_EQUAL, 0, rest, version)]
        for number, word in enumerate(words):
            rest -= 2
            program += [(LOAD_WORD, 0, 0, NET + offset + 4 * number)]
            program += [(JUMP_IF_EQUAL, 0, rest, word)]
        program += [(RETURN, 0, 0, 0xFFFFFFFF)]  # keep all bytes of the packet
    program += [(RETURN, 0, 0, 0)]  # keep none
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    memory = ctypes.create_string_buffer(code)
    pointer = struct.pack("HP", len(program), ctypes.addressof(memory))
    for listener in _listeners(port):
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


def _listeners(port: int) -> Iterable[socket.socket]:
    """Yield this process's sockets that listen at `port`."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            one = socket.socket(fileno=os.dup(int(descriptor.name)))
        except OSError:  # a file, or closed in the meantime
            continue
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockname()[1] == port:
            yield one
        else:
            one.close()


# This process → the others.


def is_reachable(task: Task, seconds: float = 1.0) -> bool:
    """Say whether anything accepts connections at the task's address."""
    host, port = host_and_port(task.address)
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True


def wait_for(tasks: Iterable[Task], seconds: float) -> bool:
    """Wait until all `tasks` can be reached, in whatever order they come.

    TensorFlow would wait, too, but for ever, and looks less often the longer it takes.

    Returns:
        whether any of them was missing.

    Raises:
        UserError: one of them did not come in time.
    """
    deadline = time.monotonic() + seconds
    missing = [task for task in tasks if not is_reachable(task)]
    if missing:
        say(f"Waiting for {', '.join(map(str, missing))} …")
    anyone_missing = bool(missing)
    while missing:
        if time.monotonic() > deadline:
            raise UserError(
                f"{missing[0]} did not answer within {seconds:g} seconds. Start the same command "
                "there with its own TF_CONFIG, and see that no firewall stands between."
            )
        time.sleep(PAUSE)
        missing = [task for task in missing if not is_reachable(task)]
    return anyone_missing


def say(line: str) -> None:
    """Print at once: who reads a log file wants to see it grow."""
    print(line, flush=True)


def end_queue() -> tf.queue.FIFOQueue:
    """Add the queue in which the chief leaves, for one machine, how the training ended."""
    return tf.queue.FIFOQueue(1, [tf.string], [[]], shared_name=END)


def serve(cluster: Cluster) -> NoReturn:
    """Lend this machine to the chief until the training ends, and then end this program.

    A chief that is away, because it was killed or has not started yet, may come back.

    Raises:
        UserError: the chief stopped with an error, or was away for `cluster.wait` seconds.
        SystemExit: training has ended, status 0.
    """
    target = start_server(cluster).target
    with tf.Graph().as_default() as graph, tf.device(cluster.me.device):
        queue = end_queue()
        length, message = queue.size(), queue.dequeue()
    config = tf.ConfigProto(device_filters=[cluster.me.device])
    say(f"This is {cluster.me}, at the service of the {cluster.chief}.")
    last_seen = time.monotonic()
    with tf.Session(target, graph, config) as session:
        # Looking, and not waiting in the queue, keeps Ctrl-C at work and notices a lost chief.
        while not session.run(length):
            if is_reachable(cluster.chief):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > cluster.wait:
                raise UserError(
                    f"the {cluster.chief} did not answer for {cluster.wait:g} seconds. Start it "
                    "(with --resume, if it had begun), then this one again."
                )
            time.sleep(PAUSE)
        reason = session.run(message).decode()
    if reason != FINISHED:
        raise UserError(f"the {cluster.chief} has stopped: {reason}")
    say("The training has ended.")
    sys.exit(0)
