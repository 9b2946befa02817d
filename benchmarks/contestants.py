"""Who takes part, and the process that each of them has for itself.

Frameworks in one process would share its threads, and one's waiting threads would slow the other
down. So each contestant is a child process,

    python -m benchmarks.contestants NAME

that reads a workload and then commands from its standard input, a line of JSON each, and answers
each with a line of JSON. Between two commands it sleeps. The parent's side is `Child` in timing.py.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.trainer import Trainer
from benchmarks.workloads import Workload


class Contestant(NamedTuple):
    """A row of the tables."""

    title: str
    class_: str
    """Module and class of its `Trainer`."""
    packages: tuple[str, ...] = ("tensorflow",)
    flags: tuple[str, ...] = ()
    """What our scripts are told beside the workload's flags."""


CONTESTANTS = {
    "ours": Contestant("ours", "benchmarks.ours.Ours"),
    "plain": Contestant("plain `tf.Session.run`", "benchmarks.plain.Plain"),
    "pytorch": Contestant("PyTorch as documented", "benchmarks.pytorch.Documented", ("torch",)),
    "pytorch-tuned": Contestant(
        "PyTorch, channels last, fused optimizer", "benchmarks.pytorch.Tuned", ("torch",)
    ),
    "pytorch-compiled": Contestant(
        "PyTorch, the same with `torch.compile`", "benchmarks.pytorch.Compiled", ("torch",)
    ),
    "jax": Contestant(
        "JAX, `jit` with donated buffers", "benchmarks.jax_.Jitted", ("jax", "optax")
    ),
    "keras": Contestant(
        "Keras `fit`, `jit_compile`", "benchmarks.keras_.Fit", ("tensorflow", "keras")
    ),
    "keras-without-jit": Contestant(
        "Keras `fit` without it", "benchmarks.keras_.FitWithoutJit", ("tensorflow", "keras")
    ),
    "ours-bfloat16": Contestant(
        "ours, `--bfloat16`", "benchmarks.ours.Ours", flags=("--bfloat16",)
    ),
    "pytorch-bfloat16": Contestant(
        "PyTorch, channels last, fused optimizer, bfloat16 autocast",
        "benchmarks.pytorch.Bfloat16",
        ("torch",),
    ),
    "matmul-tensorflow": Contestant("float32 product, TensorFlow", "benchmarks.plain.Matmul"),
    "matmul-pytorch": Contestant(
        "float32 product, PyTorch", "benchmarks.pytorch.Matmul", ("torch",)
    ),
}


def missing_packages(names: list[str]) -> list[str]:
    """Return the packages that these contestants need and this Python does not have."""
    wanted = dict.fromkeys(p for name in names for p in CONTESTANTS[name].packages)
    return [package for package in wanted if importlib.util.find_spec(package) is None]


def environment(name: str) -> dict[str, str]:
    """Return the environment variables of a contestant's process."""
    variables = dict(os.environ)
    if "tensorflow" not in CONTESTANTS[name].packages or "keras" in CONTESTANTS[name].packages:
        # `import common` then neither imports TensorFlow nor chooses its settings.
        variables["TF_CPP_MIN_LOG_LEVEL"] = "2"
    if "keras" in CONTESTANTS[name].packages:
        variables |= {"TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}
    return variables


def new_trainer(name: str, workload: Workload) -> Trainer:
    """Return a contestant's trainer for a workload."""
    module, _, class_ = CONTESTANTS[name].class_.rpartition(".")
    return getattr(importlib.import_module(module), class_)(workload)


def obey(trainer: Trainer, command: str, number: int) -> dict[str, Any]:
    """Carry out one command and return the answer.

    Args:
        trainer: the contestant.
        command: "steps" takes `number` steps; "restart" takes `number` as the seed; "evaluate"
            classifies the test images.
        number: see there.

    Returns:
        the seconds that it took, by the clock and of all cores together; the most memory that this
        process has had so far, in bytes; for "evaluate" also the accuracy.
    """
    start, start_cpu = time.perf_counter(), time.process_time()
    result = getattr(trainer, command)(*([] if command == "evaluate" else [number]))
    answer = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - start_cpu,
    }
    if command == "evaluate":
        answer["accuracy"] = result
    return answer | {"memory": peak_memory()}


def peak_memory() -> int:
    """Return the most memory that this process has had so far, in bytes.

    `getrusage` would not do: a new process inherits its parent's maximum there.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def main(argv: list[str]) -> None:
    """Build the net that the first line describes, then do what the following lines say."""
    (name,) = argv
    # What libraries print goes where errors go; answers have the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    fields = json.loads(sys.stdin.readline())
    tuples = {key: _as_tuple(value) for key, value in fields.items()}
    trainer = new_trainer(name, Workload(**tuples))
    built = {"parameters": trainer.num_parameters, "flops": getattr(trainer, "flops", None)}
    print(json.dumps(built), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(trainer, *json.loads(line))), file=answers, flush=True)


def _as_tuple(value: Any) -> Any:
    """Undo what JSON makes of tuples."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def describe(workload: Workload) -> str:
    """Return the line that `main` reads first."""
    return json.dumps(dataclasses.asdict(workload))


if __name__ == "__main__":
    main(sys.argv[1:])
