"""The four measurements. Each returns numbers only; tables.py turns them into text."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contestants import CONTESTANTS
from benchmarks.growth import (
    exponent,
    exponents_between,
    slope,
    where_linear,
    whole_process,
)
from benchmarks.timing import Child, ChildError, in_rounds, ratio, spread, start_all
from benchmarks.workloads import RUNS, STEPS, Workload, read
from common import UserError
from common.data import DataSets, load_data
from common.process.machine import has_bfloat16, num_cores

import numpy as np
from PIL import Image
from tqdm import tqdm

PEAKS = ("matmul-tensorflow", "matmul-pytorch")
BFLOAT16 = ("ours-bfloat16", "pytorch-bfloat16")
# torch.compile takes a minute to prepare a run, Keras has no target of its own there.
IN_RUNS = ("ours", "plain", "pytorch", "pytorch-tuned", "jax", *BFLOAT16)
EVALUATIONS = 2
BATCH_SIZES = (16, 64, 256, 1024, 4096)
TRAINING_IMAGES = (15_000, 60_000, 240_000, 480_000)
IMAGE_SIDES = (14, 28, 56, 112)


def _bar(title: str, total: int) -> tqdm:
    return tqdm(desc=title, total=total, leave=False, disable=None, dynamic_ncols=True)


def _workload(name: str, contestant: str, recipes: dict[str, Workload]) -> Workload:
    """Return what a contestant is to train."""
    workload = recipes[name]
    return replace(workload, flags=(*workload.flags, *CONTESTANTS[contestant].flags))


def _taking_part(names: list[str], in_bfloat16: bool) -> tuple[list[str], dict[str, str]]:
    """Return who takes part, and why the others do not.

    Where the processor has no such arithmetic, bfloat16 is many times slower than float32 with
    everyone, and would only lengthen the measurement.
    """
    wanted = [name for name in names if name not in BFLOAT16]
    asked = [name for name in names if name in BFLOAT16]
    if not in_bfloat16 or not asked:
        return wanted, {}
    if has_bfloat16():
        return wanted + asked, {}
    return wanted, {"bfloat16": "bfloat16, since this processor has no arithmetic for it."}


def measure_steps(options: Namespace) -> dict[str, Any]:
    """Time the training step of each net, and the classification of the test images.

    Returns:
        for each workload its rows: for each contestant seconds per step and per image classified
        as medians with quartiles, the ratios ours / theirs, memory; or why it failed. Beside them
        the peak: the larger of the rates of the two products.
    """
    recipes = {name: read(STEPS[name]) for name in options.workloads}
    results = {}
    for name, workload in recipes.items():
        wanted, left_out = _taking_part(options.contestants, bool(workload.conv))
        tasks = {c: (c, _workload(name, c, recipes), None) for c in wanted}
        pieces = len(wanted) * (options.rounds + 1 + 1 + EVALUATIONS)
        with ExitStack() as stack, _bar(f"steps, {name}", pieces) as bar:
            children, failed = start_all(stack, tasks)
            _require_equal_nets(children)
            times, failed_later = in_rounds(children, options.rounds, options.seconds, bar.update)
            failed |= failed_later | left_out
            memory = {c: children[c].do("steps", 1)["memory"] for c in times}
            images = _time_evaluation({c: children[c] for c in times}, bar)
            flops = {c: children[c].flops for c in times}
        results[name] = {
            "title": workload.title,
            "command": workload.command,
            "flops": flops.get("ours"),
            "rows": _rows(times, images, memory, flops),
            "failed": failed,
        }
    return {"workloads": results}


def _require_equal_nets(children: dict[str, Child]) -> None:
    """Refuse to compare nets of different sizes."""
    sizes = {name: child.parameters for name, child in children.items() if name not in PEAKS}
    if len(set(sizes.values())) > 1:
        raise UserError(f"the contestants built different nets, in parameters: {sizes}.")


def _time_evaluation(children: dict[str, Child], bar: tqdm) -> dict[str, list[float]]:
    """Return, for each net, seconds per test image in each of EVALUATIONS rounds."""
    nets = {name: child for name, child in children.items() if name not in PEAKS}
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    for number in range(1 + EVALUATIONS):
        for name, child in nets.items():
            total = len(load_data(child.workload.data_dir).test)
            took = child.do("evaluate")["seconds"] / total
            if number:  # the first round compiles what is compiled at first use
                seconds[name].append(took)
            bar.update()
    return seconds


def _rows(
    times: dict[str, list[float]],
    images: dict[str, list[float]],
    memory: dict[str, int],
    flops: dict[str, int | None],
) -> dict[str, dict[str, Any]]:
    peaks = [[flops[name] / t for t in times[name]] for name in PEAKS if name in times]
    peak = max(peaks, key=lambda rates: spread(rates).median, default=None)
    rows = {}
    for name, seconds in times.items():
        row: dict[str, Any] = {"seconds": spread(seconds), "rounds": seconds}
        row["memory"] = memory[name]
        if name in PEAKS:
            row["flops_per_second"] = spread([flops[name] / t for t in seconds])
        else:
            row["seconds_per_image"] = spread(images[name])
            if "ours" in times:
                row["ratio"] = ratio(times["ours"], seconds)
                row["evaluation_ratio"] = ratio(images["ours"], images[name])
            if name == "ours-bfloat16":
                row["ratios_bfloat16"] = {
                    other: ratio(seconds, times[other]) for other in times if other not in PEAKS
                }
            if peak and "ours" in times:
                rates = [flops["ours"] / t for t in seconds]
                row["share_of_peak"] = ratio(rates, peak)
        rows[name] = row
    return rows


def measure_accuracy(options: Namespace) -> dict[str, Any]:
    """Train the runs to their end with several seeds, and test them.

    Returns:
        for each run and contestant: the seconds of training and the accuracies, one per seed;
        their means and spreads; the ratios ours / theirs.
    """
    results = {}
    for name in RUNS:
        recipes = {name: read(RUNS[name])}
        wanted, left_out = _taking_part([c for c in options.contestants if c in IN_RUNS], True)
        tasks = {c: (c, _workload(name, c, recipes), None) for c in wanted}
        with ExitStack() as stack, _bar(f"mean of {name} %", len(wanted) * options.seeds) as bar:
            children, failed = start_all(stack, tasks)
            _require_equal_nets(children)
            runs: dict[str, list[tuple[float, float]]] = {c: [] for c in children}
            for seed in range(options.seeds):
                for contestant, child in children.items():
                    if contestant not in failed:
                        try:
                            runs[contestant].append(_train(child, seed))
                        except ChildError as error:
                            failed[contestant] = str(error)
                    bar.update()
        results[name] = {
            "title": recipes[name].title,
            "command": recipes[name].command,
            "seeds": options.seeds,
            "failed": failed | left_out,
            "rows": _run_rows({c: of_one for c, of_one in runs.items() if c not in failed}),
        }
    return {"runs": results}


def _train(child: Child, seed: int) -> tuple[float, float]:
    """Do one whole run; return its seconds and the accuracy on the test images."""
    workload = child.workload
    examples = len(load_data(workload.data_dir, workload.train_size).train)
    count = workload.epochs * -(-examples // workload.batch_size)
    if seed == 0:
        # What is compiled at first use is compiled here, the last and smaller batch included.
        child.do("steps", count // workload.epochs)
    child.do("restart", seed)
    seconds = child.do("steps", count)["seconds"]
    return seconds, child.do("evaluate")["accuracy"]


def _run_rows(runs: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, Any]]:
    rows = {}
    for name, pairs in runs.items():
        seconds, accuracies = zip(*pairs, strict=True)
        rows[name] = {
            "seconds": spread(seconds),
            "rounds": seconds,
            "accuracies": accuracies,
            "mean": float(np.mean(accuracies)),
            "std": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        }
        for ours in ("ours", "ours-bfloat16"):
            if ours in runs:
                rows[name][f"ratio_of_{ours}"] = ratio([s for s, _ in runs[ours]], seconds)
    return rows


def measure_process(options: Namespace) -> dict[str, Any]:
    """Time `python mnist_softmax.py` from the shell to its exit, and `import tensorflow` alone."""
    runs, bare = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        _bar("whole process", options.processes) as bar,
    ):
        for _ in range(options.processes):
            bare.append(whole_process("-c", "import tensorflow"))
            runs.append(whole_process("mnist_softmax.py", "--output-dir", folder))
            bar.update()
    return {
        "runs": options.processes,
        "seconds": spread([run.seconds for run in runs]),
        "import_seconds": spread([run.seconds for run in bare]),
        "ratio": ratio([run.seconds for run in runs], [run.seconds for run in bare]),
        "memory": int(np.median([run.memory for run in runs])),
        "import_memory": int(np.median([run.memory for run in bare])),
    }


def measure_growth(options: Namespace) -> dict[str, Any]:
    """Time the CNN's step against batch size and image size, and a run against the data's size.

    Returns:
        a list of series with their exponents, and the steps of all nets on 1, 2, … cores.
    """
    with tempfile.TemporaryDirectory() as folder:
        return {
            "series": [
                _against_batch_size(options),
                _against_training_images(options, Path(folder)),
                _against_image_size(options, Path(folder)),
            ],
            "cores": _against_cores(options),
        }


def _against_batch_size(options: Namespace) -> dict[str, Any]:
    tasks = {
        size: ("ours", STEPS["cnn"].with_flags("--batch-size", str(size)), None)
        for size in BATCH_SIZES
    }
    return _series("CNN, one step", "batch size", tasks, options)


def _against_image_size(options: Namespace, folder: Path) -> dict[str, Any]:
    data = load_data()
    tasks = {}
    for side in IMAGE_SIDES:
        path = folder / f"{side}.npz"
        write_resized(data, side, path)
        tasks[side * side] = ("ours", STEPS["cnn"].with_flags("--data-dir", str(path)), None)
    return _series("CNN, one step of 64 images", "pixels of an image", tasks, options)


def write_resized(data: DataSets, side: int, path: Path) -> None:
    """Write the first 2,400 training and 200 test images as an .npz file, `side` pixels square."""
    arrays = {}
    for name, split, count in (("train", data.train, 2400), ("test", data.test, 200)):
        images = split.images[:count].reshape(-1, *data.image_shape)
        resized = [np.asarray(Image.fromarray(image).resize((side, side))) for image in images]
        arrays |= {f"x_{name}": np.stack(resized), f"y_{name}": split.labels[:count]}
    np.savez(path, **arrays)


def _series(
    title: str, size_name: str, tasks: dict[int, tuple[str, Workload, None]], options: Namespace
) -> dict[str, Any]:
    """Time steps at several sizes, in turns."""
    with ExitStack() as stack, _bar(size_name, len(tasks) * (options.rounds + 1)) as bar:
        children, failed = start_all(stack, tasks)
        times, failed_later = in_rounds(children, options.rounds, options.seconds, bar.update)
        for message in (*failed.values(), *failed_later.values()):
            raise ChildError(message)
        memory = [child.do("steps", 1)["memory"] for child in children.values()]
    return _with_exponents(title, size_name, list(tasks), list(times.values()), memory)


def _with_exponents(
    title: str, size_name: str, sizes: list[int], times: list[list[float]], memory: list[int]
) -> dict[str, Any]:
    seconds = [spread(of_one) for of_one in times]
    medians = [of_one.median for of_one in seconds]
    return {
        "title": title,
        "size": size_name,
        "sizes": sizes,
        "seconds": seconds,
        "memory": memory,
        "exponent": exponent(sizes, medians),
        "exponents": exponents_between(sizes, medians),
        "linear": where_linear(sizes, medians),
        "memory_per_size": slope(sizes, memory),
    }


def _against_training_images(options: Namespace, folder: Path) -> dict[str, Any]:
    """Run softmax regression for one epoch on sets of several sizes, as whole processes."""
    paths = {}
    for size in TRAINING_IMAGES:
        paths[size] = folder / f"{size}.npz"
        write_repeated(load_data(), size, paths[size])
    times: dict[int, list[float]] = {size: [] for size in paths}
    memory = dict.fromkeys(paths, 0)
    rounds = max(1, options.processes // 2)
    with _bar("training images", rounds * len(paths)) as bar:
        for _ in range(rounds):
            for size, path in paths.items():
                flags = ("--epochs", "1", "--data-dir", str(path), "--output-dir", str(folder))
                done = whole_process("mnist_softmax.py", *flags)
                times[size].append(done.seconds)
                memory[size] = max(memory[size], done.memory)
                bar.update()
        bare = whole_process("-c", "import common")
    pixels = load_data().num_pixels
    series = _with_exponents(
        "`mnist_softmax.py --epochs 1`, whole process",
        "training images",
        list(paths),
        list(times.values()),
        list(memory.values()),
    )
    data_bytes = [size * pixels for size in paths]
    series["memory_per_byte_of_data"] = slope(data_bytes, series["memory"])
    series["tensorflow_memory"] = bare.memory
    return series


def write_repeated(data: DataSets, size: int, path: Path) -> None:
    """Write an .npz file of `size` training images: those of `data`, over and over."""
    again = np.arange(size) % len(data.train)
    shape = (-1, *data.image_shape)
    np.savez(
        path,
        x_train=data.train.images[again].reshape(shape),
        y_train=data.train.labels[again],
        x_test=data.test.images.reshape(shape),
        y_test=data.test.labels,
    )


def _against_cores(options: Namespace) -> dict[str, Any]:
    """Time each net's step with 1, 2, … cores, in powers of two."""
    available = num_cores()
    cores = [2**k for k in range(available.bit_length()) if 2**k <= available]
    results = {}
    for name in STEPS:
        workload = read(STEPS[name])
        tasks = {number: ("ours", workload, number) for number in cores}
        with ExitStack() as stack, _bar(f"cores, {name}", len(cores) * (options.rounds + 1)) as bar:
            children, failed = start_all(stack, tasks)
            for message in failed.values():
                raise ChildError(message)
            times, _ = in_rounds(children, options.rounds, options.seconds, bar.update)
        results[name] = {
            "title": workload.title,
            "seconds": {number: spread(times[number]) for number in cores},
            "speedup": {number: ratio(times[1], times[number]) for number in cores},
        }
    return results


MEASUREMENTS = {
    "steps": measure_steps,
    "accuracy": measure_accuracy,
    "process": measure_process,
    "growth": measure_growth,
}
