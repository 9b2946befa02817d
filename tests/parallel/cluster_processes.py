"""Processes on this machine that train as a cluster, talking through real sockets."""

import json
import re
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import shell

TINY = ["--train-size", "130", "--batch-size", "60"]  # mini-batches of 60, 60 and 10 images


class Machine:
    """A process of the cluster, whose lines can be waited for."""

    def __init__(self, *arguments, **options):
        self.process = shell.start(*arguments, **options)
        self.lines = []
        self._readers = [
            threading.Thread(target=self.lines.extend, args=[stream], daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def text(self):
        return "".join(self.lines)

    def until(self, pattern, seconds=100):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} in: {self.text}"
            assert self.process.poll() is None, f"ended before {pattern!r}: {self.text}"
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self, seconds=150):
        """Wait for the process's own end and return its exit status."""
        status = self.process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return status


class Machines:
    """A cluster of processes on one machine, or in network namespaces of their own."""

    def __init__(self, folder, cluster, command, keys):
        self.folder, self.cluster, self.command, self.keys = folder, cluster, command, keys
        self.prefixes = {}
        self.all = []

    def start(self, job, index=0, *more):
        config = {"cluster": self.cluster, "task": {"type": job, "index": index}} | self.keys
        machine = Machine(
            *self.command,
            # A folder for each process, which shows whether it has written anything.
            *("--output-dir", self.folder / f"{job}{index}", *more),
            variables={"TF_CONFIG": json.dumps(config)},
            prefix=self.prefixes.get((job, index), ()),
        )
        self.all.append(machine)
        return machine


@contextmanager
def new_clusters(folder):
    """Yield a function that prepares a cluster; end all its processes afterwards."""
    made = []

    def new(command, workers=0, ps=0, **keys):
        chief, *others = [f"127.0.0.1:{port}" for port in free_ports(1 + workers + ps)]
        cluster = {"chief": [chief], "worker": others[:workers], "ps": others[workers:]}
        cluster = {job: addresses for job, addresses in cluster.items() if addresses}
        made.append(Machines(folder, cluster, command, {"wait": 60} | keys))
        return made[-1]

    try:
        yield new
    finally:
        for machines in made:
            for machine in machines.all:
                machine.kill()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def losses(metrics):
    return [row["train_loss"] for row in metrics["history"]]


def assert_same_training(metrics, expected):
    assert len(losses(metrics)) == len(losses(expected)) > 2
    np.testing.assert_allclose(losses(metrics), losses(expected), rtol=0, atol=1e-4)
    # An image whose two best scores are equal but for rounding may go either way.
    assert metrics["test_correct"] == pytest.approx(expected["test_correct"], abs=3)
