"""What several machines give: measured for 1 to 3 processes, and a model for many machines.

    python -m benchmarks.scaling --update-docs

trains each net on this machine, alone and as a cluster of processes on the loopback, counts steps
a second and the bytes that pass the chief's sockets, fits the model that `predict` states to these
numbers, and puts both tables into docs/scaling.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from common.compare import SCRIPTS
from common.data import load_data, mini_batch_indices
from common.layers import layers_of
from common.process.machine import describe_machine
from common.run.files import atomic_path
from common.session import new_session
from common.settings import new_parser, parse_count

from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs" / "scaling.md"
BATCH_SIZE = 128
# Two sizes make a line: seconds = a + b · images.
SMALL, LARGE = 32, 512
WARM_UP = 10
MACHINES = (8, 64, 512)
BYTES_PER_IMAGE = 784 + 4  # pixels and label
NETWORK = 10e9 / 8  # bytes a second each way: 10 Gbit/s


class Measured(NamedTuple):
    """One process's view of some training steps."""

    seconds: float  # for a step; nine in ten took longer, as other programs run here, too
    sent: float  # bytes for a step, through all sockets
    received: float
    parameters: int


# In a process of its own: some steps of one net.


def measure(script: str, batch_size: int, steps: int, folder: str) -> Measured:
    """Time some training steps, alone or as TF_CONFIG says."""
    module = importlib.import_module(script)
    settings = module.read_settings(["--batch-size", str(batch_size), "--output-dir", folder])
    data = load_data(settings.data_dir)
    net = module.build_graph(settings, data)
    seconds = []
    with new_session(net, settings) as session:
        for step in range(WARM_UP + steps):
            indices = mini_batch_indices(len(data.train), batch_size, settings.seed, step)
            images, labels = data.train.take(indices)
            if step == WARM_UP:
                before = socket_bytes()
            start = time.perf_counter()
            session.run(net.train_step, {net.x: images, net.y_true: labels, net.is_training: True})
            seconds.append(time.perf_counter() - start)
        sent, received = [
            (now - then) / steps for now, then in zip(socket_bytes(), before, strict=True)
        ]
    parameters = sum(layer.num_parameters for layer in layers_of(net.graph))
    tenth = statistics.quantiles(seconds[WARM_UP:], n=10)[0]
    return Measured(tenth, sent, received, parameters)


def socket_bytes() -> tuple[int, int]:
    """Return how many bytes all TCP connections of this process have sent and received."""
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


# Here: start such processes, and work with what they say.


def run(script: str, batch_size: int, steps: int, machines: int) -> Measured:
    """Measure on so many processes of this machine; 0 stands for no cluster at all."""
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
        sys.exit(f"a process of {script} with {machines} machines failed")
    return Measured(**json.loads(outputs[0].splitlines()[-1]))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Model(NamedTuple):
    """What a step costs, fitted to measurements on one machine; seconds, and bytes each way."""

    step: float  # whatever the number of images: the update, and the runtime
    image: float  # each image, computed here
    machine: float  # each machine that is not the chief: packing, sending, receiving, adding
    weights: int  # bytes to each of them, and as many gradients back
    surplus: float  # bytes really counted in both directions, as a multiple of what must be sent


def fit(small: Measured, large: Measured, clusters: dict[int, Measured]) -> Model:
    """Fit the model.

    Args:
        small: a cluster of one machine, SMALL images a step.
        large: the same with LARGE images.
        clusters: number of machines → BATCH_SIZE images a step; 1 and others.
    """
    image = max(0, (large.seconds - small.seconds) / (LARGE - SMALL))
    step = small.seconds - SMALL * image
    # All processes share the processors here, so the images cost the same however they are split.
    most = max(clusters)
    machine = (clusters[most].seconds - clusters[1].seconds) / (most - 1)
    weights = 4 * small.parameters
    necessary = (most - 1) * _bytes_needed(weights, BATCH_SIZE / most)
    return Model(
        step,
        image,
        max(0, machine),
        weights,
        (clusters[most].sent + clusters[most].received) / necessary,
    )


def _bytes_needed(weights: int, images: float) -> float:
    """Return what the chief and another machine must exchange in a step, both directions."""
    return 2 * weights + images * BYTES_PER_IMAGE


