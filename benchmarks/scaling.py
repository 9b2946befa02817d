"""What several machines gain: measured for 1 to 3 processes, and modelled for many machines.

    python -m benchmarks.scaling --update-docs

trains each net on this machine, alone and as a cluster of processes on the loopback interface. It
measures the steps per second and the bytes that pass the chief's sockets, fits the model of
scaling_model.py to these numbers, and puts two tables into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.options import command_line
from benchmarks.pages import DOCS, REPOSITORY, publish_tables, require_markers, table
from benchmarks.scaling_model import BATCH_SIZE, LARGE, SMALL, Measured, fit, limits, predict
from common import UserError
from common.compare import SCRIPTS
from common.data import load_data, mini_batch_indices
from common.layers import layers_of
from common.process.arguments import new_parser, parse_count
from common.session import new_session

from tqdm import tqdm

COMMAND = "python -m benchmarks.scaling"
PAGE = DOCS / "scaling.md"
MARKERS = ("measured", "model")
WARM_UP = 10
MACHINES = (8, 64, 512)


# In a child process: some steps of one net.


def measure(script: str, batch_size: int, steps: int, folder: str) -> Measured:
    """Time some training steps, alone or in the cluster that TF_CONFIG describes.

    Args:
        script: one of SCRIPTS.
        batch_size: images per step.
        steps: number of steps to time, after WARM_UP others.
        folder: the output directory.
    """
    module = importlib.import_module(script)
    settings = module.read_settings(["--batch-size", str(batch_size), "--output-dir", folder])
    data = load_data(settings.data_dir)
    net = module.build_graph(settings, data)
    training = {} if net.is_training is None else {net.is_training: True}
    seconds = []
    with new_session(net, settings) as session:
        for step in range(WARM_UP + steps):
            indices = mini_batch_indices(len(data.train), batch_size, settings.seed, step)
            images, labels = data.train.take(indices)
            if step == WARM_UP:
                before = socket_bytes()
            start = time.perf_counter()
            session.run(net.train_step, {net.x: images, net.y_true: labels, **training})
            seconds.append(time.perf_counter() - start)
        sent, received = [
            (now - then) / steps for now, then in zip(socket_bytes(), before, strict=True)
        ]
    parameters = sum(layer.num_parameters for layer in layers_of(net.graph))
    decile = statistics.quantiles(seconds[WARM_UP:], n=10)[0]
    return Measured(decile, sent, received, parameters)


def socket_bytes() -> tuple[int, int]:
    """Return the bytes that all TCP connections of this process have sent and received."""
    sent = received = 0
    for one in _sockets():
        with one:
            try:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
            except OSError:  # not a TCP socket
                continue
            # tcpi_bytes_acked and tcpi_bytes_received, see linux/tcp.h.
            acked, got = struct.unpack_from("QQ", info, 120)
            sent, received = sent + acked, received + got
    return sent, received


def _sockets() -> Iterator[socket.socket]:
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield socket.socket(fileno=os.dup(int(descriptor.name)))
        except OSError:  # not a socket
            continue


# In the parent process: start the child processes and evaluate their measurements.


def run(script: str, batch_size: int, steps: int, machines: int) -> Measured:
    """Measure with a number of processes on this machine.

    Args:
        script: one of SCRIPTS.
        batch_size: images per step.
        steps: number of steps to time.
        machines: number of processes in the cluster; 0 means without a cluster.

    Raises:
        UserError: a process failed.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(machines)]
    cluster = {"chief": addresses[:1]} | ({"worker": addresses[1:]} if machines > 1 else {})
    tasks = [(job, index) for job, tasks in cluster.items() for index in range(len(tasks))]
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        for job, index in tasks or [("", 0)]:
            environment = dict(os.environ)
            environment.pop("TF_CONFIG", None)
            if machines:
                config = {"cluster": cluster, "task": {"type": job, "index": index}}
                environment["TF_CONFIG"] = json.dumps(config)
            arguments = ["--measure", script, str(batch_size), str(steps), folder]
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.scaling", *arguments],
                    cwd=REPOSITORY,
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise UserError(f"a process of {script} with {machines} machines failed.")
    return Measured(**json.loads(outputs[0].splitlines()[-1]))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


Table = tuple[list[str], list[tuple[str, list[str]]]]


def tables(steps: int) -> dict[str, Table]:
    """Measure everything; return head and rows of the tables `measured` and `model`.

    Raises:
        UserError: a process failed.
    """
    sent = "kB sent + received by the chief per step"
    processes = ["1 process", "2 processes", "3 processes"]
    machines_named = [f"{n} machines" for n in MACHINES]
    limits_named = ["exchange takes longer than computing from", "network alone from"]
    measured: Table = (
        ["script", "alone, steps per second", *processes, f"{sent}: 2 processes", "3 processes"],
        [],
    )
    predicted: Table = (
        ["script", "weights, kB", "alone", *machines_named, *limits_named],
        [],
    )
    for script in tqdm(SCRIPTS, unit="net", disable=None):
        alone = run(script, BATCH_SIZE, steps, 0)
        small, large = (run(script, images, steps, 1) for images in (SMALL, LARGE))
        clusters = {n: run(script, BATCH_SIZE, steps, n) for n in (1, 2, 3)}
        rates = [1 / one.seconds for one in (alone, *clusters.values())]
        traffic = [f"{c.sent / 1e3:,.0f} + {c.received / 1e3:,.0f}" for c in clusters.values()]
        name = f"`{script}.py`"
        measured[1].append((name, [*(f"{rate:,.0f}" for rate in rates), *traffic[1:]]))

        model = fit(small, large, clusters)
        cells = [f"{model.weights / 1e3:,.0f}", f"{BATCH_SIZE / alone.seconds:,.0f}"]
        for machines in MACHINES:
            seconds = sum(predict(model, machines, BATCH_SIZE))
            cells.append(f"{machines * BATCH_SIZE / seconds:,.0f}")
        predicted[1].append((name, [*cells, *(f"{count:,} machines" for count in limits(model))]))
    return {"measured": measured, "model": predicted}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables, or put them into the documentation.

    Raises:
        UserError: a process failed, or the page cannot be read or written.
        SystemExit: a usage error (status 2).
    """
    parser = new_parser(COMMAND, __doc__)
    parser.add_argument(
        "--steps",
        type=parse_count,
        default=100,
        metavar="N",
        help="training steps to time for each number of processes",
    )
    parser.add_argument(
        "--update-docs",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="put the tables into docs/scaling.md and docs/results/scaling.json, in place of "
        "printing them",
    )
    # For the child processes: SCRIPT BATCH_SIZE STEPS FOLDER.
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        script, batch_size, steps, folder = arguments.measure
        print(json.dumps(measure(script, int(batch_size), int(steps), folder)._asdict()))
        return
    if arguments.update_docs:
        require_markers(PAGE, MARKERS)  # before the minutes of measuring
    start = time.perf_counter()
    found = tables(arguments.steps)
    if arguments.update_docs:
        publish_tables(PAGE, found, command_line(COMMAND, argv), time.perf_counter() - start)
    else:
        print("\n\n".join(table(*one) for one in found.values()))


if __name__ == "__main__":
    main()
