"""TF_CONFIG → which processes train together, and which of them this one is.

Without the environment variable TF_CONFIG a run uses one machine and nothing here is called. With
it the same command is started on every machine of a cluster, each time with its own `task`:

    TF_CONFIG='{"cluster": {"chief": ["10.0.0.1:2222"], "worker": ["10.0.0.2:2222"]},
                "task": {"type": "worker", "index": 0}}' python mnist_cnn.py

    chief    runs the script, holds the variables, writes all files, and computes a part of each
             step
    worker   computes a part of each step
    ps       parameter server: holds variables in place of the chief
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common import UsageError

JOBS = ("chief", "worker", "ps")
# Seconds that a machine may be away, unless TF_CONFIG has another number under "wait".
WAIT = 300


@dataclass(frozen=True)
class Task:
    """One process of the cluster."""

    job: str  # chief, worker or ps
    index: int
    address: str  # host:port

    @property
    def device(self) -> str:
        """TensorFlow's name for the process."""
        return f"/job:{self.job}/task:{self.index}"

    def __str__(self) -> str:
        name = self.job if self.job == "chief" else f"{self.job} {self.index}"
        return f"{name} at {self.address}"


@dataclass(frozen=True)
class Cluster:
    """What TF_CONFIG says.

    Attributes:
        tasks: all processes: chief, workers, parameter servers, in this order.
        me: the task of this process.
        wait: seconds that another machine may be away before this one gives up.
        asynchronous: each machine computes whole mini-batches and waits for no other.
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
        """The tasks that compute: the chief and all workers."""
        return [task for task in self.tasks if task.job != "ps"]

    @property
    def variable_tasks(self) -> list[Task]:
        """The tasks that hold the variables: the parameter servers, or else the chief."""
        return [task for task in self.tasks if task.job == "ps"] or [self.chief]

    @property
    def others(self) -> list[Task]:
        """All tasks but that of this process."""
        return [task for task in self.tasks if task != self.me]

    def __str__(self) -> str:
        how = "asynchronous" if self.asynchronous else "synchronous"
        return f"Machines, {how}: {', '.join(map(str, self.tasks))}"


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return what TF_CONFIG says; None where it is not set or blank.

    The keys are TensorFlow's: `cluster`, a list of `host:port` for each job, and `task`, of which
    `type` and `index` say which entry this process is. Two keys are this project's own: `wait` and
    `asynchronous`, see `Cluster`. Without a job `chief`, worker 0 is the chief, as for TensorFlow's
    own MultiWorkerMirroredStrategy. Other keys are ignored, as TensorFlow does.

    Args:
        environment: the environment variables.

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
    """Read the value of `cluster`; a UsageError says what is wrong with it."""
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
        raise _wrong("names neither a chief nor a worker, so no process would train")
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
    """Find the value of `task` among the tasks; a UsageError says what is wrong with it."""
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise _wrong('has no "task" with "type" and "index", which say which process this is')
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
    """Split `host:port` in two; both are empty where it has another form.

    An IPv6 host is written in brackets: `[::1]:2222`.
    """
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]/\s]+)):(\d+)", address, re.ASCII)
    return (found[1] or found[2], found[3]) if found else ("", "")