def predict(model: Model, machines: int, images: int) -> tuple[float, float]:
    """Return the seconds of computing and of the network in one step.

        computing = step + image · images of a machine + machine · (machines − 1)
        network   = surplus · (2 · weights + bytes of the images) · (machines − 1) / NETWORK

    The chief's own connection is the bottleneck, once for the weights on their way out and once
    for the gradients on their way in.

    Args:
        model: the fitted costs.
        machines: how many compute.
        images: in a step, for each of them.
    """
    others = machines - 1
    computing = model.step + model.image * images + model.machine * others
    traffic = model.surplus * _bytes_needed(model.weights, images) * others
    return computing, traffic / NETWORK


def limits(model: Model) -> tuple[int, int]:
    """Return from how many machines a step spends more time on the exchange than on images.

    The second number counts the network's part of the exchange alone.
    """
    images = model.step + model.image * BATCH_SIZE
    _, network = predict(model, 2, BATCH_SIZE)
    exchange = model.machine + network
    return math.floor(images / exchange) + 2, math.floor(images / network) + 2


def tables(steps: int) -> str:
    """Measure everything and return two Markdown tables."""
    measured = [
        "| script | alone, steps a second | 1 process | 2 processes | 3 processes | "
        "kB sent and received by the chief in a step: 2 | 3 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    predicted = [
        "| script | weights, kB | images a second, alone | "
        + " | ".join(f"{n} machines" for n in MACHINES)
        + " | the exchange takes longer than the images from | of it the network alone from |",
        "|---|--:|--:|" + "--:|" * len(MACHINES) + "--:|--:|",
    ]
    for script in tqdm(SCRIPTS, unit="net", disable=None):
        alone = run(script, BATCH_SIZE, steps, 0)
        small, large = (run(script, images, steps, 1) for images in (SMALL, LARGE))
        clusters = {n: run(script, BATCH_SIZE, steps, n) for n in (1, 2, 3)}
        rates = [1 / one.seconds for one in (alone, *clusters.values())]
        traffic = [f"{c.sent / 1e3:,.0f} + {c.received / 1e3:,.0f}" for c in clusters.values()]
        cells = [f"`{script}.py`", *(f"{rate:,.0f}" for rate in rates), *traffic[1:]]
        measured.append(f"| {' | '.join(cells)} |")

        model = fit(small, large, clusters)
        cells = [f"`{script}.py`", f"{model.weights / 1e3:,.0f}"]
        cells.append(f"{BATCH_SIZE / alone.seconds:,.0f}")
        for machines in MACHINES:
            seconds = sum(predict(model, machines, BATCH_SIZE))
            cells.append(f"{machines * BATCH_SIZE / seconds:,.0f}")
        cells += [f"{count:,} machines" for count in limits(model)]
        predicted.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            *measured,
            "",
            f"Mini-batches of {BATCH_SIZE}; of {steps} steps, the time that nine in ten exceeded; "
            f"{describe_machine()}. "
            "Made by `python -m benchmarks.scaling --update-docs`.",
            "",
            *predicted,
            "",
            f"Images a second that the model gives for {BATCH_SIZE} images a step on each machine, "
            "and where the chief's connection begins to rule.",
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables, or put them into the documentation."""
    parser = new_parser("python -m benchmarks.scaling", __doc__)
    parser.add_argument(
        "--steps",
        type=parse_count,
        default=100,
        metavar="N",
        help="training steps to time for each number of processes (default: 100)",
    )
    parser.add_argument(
        "--update-docs",
        action="store_true",
        help="put the tables into docs/scaling.md, in place of printing them",
    )
    # For the processes that this program starts: SCRIPT BATCH_SIZE STEPS FOLDER.
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        script, batch_size, steps, folder = arguments.measure
        print(json.dumps(measure(script, int(batch_size), int(steps), folder)._asdict()))
        return
    text = tables(arguments.steps)
    if not arguments.update_docs:
        print(text)
        return
    page = re.sub(
        r"(?<=<!-- measured -->\n).*?(?=<!-- end of measured -->)",
        lambda _: text,
        DOCS.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    with atomic_path(DOCS) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
