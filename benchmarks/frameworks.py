"""The frameworks that are compared, and the child process of one of them.

In a common process the frameworks would share their thread pools, and the idle threads of one
would slow down the next. So each framework runs in a child process,

    python -m benchmarks.frameworks NAME

which reads a workload and then commands from its standard input, one line of JSON each, and
answers each with a line of JSON. Between two commands it sleeps. `Child` in timing.py is the
parent's side.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.trainer import Trainer
from benchmarks.workloads import Workload
from common.process.machine import has_bfloat16


class Framework(NamedTuple):
    """A row of the tables: a framework and the way in which it is used."""

    title: str
    class_: str
    """Module and class of its `Trainer`."""
    packages: tuple[str, ...] = ()
    """Required packages that requirements.txt does not list."""
    flags: tuple[str, ...] = ()
    """Flags that our scripts get in addition to the workload's flags."""


FRAMEWORKS = {
    "ours": Framework("ours", "benchmarks.ours.Ours"),
    # The step as the script writes it: not in halves, and without an einsum for tall weights.
    "ours-as-written": Framework(
        "ours, `--no-divide-steps`", "benchmarks.ours.Ours", flags=("--no-divide-steps",)
    ),
    "plain": Framework("plain `tf.Session.run`", "benchmarks.plain.Plain"),
    "pytorch": Framework("PyTorch as documented", "benchmarks.pytorch.Documented", ("torch",)),
    "pytorch-tuned": Framework(
        "PyTorch, channels last, fused optimizer", "benchmarks.pytorch.Tuned", ("torch",)
    ),
    "pytorch-compiled": Framework(
        "PyTorch, the same with `torch.compile`", "benchmarks.pytorch.Compiled", ("torch",)
    ),
    "jax": Framework("JAX, `jit` with donated buffers", "benchmarks.jax_.Jitted", ("jax", "optax")),
    "keras": Framework("Keras `fit`, `jit_compile`", "benchmarks.keras_.Fit", ("keras",)),
    "keras-without-jit": Framework(
        "Keras `fit` without it", "benchmarks.keras_.FitWithoutJit", ("keras",)
    ),
    "ours-bfloat16": Framework("ours, `--bfloat16`", "benchmarks.ours.Ours", flags=("--bfloat16",)),
    "pytorch-bfloat16": Framework(
        "PyTorch, channels last, fused optimizer, bfloat16 autocast",
        "benchmarks.pytorch.Bfloat16",
        ("torch",),
    ),
    "matmul-tensorflow": Framework("float32 product, TensorFlow", "benchmarks.plain.Matmul"),
    "matmul-pytorch": Framework(
        "float32 product, PyTorch", "benchmarks.pytorch.Matmul", ("torch",)
    ),
}
# Not nets, but one large matrix product: the peak to which a step is compared.
PEAKS = ("matmul-tensorflow", "matmul-pytorch")
BFLOAT16 = ("ours-bfloat16", "pytorch-bfloat16")


def missing_packages(names: Sequence[str]) -> list[str]:
    """Return the packages that these frameworks need and that are not installed."""
    wanted = dict.fromkeys(p for name in names for p in FRAMEWORKS[name].packages)
    return [package for package in wanted if importlib.util.find_spec(package) is None]


def select(names: Sequence[str], with_bfloat16: bool) -> tuple[list[str], dict[str, str]]:
    """Return which of these frameworks are measured, and why the others are left out.

    On a processor without bfloat16 arithmetic, bfloat16 is many times slower than float32 in every
    framework, so it is not measured there.

    Args:
        names: keys of FRAMEWORKS.
        with_bfloat16: False leaves out the bfloat16 rows without giving a reason.
    """
    selected = [name for name in names if name not in BFLOAT16]
    in_bfloat16 = [name for name in names if name in BFLOAT16]
    if not with_bfloat16 or not in_bfloat16:
        return selected, {}
    if has_bfloat16():
        return selected + in_bfloat16, {}
    return selected, {"bfloat16": "bfloat16, since this processor has no arithmetic for it."}


def workload_for(name: str, workload: Workload) -> Workload:
    """Return the workload with the additional flags of a framework."""
    return dataclasses.replace(workload, flags=(*workload.flags, *FRAMEWORKS[name].flags))


def environment(name: str) -> dict[str, str]:
    """Return the environment variables of a framework's process."""
    variables = dict(os.environ)
    if "keras" in FRAMEWORKS[name].packages:
        # Keras 3; the scripts of this repository load TensorFlow without it.
        variables |= {"TF_USE_LEGACY_KERAS": "0", "KERAS_BACKEND": "tensorflow"}
    return variables


def new_trainer(name: str, workload: Workload) -> Trainer:
    """Return a framework's trainer for a workload."""
    module, _, class_ = FRAMEWORKS[name].class_.rpartition(".")
    return getattr(importlib.import_module(module), class_)(workload)


def execute(trainer: Trainer, command: str, number: int) -> dict[str, Any]:
    """Execute one command and return the answer.

    Args:
        trainer: the framework's trainer.
        command: "steps" takes `number` training steps; "restart" takes `number` as the seed;
            "evaluate" classifies the test images.
        number: see there.

    Returns:
        the wall time and the processor time of all cores, in seconds; the peak memory of this
        process so far, in bytes; for "evaluate" also the accuracy.
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
    """Return the peak memory of this process so far, in bytes.

    `getrusage` cannot be used: a new process inherits the maximum of its parent there.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def serialise(workload: Workload) -> str:
    """Return a workload as the line of JSON that `main` reads first."""
    return json.dumps(dataclasses.asdict(workload))


def deserialise(line: str) -> Workload:
    """Return the workload that `serialise` has written."""
    return Workload(**{key: _as_tuple(value) for key, value in json.loads(line).items()})


def _as_tuple(value: Any) -> Any:
    """Turn the lists of JSON back into tuples."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def main(argv: list[str]) -> None:
    """Build the net that the first input line describes, then execute the following lines."""
    (name,) = argv
    # What libraries print goes to the standard error; the pipe is for the answers only.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    trainer = new_trainer(name, deserialise(sys.stdin.readline()))
    built = {"parameters": trainer.num_parameters, "flops": getattr(trainer, "flops", None)}
    print(json.dumps(built), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(execute(trainer, *json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
